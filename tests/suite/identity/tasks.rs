//! Tasks as objects: opened, named by calls, shown and closed by their own principal, and by operators.

use super::{
    call_in, in_session, known, leaked, open_task, patient, staffed, task, tasks, text, visit,
};
use serde_json::{Value, json};
use tests::{Gateway, Head, Setup, Upstream};

async fn pair() -> (Gateway, Upstream) {
    let (upstream, _) = patient().await;
    let deadlines = "[gateway.deadlines]\ntask = \"1h\"\nidle = \"5m\"";
    let setup = staffed(
        Setup::new(&upstream.url()).gateway(deadlines),
        &["ann", "bob"],
    );
    (Gateway::start(&setup).await, upstream)
}

/// Any request to the operators' port, with their token.
async fn operate(gateway: &Gateway, verb: &str, path: &str, body: &str) -> (Head, Value) {
    let (token, length) = (gateway.admin_token(), body.len());
    let request = format!(
        "{verb} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    let (head, body) = gateway.admin_raw(&request).await;
    (head, serde_json::from_str(&body).unwrap_or_default())
}

#[tokio::test]
async fn a_task_is_opened_with_a_purpose_and_limits() {
    let (gateway, _upstream) = pair().await;
    let ann = known(&gateway, "up", "ann");
    let before = tests::issuer::now();
    let view = open_task(
        &ann,
        r#"{"purpose":"books \"March\"","deadline":"10m","idle":"90s"}"#,
    )
    .await;
    assert_eq!(text(&view, "agent"), "ann");
    assert_eq!(text(&view, "subject"), "key:keys:ann");
    assert_eq!(text(&view, "purpose"), "books \"March\"");
    assert_eq!(text(&view, "kind"), "declared");
    assert_eq!(view["chain"], json!(["ann"]));
    assert_eq!(view["idle_seconds"], 90);
    let (opened, deadline) = (
        view["opened"].as_u64().unwrap(),
        view["deadline"].as_u64().unwrap(),
    );
    assert!((before..before + 10).contains(&opened), "{view}");
    assert_eq!(deadline - opened, 600);
    let shown = visit(&ann, "GET", &format!("/tasks/{}", text(&view, "id")), "").await;
    assert_eq!((shown.status(), shown.json()), (200, view.clone()));
    assert_eq!(shown.head.get("cache-control"), Some("no-store"));
    assert_eq!(tasks(&ann).await, [view]);
    // Nothing is a wish too, and no wish goes beyond the configuration.
    for wish in ["", "{}", r#"{"deadline":"7d","idle":"7d"}"#] {
        let view = open_task(&ann, wish).await;
        let life = view["deadline"].as_u64().unwrap() - view["opened"].as_u64().unwrap();
        assert_eq!(
            (life, view["idle_seconds"].as_u64()),
            (3_600, Some(300)),
            "{wish}"
        );
    }
    assert_eq!(tasks(&ann).await.len(), 4);
    assert!(tasks(&known(&gateway, "up", "bob")).await.is_empty());
}

#[tokio::test]
async fn a_bad_wish_opens_nothing() {
    let (gateway, _upstream) = pair().await;
    let ann = known(&gateway, "up", "ann");
    let long = format!(r#"{{"purpose":"{}"}}"#, "x".repeat(1_001));
    let huge = format!(r#"{{"purpose":"{}"}}"#, "x".repeat(20_000));
    for (wish, expected) in [
        (r#"{"deadline":"soon"}"#, 400),
        (r#"{"deadline":60}"#, 400),
        (r#"{"deadline":"-1s"}"#, 400),
        (r#"{"idle":""}"#, 400),
        (r#"{"purpose":7}"#, 400),
        (&long, 400),
        (r#"{"tools":["up/**"]}"#, 400),
        // Whose it is follows from the proof alone.
        (r#"{"agent":"bob"}"#, 400),
        (r#"{"agent":"ann"}"#, 400),
        (r#"{"subject":"key:keys:bob"}"#, 400),
        (r#"{"user":"alice"}"#, 400),
        ("[]", 400),
        ("{", 400),
        ("null", 400),
        (&huge, 413),
    ] {
        let answer = visit(&ann, "POST", "/tasks", wish).await;
        assert_eq!(answer.status(), expected, "{}", &wish[..wish.len().min(60)]);
    }
    assert!(tasks(&ann).await.is_empty());
    for (verb, path) in [
        ("DELETE", "/tasks"),
        ("POST", "/tasks/x"),
        ("PUT", "/tasks"),
    ] {
        assert_eq!(
            visit(&ann, verb, path, "").await.status(),
            405,
            "{verb} {path}"
        );
    }
    for path in [
        "/tasks/x",
        "/tasks/0190a5e8000070008000000000000000",
        "/tasks/ann",
    ] {
        assert_eq!(visit(&ann, "GET", path, "").await.status(), 404, "{path}");
        assert_eq!(
            visit(&ann, "DELETE", path, "").await.status(),
            404,
            "{path}"
        );
    }
}

/// A call counts in the task it names, in either era; the server learns nothing of it.
#[tokio::test]
async fn a_call_names_its_task() {
    let (gateway, upstream) = pair().await;
    for agent in [
        known(&gateway, "up", "ann"),
        in_session(&gateway, "ann").await,
    ] {
        let view = open_task(&agent, "{}").await;
        let id = text(&view, "id");
        let path = format!("/tasks/{id}");
        for count in 1..=3 {
            let answer = call_in(&agent, &format!("\"{id}\"")).await;
            assert_eq!(answer.said(), "ok", "{answer:?}");
            let now = visit(&agent, "GET", &path, "").await.json();
            assert_eq!(now["calls"], count);
            assert!(
                now["bytes_in"].as_u64() > Some(10) && now["bytes_out"].as_u64() > Some(10),
                "{now}"
            );
            assert_eq!(now["open_calls"], 0);
        }
        let hyphenated = format!(
            "{}-{}-{}-{}-{}",
            &id[..8],
            &id[8..12],
            &id[12..16],
            &id[16..20],
            &id[20..]
        );
        assert_eq!(
            call_in(&agent, &format!("\"{hyphenated}\"")).await.said(),
            "ok"
        );
        upstream.forget();
        let closed = visit(&agent, "DELETE", &path, "").await;
        assert_eq!(
            (closed.status(), closed.json()["end"]["cause"].clone()),
            (200, json!("closed"))
        );
        for task in [
            format!("\"{id}\""),
            "\"\"".into(),
            "7".into(),
            "null".into(),
            "{}".into(),
            "[\"a\"]".into(),
            "\"implicit\"".into(),
        ] {
            let answer = call_in(&agent, &task).await;
            assert_eq!(answer.status(), 404, "{task}: {answer:?}");
            assert_eq!(answer.json()["error"]["message"], "Task not found");
            assert_eq!(answer.json()["error"]["code"], -31404);
        }
        assert!(upstream.with_method("tools/call").is_empty());
        // What has ended is ended once, and still shown.
        assert_eq!(visit(&agent, "DELETE", &path, "").await.status(), 404);
        assert_eq!(
            visit(&agent, "GET", &path, "").await.json()["end"]["cause"],
            "closed"
        );
        gateway.stderr().wait("the task it names is not open").await;
    }
    assert_eq!(leaked(&upstream), None);
}

/// Who knows nothing of tasks has one for each principal, and one for each session.
#[tokio::test]
async fn implicit_tasks_are_found_again() {
    let (gateway, _upstream) = pair().await;
    let (ann, bob) = (known(&gateway, "up", "ann"), known(&gateway, "up", "bob"));
    for _ in 0..3 {
        assert_eq!(ann.call("echo", "{}").await.said(), "ok");
        assert_eq!(bob.call("echo", "{}").await.said(), "ok");
    }
    let (own, other) = (task(&ann).await, task(&bob).await);
    assert_ne!(text(&own, "id"), text(&other, "id"));
    assert_eq!((text(&own, "kind"), &own["calls"]), ("implicit", &json!(3)));
    let (one, two) = (
        in_session(&gateway, "ann").await,
        in_session(&gateway, "ann").await,
    );
    for session in [&one, &two, &one] {
        assert_eq!(session.call("echo", "{}").await.said(), "ok");
    }
    let of_sessions = tasks(&ann).await;
    let of_sessions: Vec<&Value> = of_sessions
        .iter()
        .filter(|one| text(one, "kind") == "session")
        .collect();
    assert_eq!(of_sessions.len(), 2, "{of_sessions:?}");
    // Trace ids never choose a task.
    let mut traced = known(&gateway, "up", "ann");
    traced.headers += "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n";
    assert_eq!(traced.call("echo", "{}").await.said(), "ok");
    assert_eq!(tasks(&ann).await.len(), 3);
}

#[tokio::test]
async fn operators_see_open_and_close_everybodys_tasks() {
    let (gateway, _upstream) = pair().await;
    let (ann, bob) = (known(&gateway, "up", "ann"), known(&gateway, "up", "bob"));
    assert_eq!(ann.call("echo", "{}").await.said(), "ok");
    assert_eq!(bob.call("echo", "{}").await.said(), "ok");
    let (head, list) = operate(&gateway, "GET", "/tasks", "").await;
    assert_eq!(
        (head.status(), list["tasks"].as_array().unwrap().len()),
        (200, 2)
    );
    let id = text(&task(&ann).await, "id").to_owned();
    let path = format!("/tasks/{id}");
    assert_eq!(operate(&gateway, "GET", &path, "").await.1["agent"], "ann");
    let (head, view) = operate(&gateway, "DELETE", &path, "").await;
    assert_eq!(
        (head.status(), &view["end"]["cause"]),
        (200, &json!("closed"))
    );
    assert!(tasks(&ann).await.is_empty());
    assert_eq!(operate(&gateway, "DELETE", &path, "").await.0.status(), 404);
    // A task opened for an agent is that agent's to name, and nobody else's.
    let wish = r#"{"agent":"ann","subject":"key:keys:ann","purpose":"given"}"#;
    let (head, view) = operate(&gateway, "POST", "/tasks", wish).await;
    assert_eq!(head.status(), 201, "{view}");
    let name = format!("\"{}\"", text(&view, "id"));
    assert_eq!(call_in(&ann, &name).await.said(), "ok");
    assert_eq!(call_in(&bob, &name).await.status(), 404);
    for wish in [
        r#"{"agent":"nobody"}"#,
        "{}",
        "x",
        r#"{"agent":"ann","x":1}"#,
        r#"{"agent":"ann","idle":"x"}"#,
    ] {
        assert_eq!(
            operate(&gateway, "POST", "/tasks", wish).await.0.status(),
            400,
            "{wish}"
        );
    }
    for (verb, path) in [("GET", "/tasks"), ("POST", "/tasks"), ("DELETE", &path)] {
        let request =
            format!("{verb} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(
            gateway.admin_raw(&request).await.0.status(),
            401,
            "{verb} {path}"
        );
    }
}
