//! What a decision costs as rules grow: `cargo bench -p policy`.
//!
//! A thousand agents; rules laid out as operators do and as somebody would who wants decisions to be slow. Each number is
//! the least of several rounds: what else a machine does only adds to it. Targets: a decision below 1 µs with 10,000 rules, 10,000 rules compiled in 200 ms.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench may stop and prints"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "the clock and the process are what is read"
)]

use policy::model::Touched;
use policy::{Document, Now, Outcome, Policy, Request, Source, Target};
use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Instant;

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
    let request = Request {
        agent: &agent,
        user: None,
        others: &[],
        chain: &[],
        scopes: &[],
        task: Touched::default(),
        server: &server,
        target: Target::Tool(&tool),
        arguments: None,
    };
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
