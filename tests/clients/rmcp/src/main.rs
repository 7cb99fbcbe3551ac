//! The Rust SDK as an agent: `hopgate-rmcp legacy|modern TS_URL PY_URL EVERYTHING_URL`, one PASS or FAIL line per case.

#![expect(
    deprecated,
    reason = "sampling is deprecated, and must pass all the same"
)]

use rmcp::model::{
    CallToolRequestParams, ClientCapabilities, ClientConfig, CreateMessageRequestParams,
    CreateMessageResult, ElicitRequestParams, ElicitResult, ElicitationAction, ErrorData,
    Implementation, ProgressNotificationParam, ProtocolVersion, SamplingMessage,
};
use rmcp::service::{NotificationContext, RequestContext, RoleClient, RunningService};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::{ClientHandler, ClientLifecycleMode, ClientServiceExt};
use serde_json::{Value, json};
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

type Outcome = Result<(), Box<dyn std::error::Error>>;
type Running = RunningService<RoleClient, Agent>;

/// Answers what a server asks, and remembers when progress came.
#[derive(Clone, Default)]
struct Agent {
    progress: Arc<Mutex<Vec<Instant>>>,
    changes: Arc<Mutex<usize>>,
}

impl ClientHandler for Agent {
    async fn create_message(
        &self,
        _params: CreateMessageRequestParams,
        _context: RequestContext<RoleClient>,
    ) -> Result<CreateMessageResult, ErrorData> {
        let message = SamplingMessage::assistant_text("sampled by rmcp é");
        Ok(CreateMessageResult::new(message, "m".to_owned()))
    }

    async fn create_elicitation(
        &self,
        _request: ElicitRequestParams,
        _context: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        let content = json!({"username": "Zoë \"q\"", "email": "a@example.org", "name": "Zoë"});
        Ok(ElicitResult::new(ElicitationAction::Accept).with_content(content))
    }

    async fn on_progress(
        &self,
        _params: ProgressNotificationParam,
        _context: NotificationContext<RoleClient>,
    ) {
        self.progress.lock().unwrap().push(Instant::now());
    }

    async fn on_tool_list_changed(&self, _context: NotificationContext<RoleClient>) {
        *self.changes.lock().unwrap() += 1;
    }

    fn get_info(&self) -> ClientConfig {
        let capabilities = ClientCapabilities::builder()
            .enable_elicitation()
            .enable_sampling()
            .enable_roots()
            .build();
        ClientConfig::new(capabilities, Implementation::new("tester", "1"))
    }
}

/// Where and how this run connects.
struct World {
    legacy: bool,
    ts: String,
    py: String,
    everything: String,
}

impl World {
    async fn connect(&self, url: &str) -> Result<Running, Box<dyn std::error::Error>> {
        let transport = StreamableHttpClientTransport::from_uri(url);
        let mode = match self.legacy {
            true => ClientLifecycleMode::Initialize,
            false => ClientLifecycleMode::Discover {
                preferred_versions: vec![ProtocolVersion::V_2026_07_28],
            },
        };
        Ok(Agent::default()
            .serve_with_lifecycle(transport, mode)
            .await?)
    }

    fn key(&self) -> String {
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap();
        format!("rmcp-{}-{}", self.legacy, now.as_nanos())
    }
}

async fn call(
    agent: &Running,
    tool: &'static str,
    arguments: Value,
) -> Result<String, Box<dyn std::error::Error>> {
    let arguments = arguments.as_object().cloned().unwrap_or_default();
    let result = agent
        .call_tool(CallToolRequestParams::new(tool).with_arguments(arguments))
        .await?;
    let result = serde_json::to_value(result)?;
    Ok(result["content"][0]["text"]
        .as_str()
        .unwrap_or_default()
        .to_owned())
}

async fn report(agent: &Running, key: &str) -> Result<Value, Box<dyn std::error::Error>> {
    Ok(serde_json::from_str(
        &call(agent, "work_report", json!({"key": key})).await?,
    )?)
}

async fn lists_and_calls(world: &World) -> Outcome {
    for url in [&world.ts, &world.py] {
        let agent = world.connect(url).await?;
        let tools = agent.list_all_tools().await?;
        assert!(tools.iter().any(|tool| tool.name == "test_simple_text"));
        let said = call(&agent, "test_simple_text", json!({})).await?;
        assert!(said.contains("simple text response"), "{said}");
        assert!(!agent.list_all_resources().await?.is_empty());
        assert!(!agent.list_all_prompts().await?.is_empty());
        assert!(call(&agent, "no_such_tool", json!({})).await.is_err());
        agent.cancel().await?;
    }
    Ok(())
}

async fn progress_arrives_live(world: &World) -> Outcome {
    let agent = world.connect(&world.ts).await?;
    call(
        &agent,
        "work_slow",
        json!({"key": world.key(), "steps": 5, "every": 200}),
    )
    .await?;
    let times = agent.service().progress.lock().unwrap().clone();
    assert_eq!(times.len(), 5, "{times:?}");
    assert!(
        times[4] - times[0] > Duration::from_millis(500),
        "came together: {times:?}"
    );
    Ok(())
}

/// Dropping the call cancels it, in the way of the era.
async fn a_dropped_call_stops(world: &World) -> Outcome {
    let (agent, watcher) = (
        world.connect(&world.ts).await?,
        world.connect(&world.ts).await?,
    );
    let key = world.key();
    let running = call(
        &agent,
        "work_slow",
        json!({"key": key, "steps": 100, "every": 100}),
    );
    assert!(
        tokio::time::timeout(Duration::from_secs(1), running)
            .await
            .is_err()
    );
    for _ in 0..100 {
        let state = report(&watcher, &key).await?;
        assert_eq!(state["begun"], 1);
        if state["aborted"] == 1 {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err("the server never stopped".into())
}

async fn content_of_answers_arrives(world: &World) -> Outcome {
    let (asks, samples) = match world.legacy {
        true => ("test_elicitation", "test_sampling"),
        false => (
            "test_input_required_result_elicitation",
            "test_input_required_result_sampling",
        ),
    };
    for url in [&world.ts, &world.py] {
        let agent = world.connect(url).await?;
        // This SDK opens its GET stream behind its caller's back; a question asked before that has no way to it.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let said = call(&agent, asks, json!({"message": "Who?"})).await?;
        assert!(said.contains("Zo"), "{said}");
        let said = call(&agent, samples, json!({"prompt": "x"})).await?;
        assert!(said.contains("sampled by rmcp é"), "{said}");
    }
    Ok(())
}

async fn a_call_is_executed_once(world: &World) -> Outcome {
    let agent = world.connect(&world.ts).await?;
    let key = world.key();
    for number in 1..=30 {
        assert_eq!(
            call(&agent, "work_count", json!({"key": key})).await?,
            number.to_string()
        );
    }
    Ok(())
}

async fn answers_never_cross(world: &World) -> Outcome {
    let agents = [
        world.connect(&world.ts).await?,
        world.connect(&world.ts).await?,
    ];
    for round in 0..20 {
        let text = |who: usize| format!("{who}/{round}");
        let (one, two) = tokio::join!(
            call(&agents[0], "work_echo", json!({"text": text(0)})),
            call(&agents[1], "work_echo", json!({"text": text(1)})),
        );
        assert_eq!((one?, two?), (text(0), text(1)));
    }
    Ok(())
}

async fn large_bodies_pass(world: &World) -> Outcome {
    let agent = world.connect(&world.ts).await?;
    let text = "ü\"\\ ".repeat(130_000);
    assert_eq!(
        call(&agent, "work_echo", json!({"text": text})).await?,
        text
    );
    let size = if world.legacy { 900_000 } else { 12 << 20 };
    assert_eq!(
        call(&agent, "work_big", json!({"size": size})).await?.len(),
        size
    );
    Ok(())
}

async fn a_real_server_works(world: &World) -> Outcome {
    if !world.legacy {
        // server-everything speaks `initialize` only: the pair is one the gateway does not bridge.
        assert!(world.connect(&world.everything).await.is_err());
        return Ok(());
    }
    let agent = world.connect(&world.everything).await?;
    let said = call(&agent, "get-sum", json!({"a": 2, "b": 3})).await?;
    assert!(said.contains('5'), "{said}");
    call(
        &agent,
        "trigger-long-running-operation",
        json!({"duration": 2, "steps": 4}),
    )
    .await?;
    let times = agent.service().progress.lock().unwrap().clone();
    assert!(
        times.len() >= 3 && times[times.len() - 1] - times[0] > Duration::from_millis(800),
        "{times:?}"
    );
    Ok(())
}

async fn list_changes_arrive(world: &World) -> Outcome {
    let agent = world.connect(&world.ts).await?;
    tokio::time::sleep(Duration::from_millis(300)).await;
    call(&agent, "test_trigger_tool_change", json!({})).await?;
    for _ in 0..100 {
        if *agent.service().changes.lock().unwrap() > 0 {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err("no tools/list_changed".into())
}

async fn judge(name: &str, test: impl Future<Output = Outcome>) {
    match tokio::time::timeout(Duration::from_secs(60), test).await {
        Ok(Ok(())) => println!("PASS {name}"),
        Ok(Err(error)) => println!("FAIL {name}: {error}"),
        Err(_) => println!("FAIL {name}: took longer than a minute"),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [era, ts, py, everything] =
        <[String; 4]>::try_from(arguments).expect("ERA TS PY EVERYTHING");
    let world = World {
        legacy: era == "legacy",
        ts,
        py,
        everything,
    };
    judge("lists_and_calls", lists_and_calls(&world)).await;
    judge("progress_arrives_live", progress_arrives_live(&world)).await;
    judge("a_dropped_call_stops", a_dropped_call_stops(&world)).await;
    judge(
        "content_of_answers_arrives",
        content_of_answers_arrives(&world),
    )
    .await;
    judge("a_call_is_executed_once", a_call_is_executed_once(&world)).await;
    judge("answers_never_cross", answers_never_cross(&world)).await;
    judge("large_bodies_pass", large_bodies_pass(&world)).await;
    judge("a_real_server_works", a_real_server_works(&world)).await;
    if world.legacy {
        judge("list_changes_arrive", list_changes_arrive(&world)).await;
    }
}
