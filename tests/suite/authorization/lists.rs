//! What is listed is what can be called: lists go through the same decision, and what stays is not touched.

use super::willing;
use tests::setup::{allow, deny};
use tests::{Agent, Era, Gateway, Setup, json};

fn names(list: &serde_json::Value, member: &str, key: &str) -> Vec<String> {
    let items = list["result"][member].as_array().expect("a list");
    items
        .iter()
        .map(|item| item[key].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_list_shows_what_may_be_called_and_nothing_else() {
    let upstream = willing().await;
    let rules = allow("tools", "up/*")
        + &deny("not this", "up/secret", "no")
        + &deny("nor", "up/sl*", "no");
    let gateway = Gateway::start(&Setup::new(&upstream.url()).rules(&rules)).await;
    for era in [Era::Legacy, Era::Modern] {
        let agent = Agent::of(era, &gateway).await;
        let list = agent.request("tools/list", "{}").await.json();
        assert_eq!(
            names(&list, "tools", "name"),
            ["echo", "mirrored"],
            "{era:?}"
        );
        for tool in ["echo", "slow", "secret"] {
            let callable = agent.call(tool, "{}").await.code().is_none();
            let visible = names(&list, "tools", "name")
                .iter()
                .any(|name| name == tool);
            assert_eq!(callable, visible, "{tool}");
        }
        // No rule speaks of resources or prompts here.
        for (method, member) in [("resources/list", "resources"), ("prompts/list", "prompts")] {
            let list = agent.request(method, "{}").await.json();
            let items = list["result"][member].as_array().map(Vec::len);
            assert!(items.is_none_or(|count| count == 0), "{method}: {list}");
        }
    }
}

/// The items that stay are the server's own bytes, the cursor too; only the scope says that others may see another list.
#[tokio::test]
async fn what_stays_is_untouched() {
    let upstream = willing().await;
    let rules = allow("tools", "up/*") + &deny("not this", "up/secret", "no");
    let setup = Setup::new(&upstream.url());
    let filtered = Gateway::start(&setup.clone().rules(&rules)).await;
    let open = Gateway::start(&setup).await;
    for era in [Era::Legacy, Era::Modern] {
        let whole = Agent::of(era, &open)
            .await
            .request("tools/list", "{}")
            .await;
        let part = Agent::of(era, &filtered)
            .await
            .request("tools/list", "{}")
            .await;
        let item = |text: &str| format!(r#"{{"name":"{text}","inputSchema":{{"type":"object"}}}}"#);
        let cut = whole
            .result()
            .replace(&format!("{},", item("secret")), "")
            .replace(r#""cacheScope":"public""#, r#""cacheScope":"private""#);
        assert_eq!(part.result(), cut, "{era:?}");
        assert!(part.result().contains(r#""x-unknown":1.0"#));
        assert!(part.result().contains(r#""nextCursor":"up-cursor""#));
        // Untouched where nothing is cut.
        assert!(whole.result().contains(r#""secret""#));
        assert!(!whole.result().contains("private"));
    }
}

#[tokio::test]
async fn resources_and_prompts_are_filtered_too() {
    let upstream = willing().await;
    let rules = allow("one", "up/resource:up://one")
        + &allow("prompts", "up/prompt:*")
        + &deny("not", "up/prompt:greet", "no");
    let gateway = Gateway::start(&Setup::new(&upstream.url()).rules(&rules)).await;
    let agent = Agent::modern(&gateway);
    let resources = agent.request("resources/list", "{}").await.json();
    assert_eq!(names(&resources, "resources", "uri"), ["up://one"]);
    let prompts = agent.request("prompts/list", "{}").await.json();
    assert!(names(&prompts, "prompts", "name").is_empty());
    let tools = agent.request("tools/list", "{}").await.json();
    assert!(names(&tools, "tools", "name").is_empty());
    upstream.forget();
    for (method, params) in [
        ("prompts/get", r#"{"name":"greet"}"#),
        ("resources/read", r#"{"uri":"up://two"}"#),
        (
            "completion/complete",
            r#"{"ref":{"type":"ref/prompt","name":"greet"},"argument":{"name":"a","value":"b"}}"#,
        ),
        (
            "completion/complete",
            r#"{"ref":{"type":"ref/resource","uri":"up://two"},"argument":{"name":"a","value":"b"}}"#,
        ),
    ] {
        let answer = agent.request(method, params).await;
        assert!(answer.code().is_some(), "{method} {params}: {answer:?}");
    }
    assert!(upstream.received().is_empty());
}

/// A listen asks only for what its caller may see; the rest is cut from the forwarded request.
#[tokio::test]
async fn a_listen_asks_for_no_more_than_it_may_have() {
    let upstream = willing().await;
    let rules = allow("tools", "up/*") + &allow("one", "up/resource:up://one");
    let gateway = Gateway::start(&Setup::new(&upstream.url()).rules(&rules)).await;
    let agent = Agent::modern(&gateway);
    upstream.forget();
    let asked = r#"{"notifications":{"toolsListChanged":true,"promptsListChanged":true,"resourceSubscriptions":["up://one","up://two"]},"x":1.0}"#;
    drop(agent.open("subscriptions/listen", asked).await);
    let listen = &upstream.with_method("subscriptions/listen")[0];
    let sent = listen.raw(&["params", "notifications"]).unwrap();
    assert!(sent.contains(r#""toolsListChanged":true"#), "{sent}");
    assert!(
        !sent.contains("up://two") && sent.contains("up://one"),
        "{sent}"
    );
    assert_eq!(json::raw(&listen.body, &["params", "x"]).unwrap(), "1.0");
}
