//! What a decision costs as rules grow: `cargo bench -p tests --bench decisions`.
//!
//! A thousand agents; rules laid out as operators do and as somebody would who wants decisions to be slow. Each number is
//! the least of several rounds: what else a machine does only adds to it. Targets: a decision below 1 µs with 10,000 rules, 10,000 rules compiled in 200 ms.
use policy::condition::expression::Expression;
use policy::json::Json;
use policy::model::Touched;
use policy::{Document, Now, Outcome, Policy, Request, Source, Target};
use std::fmt::Write as _;
use std::hint::black_box;
use tokio::time::Instant;

const AGENTS: usize = 1_000;
const ROUNDS: usize = 40;
const CALLS: usize = 4_000;
const NOW: Now = Now(1_800_000_000);

/// A way to lay rules out: who and what rule number N speaks of.
struct Layout {
    name: &'static str,
    rule: fn(usize) -> String,
    /// A name that rule number N allows.
    tool: fn(usize) -> (String, String),
}

const LAYOUTS: [Layout; 8] = [
    Layout {
        name: "each rule its agent, its server, its tool",
        rule: |n| format!("agents = 'a{}'\ntools = 's{}/t{n}'", n % AGENTS, n % 100),
        tool: |n| (format!("s{}", n % 100), format!("t{n}")),
    },
    Layout {
        name: "all on one server, exact names, all agents",
        rule: |n| format!("tools = 's0/t{n}'"),
        tool: |n| ("s0".to_owned(), format!("t{n}")),
    },
    Layout {
        name: "the same, agents = \"*\"",
        rule: |n| format!("agents = '*'\ntools = 's0/t{n}'"),
        tool: |n| ("s0".to_owned(), format!("t{n}")),
    },
    Layout {
        name: "all on one server, prefixes",
        rule: |n| format!("tools = 's0/t{n}_*'"),
        tool: |n| ("s0".to_owned(), format!("t{n}_x")),
    },
    Layout {
        name: "all on one server, suffixes",
        rule: |n| format!("tools = 's0/*_{n}t'"),
        tool: |n| ("s0".to_owned(), format!("x_{n}t")),
    },
    Layout {
        name: "all on one server, one prefix, own suffixes",
        rule: |n| format!("tools = 's0/get_*_{n}t'"),
        tool: |n| ("s0".to_owned(), format!("get_x_{n}t")),
    },
    Layout {
        name: "each agent its rules for one whole server",
        rule: |n| format!("agents = 'a{}'\ntools = 's0/**'", n % AGENTS),
        tool: |n| ("s0".to_owned(), format!("t{n}")),
    },
    Layout {
        name: "a tool of every server, all agents",
        rule: |n| format!("tools = '*/t{n}'"),
        tool: |n| ("s0".to_owned(), format!("t{n}")),
    },
];

fn main() {
    println!(
        "| layout | rules | compile ms | MiB | allow ns | deny ns | hidden ns | list ns | open ns |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    for layout in &LAYOUTS {
        for count in [10, 1_000, 10_000] {
            measure(layout, count);
        }
    }
    println!("\n| expression | read us | decide ns |\n| --- | --- | --- |");
    for (name, expression, arguments) in expressions() {
        judge(name, &expression, &arguments);
    }
}

/// What is asked usually, and what somebody would ask who wants it to take long: a name, the expression, the arguments.
fn expressions() -> Vec<(&'static str, String, String)> {
    let usual = r#"{"title":"A title","amount":12,"body":"text"}"#;
    let hundred: Vec<String> = (0..100).map(|number| format!("'{number}'")).collect();
    let hundred = format!("[{}]", hundred.join(","));
    let text = format!("{{\"x\":\"{}\"}}", "ab".repeat(2_000));
    let hard = "call.args.x.matches('(a|b)*a(a|b){8}[c-z]')";
    let known = [
        ("no argument", "agent.name != 'x'", usual),
        ("one argument", "call.args.amount < 1000", usual),
        (
            "one pattern",
            "call.args.title.matches('^[A-Z].*e$')",
            usual,
        ),
        ("the hour", "now.getHours('Europe/Berlin') < 24", usual),
        ("fails", "call.args.missing < 1000", usual),
    ];
    let known = known
        .map(|(name, expression, arguments)| (name, expression.to_owned(), arguments.to_owned()));
    let costly = [
        (
            "in a hundred",
            format!("call.args.title in {hundred}"),
            usual.to_owned(),
        ),
        ("a hard pattern", hard.to_owned(), text.clone()),
        (
            "fifteen hard patterns",
            vec![hard; 15].join(" || "),
            text.clone(),
        ),
        (
            "a search in a hundred steps",
            format!("{hundred}.exists(v, call.args.x.contains('abababac'))"),
            text,
        ),
    ];
    known.into_iter().chain(costly).collect()
}

/// One rule with an expression among 10,000 without.
fn judge(name: &str, expression: &str, arguments: &str) {
    let asked = format!(
        "[[rules]]\nname = 'asked'\ntools = 's0/asked'\nwhen = \"\"\"{expression}\"\"\"\nallow = true\n"
    );
    let text = text(&LAYOUTS[0], 10_000) + &asked;
    let (document, found) = Document::read(vec![Source::new("bench", text)]);
    assert!(found.is_empty(), "{found:?}");
    let (policy, found) = policy::compile(&document.unwrap());
    assert!(found.is_empty(), "{found:?}");
    let request = Request {
        arguments: Some(Json::new(arguments.as_bytes())),
        ..question("a0", "s0", Target::Tool("asked"))
    };
    let read = nanoseconds(20, || {
        drop(black_box(Expression::new(black_box(expression))));
    });
    let decide = nanoseconds(2_000, || {
        drop(black_box(policy::decide(&policy, black_box(&request), NOW)));
    });
    println!("| {name} | {:.0} | {decide:.0} |", read / 1e3);
}

fn question<'a>(agent: &'a str, server: &'a str, target: Target<'a>) -> Request<'a> {
    Request {
        agent,
        user: None,
        others: &[],
        chain: &[],
        scopes: &[],
        task: Touched::default(),
        server,
        target,
        arguments: None,
    }
}

fn measure(layout: &Layout, count: usize) {
    let text = text(layout, count);
    let (document, found) = Document::read(vec![Source::new("bench", text)]);
    assert!(found.is_empty(), "{found:?}");
    let document = document.unwrap();
    let before = resident();
    let (policy, found) = policy::compile(&document);
    assert!(found.is_empty(), "{found:?}");
    let grown = resident().saturating_sub(before);
    let compile = least((0..5).map(|_| {
        let began = Instant::now();
        black_box(policy::compile(&document));
        began.elapsed().as_secs_f64() * 1e3
    }));
    // The last rule of those for one agent.
    let number = count - 1;
    let agent = format!("a{}", number % AGENTS);
    let (server, tool) = (layout.tool)(number);
    let request = question(&agent, &server, Target::Tool(&tool));
    let hidden = Request {
        target: Target::Tool("get_nothing"),
        server: "s1",
        ..request
    };
    let denied = Request {
        target: Target::Tool("kept"),
        ..request
    };
    let opening = Request {
        target: Target::Server,
        ..request
    };
    assert_eq!(
        outcome(&policy, &request),
        Outcome::Allow,
        "{}",
        layout.name
    );
    assert_eq!(outcome(&policy, &hidden), Outcome::Deny);
    assert_eq!(outcome(&policy, &denied), Outcome::Deny);
    // Opening a server looks at more; it happens once a session.
    let decide = |request: &Request<'_>, calls| {
        nanoseconds(calls, || {
            drop(black_box(policy::decide(
                black_box(&policy),
                black_box(request),
                NOW,
            )))
        })
    };
    let list = nanoseconds(CALLS, || {
        black_box(policy::visible(black_box(&policy), black_box(&request)));
    });
    println!(
        "| {} | {count} | {compile:.1} | {:.1} | {:.0} | {:.0} | {:.0} | {list:.0} | {:.0} |",
        layout.name,
        grown as f64 / f64::from(1 << 20),
        decide(&request, CALLS),
        decide(&denied, CALLS),
        decide(&hidden, CALLS),
        decide(&opening, 20),
    );
}

fn text(layout: &Layout, count: usize) -> String {
    let mut text = String::new();
    for number in 0..AGENTS {
        let _ = writeln!(
            text,
            "[agents.a{number}]\nidentity = 'corp:agent-{number}'\nenvelope = {{ tools = ['**'] }}"
        );
    }
    for number in 0..100 {
        let _ = writeln!(
            text,
            "[servers.s{number}.tools]\n'**' = {{ effect = 'read' }}"
        );
    }
    for number in 0..count {
        let rule = (layout.rule)(number);
        let _ = writeln!(
            text,
            "[[rules]]\nname = 'rule {number}'\n{rule}\nallow = true"
        );
    }
    text + "[[rules]]\nname = 'kept'\ntools = '*/kept'\ndeny = 'kept'\n"
}

fn outcome(policy: &Policy, request: &Request<'_>) -> Outcome {
    Outcome::of(&policy::decide(policy, request, NOW))
}

fn nanoseconds(calls: usize, call: impl Fn()) -> f64 {
    least((0..ROUNDS).map(|_| {
        let began = Instant::now();
        for _ in 0..calls {
            call();
        }
        began.elapsed().as_secs_f64() * 1e9 / calls as f64
    }))
}

fn least(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(f64::INFINITY, f64::min)
}

/// Resident bytes of this process; where the system does not say, none.
fn resident() -> usize {
    let facts = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = facts.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    pages.unwrap_or(0_usize) * 4096
}
