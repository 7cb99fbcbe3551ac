//! What an evaluation costs: printed, since a machine that is busy would fail a test that asserts it.
//! `cargo test --release -p policy expression::tests::speed -- --ignored --nocapture`

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "measures and prints"
)]

use super::with_facts;
use crate::condition::expression::Expression;
use std::time::Instant;

/// How long the fastest evaluation took, and how long nineteen of twenty took at most.
fn print_cost(name: &str, expression: &str, arguments: &str) {
    print_costs(name, expression, &[arguments.to_owned()]);
}

/// The same, with other arguments each time.
fn print_costs(name: &str, expression: &str, arguments: &[String]) {
    let checked = Expression::new(expression).unwrap();
    let mut times: Vec<u128> = arguments
        .iter()
        .cycle()
        .take(300)
        .map(|arguments| {
            let start = Instant::now();
            let truth = with_facts(arguments, |facts| checked.truth(facts));
            let time = start.elapsed().as_nanos();
            std::hint::black_box(truth);
            time
        })
        .collect();
    times.sort_unstable();
    let (least, most) = (times[0], times[285]);
    let truth = with_facts(&arguments[0], |facts| checked.truth(facts));
    println!("{least:>9} ns, {most:>9} ns at p95: {name}: {truth:?}");
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
        "call.args.x.matches(\"(a|b)*c\")",
        &text(170_000),
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
        &list(800),
    );
    print_cost(
        "long list, wrong type",
        "call.args.x + 1 == 2",
        &list(1_900),
    );
    let members: Vec<_> = (0..800).map(|n| format!("\"{n}\":0")).collect();
    let object = format!("{{\"x\":{{{}}}}}", members.join(","));
    print_cost("many members", "call.args.x == call.args.x", &object);
    print_cost("last member", "call.args.x[\"799\"] == 0", &object);
    let escaped = format!("{{\"x\":\"{}\"}}", "\\u00e9".repeat(9_000));
    print_cost("escaped", "call.args.x == \"a\"", &escaped);
}

#[test]
#[ignore = "prints times"]
fn what_patterns_cost_at_worst() {
    // Without a period and never the same, so that the automaton meets new states all the time.
    let mut seed = 1_u32;
    let mut mixed = || {
        let letters = (0..4_000).map(|_| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if seed >> 31 == 0 { 'a' } else { 'b' }
        });
        format!("{{\"x\":\"{}\"}}", letters.collect::<String>())
    };
    let texts: Vec<_> = (0..300).map(|_| mixed()).collect();
    for pattern in [
        "(a|b|ab)*[cd]$",
        "(a|b)*a(a|b){8}[c-z]",
        "([ab]{0,30}){4}[cd]$",
        ".*a.*b.*a.*b.*[cd]$",
        "(?i)(a.?){8}[cd]",
        "(a+b*)+[ab]?.{5}[cd]",
        "^[a-z0-9.-]+@[a-z0-9.-]+$",
        r"^[\w.-]+@[\w.-]+$",
        r"^\w+$",
        r"^\d{4}-\d{2}-\d{2}$",
        r"\bdrop\s+table\b",
        "(?i)^(select|show|explain) ",
    ] {
        let expression = format!("call.args.x.matches(r\"{pattern}\")");
        let start = Instant::now();
        let flaw = Expression::new(&expression).err();
        println!("{:?}: {pattern}: {flaw:?}", start.elapsed());
        if flaw.is_none() {
            print_costs(&format!("pattern {pattern}"), &expression, &texts);
        }
    }
    let matches = vec!["call.args.x.matches(\"(a|b)*a(a|b){8}[c-z]\")"; 15].join(" || ");
    print_costs("fifteen patterns", &matches, &texts);
}

#[test]
#[ignore = "prints times"]
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
