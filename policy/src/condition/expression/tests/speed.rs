//! What an evaluation costs: printed, since a machine that is busy would fail a test that asserts it.
//! `cargo test --release -p policy expression::tests::speed -- --ignored --nocapture`

use super::with_facts;
use crate::condition::expression::Expression;

#[expect(
    clippy::disallowed_types,
    reason = "measures, and there is no tokio here"
)]
use std::time::Instant;

/// The least and the most of many evaluations, in nanoseconds.
#[expect(
    clippy::disallowed_types,
    reason = "measures, and there is no tokio here"
)]
fn print_cost(name: &str, expression: &str, arguments: &str) {
    let checked = Expression::new(expression).unwrap();
    let mut times: Vec<u128> = (0..300)
        .map(|_| {
            let start = Instant::now();
            let truth = with_facts(arguments, |facts| checked.truth(facts));
            let time = start.elapsed().as_nanos();
            std::hint::black_box(truth);
            time
        })
        .collect();
    times.sort_unstable();
    let truth = with_facts(arguments, |facts| checked.truth(facts));
    println!(
        "{:>9} ns, {:>9} ns at p95: {name}: {truth:?}",
        times[0], times[285]
    );
}

#[test]
#[ignore = "prints times"]
fn what_an_evaluation_costs() {
    let usual = r#"{"title": "A title", "amount": 12, "filter": {"repo": "x/y"}, "body": "text"}"#;
    print_cost("no arguments", "agent.name == \"helper\"", usual);
    print_cost("one argument", "call.args.amount < 1000", usual);
    print_cost(
        "one of each",
        "call.args.amount < 1000 && agent.owner == \"ops@example.com\"",
        usual,
    );
    print_cost(
        "one pattern",
        "call.args.title.matches(\"^[A-Z].*e$\")",
        usual,
    );
    print_cost("fails", "call.args.missing < 1000", usual);
    print_cost("the hour", "now.getHours(\"Europe/Berlin\") < 12", usual);
    let hundred: Vec<_> = (0..100).map(|n| format!("\"{n}\"")).collect();
    let hundred = format!("[{}]", hundred.join(","));
    print_cost(
        "in a hundred",
        &format!("call.args.title in {hundred}"),
        usual,
    );
}

#[test]
#[ignore = "prints times"]
fn what_an_evaluation_costs_at_worst() {
    let hundred: Vec<_> = (0..100).map(|n| format!("\"{n}\"")).collect();
    let hundred = format!("[{}]", hundred.join(","));
    let text = |length: usize| format!("{{\"x\":\"{}\"}}", "ab".repeat(length / 2));
    let exists = |body: &str| format!("{hundred}.exists(v, {body})");
    print_cost(
        "steps",
        &exists("1 + 2 + 3 + 4 + 5 + 6 + 7 + 8 == 9 || v == \"x\""),
        "{}",
    );
    print_cost(
        "errors",
        &exists("call.args.y || call.args.y || call.args.y || call.args.y"),
        "{}",
    );
    print_cost(
        "long text, once",
        "call.args.x.contains(\"c\")",
        &text(100_000),
    );
    print_cost(
        "text in steps",
        &exists("call.args.x.contains(\"abababac\")"),
        &text(1_000),
    );
    let appended = format!("{} == \"\"", vec!["call.args.x"; 20].join(" + "));
    print_cost("appended", &appended, &text(4_000));
    let list = |items: usize| format!("{{\"x\":[{}0]}}", "0,".repeat(items));
    print_cost(
        "long list",
        "call.args.x == [1] || 1 in call.args.x",
        &list(1_000),
    );
    print_cost(
        "long list, wrong type",
        "call.args.x + 1 == 2",
        &list(1_900),
    );
    let members: Vec<_> = (0..1_000).map(|n| format!("\"{n}\":0")).collect();
    let object = format!("{{\"x\":{{{}}}}}", members.join(","));
    print_cost("many members", "call.args.x == call.args.x", &object);
    print_cost("last member", "call.args.x[\"999\"] == 0", &object);
    let escaped = format!("{{\"x\":\"{}\"}}", "\\u00e9".repeat(20_000));
    print_cost("escaped", "call.args.x == \"a\"", &escaped);
    for pattern in [
        "(a|b|ab)*[cd]$",
        "(a|b)*a(a|b){12}[c-z]",
        "([ab]{0,30}){4}[cd]$",
        ".*a.*b.*a.*b.*[cd]$",
        "(?i)(a.?){20}[cd]",
        "\\b\\w+\\b.{3}[cd]",
    ] {
        let expression = format!("call.args.x.matches(r\"{pattern}\")");
        print_cost(&format!("pattern {pattern}"), &expression, &text(4_000));
    }
    let matches = vec!["call.args.x.matches(\"(a|b)*a(a|b){12}[c-z]\")"; 15].join(" || ");
    print_cost("patterns", &matches, &text(4_000));
}

#[test]
#[ignore = "prints times"]
#[expect(
    clippy::disallowed_types,
    reason = "measures, and there is no tokio here"
)]
fn what_reading_an_expression_costs() {
    for text in [
        "call.args.amount < 1000 && agent.name == \"x\"".to_owned(),
        "call.args.path.matches(\"^/srv/[a-z]+/\")".to_owned(),
        vec!["call.args.a == 1"; 120].join(" || "),
        format!("{}true", "!".repeat(4_000)),
        "(".repeat(4_000),
    ] {
        let times = (0..20).map(|_| {
            let start = Instant::now();
            let accepted = Expression::new(&text).is_ok();
            (start.elapsed(), accepted)
        });
        println!("{:?}: {} bytes", times.min(), text.len());
    }
}
