//! Limits, budgets and costs that contradict themselves, or say nothing.

use super::{check, rule};

/// A limit on everything that takes one.
fn limit(body: &str, expected: &[(&str, &str)]) {
    check(&rule(&format!("allow = true\nlimit = {body}")), expected);
    check(
        &rule(&format!(
            "ask = {{ approvers = \"leads\" }}\nlimit = {body}"
        )),
        expected,
    );
    let envelope = format!("[agents.eve]\nenvelope = {{ tools = [\"s/*\"], limit = {body} }}\n");
    check(&envelope, expected);
}

#[test]
fn good_limits_pass() {
    for good in [
        "{ rate = \"60/min\" }",
        "{ rate = \"1000000/s\" }",
        "{ rate = \"1/d\", burst = 366 }",
        "{ rate = \"1000000000/d\" }",
        "{ rate = \"5/h\", burst = 1 }",
        "{ concurrency = 4 }",
        "{ concurrency = 4, queue = { size = 16, wait = \"1m\" } }",
        "{ rate = \"60/min\", local = true }",
        "{ rate = \"60/min\", local = false, store_down = \"deny\" }",
        "[{ rate = \"60/min\" }, { rate = \"1000/d\", per = \"agent\" }]",
    ] {
        limit(good, &[]);
    }
    for per in ["agent", "subject", "task", "chain", "tool", "server"] {
        limit(&format!("{{ concurrency = 1, per = \"{per}\" }}"), &[]);
    }
}

#[test]
fn rates_are_a_number_in_a_unit() {
    for bad in [
        "60",
        "60/m",
        "60/minute",
        "60 / min",
        "60/5min",
        "0/s",
        "-1/s",
        "+1/s",
        "1.5/s",
        "1000001/s",
        "1000000001/d",
        "99999999999999999999/s",
        "/s",
        "",
    ] {
        let place = format!("\"{bad}\"");
        limit(
            &format!("{{ rate = \"{bad}\" }}"),
            &[("invalid-value", &place)],
        );
    }
    limit("{ rate = 60 }", &[("wrong-type", "60")]);
}

#[test]
fn a_limit_bounds_something() {
    limit("{}", &[("missing-key", "{}")]);
    let per = "{ per = \"agent\" }";
    limit(per, &[("missing-key", per)]);
    limit("[]", &[("invalid-value", "[]")]);
    limit("5", &[("wrong-type", "5")]);
    limit("[{ concurrency = 1 }, 5]", &[("wrong-type", "5")]);
    limit("{ concurrency = 0 }", &[("invalid-value", "0")]);
    limit("{ concurrency = 1, burst = 2 }", &[("conflict", "burst")]);
    limit("{ burst = 2 }", &[("conflict", "burst")]);
    limit(
        "{ rate = \"1/d\", burst = 367 }",
        &[("invalid-value", "367")],
    );
    limit(
        "{ concurrency = 1, per = \"user\" }",
        &[("invalid-value", "\"user\"")],
    );
    limit(
        "{ concurrency = 1, rte = \"1/s\" }",
        &[("unknown-key", "rte")],
    );
    let many = format!(
        "[{}{{ concurrency = 99 }}]",
        "{ concurrency = 1 }, ".repeat(16)
    );
    limit(&many, &[("invalid-value", "{ concurrency = 99 }")]);
}

#[test]
fn a_queue_has_a_size_and_an_end() {
    let queue = |body: &str| format!("{{ concurrency = 1, queue = {body} }}");
    limit(&queue("{ size = 1 }"), &[("missing-key", "{ size = 1 }")]);
    limit(
        &queue("{ wait = \"1s\" }"),
        &[("missing-key", "{ wait = \"1s\" }")],
    );
    limit(
        &queue("{ size = 0, wait = \"1s\" }"),
        &[("invalid-value", "0")],
    );
    limit(
        &queue("{ size = 1, wait = \"61s\" }"),
        &[("invalid-value", "\"61s\"")],
    );
    limit(
        &queue("{ size = 1, wait = \"soon\" }"),
        &[("invalid-value", "\"soon\"")],
    );
}

#[test]
fn a_local_limit_does_not_mind_the_store() {
    limit(
        "{ concurrency = 1, store_down = \"allow\" }",
        &[("invalid-value", "\"allow\"")],
    );
    limit(
        "{ concurrency = 1, local = true, store_down = \"deny\" }",
        &[("conflict", "store_down")],
    );
}

#[test]
fn only_what_passes_is_limited() {
    check(
        &rule("deny = \"no\"\nlimit = { concurrency = 1 }"),
        &[("conflict", "limit")],
    );
    check(
        &rule("allow = true\nmode = \"shadow\"\nlimit = { concurrency = 1 }"),
        &[],
    );
    check(
        &rule("allow = true\nbudget = { task = { calls = 1 } }"),
        &[("unknown-key", "budget")],
    );
}

#[test]
fn a_budget_bounds_something() {
    let budget = |body: &str, expected: &[(&str, &str)]| {
        let envelope = format!("{{ tools = [\"s/*\"], budget = {body} }}");
        check(&format!("[agents.eve]\nenvelope = {envelope}\n"), expected);
    };
    budget(
        "{ task = { calls = 200, bytes = \"50MiB\", minutes = 30, cost = 500 }, day = { calls = 5000 } }",
        &[],
    );
    budget("{ day = { bytes = \"2TiB\" } }", &[]);
    budget("{}", &[("missing-key", "{}")]);
    budget(
        "{ task = { calls = 1 }, day = {} }",
        &[("missing-key", "{}")],
    );
    budget("{ task = { calls = 0 } }", &[("invalid-value", "0")]);
    budget("{ task = { bytes = 5 } }", &[("wrong-type", "5")]);
    for bad in ["0B", "5MB", "2000TiB"] {
        let place = format!("\"{bad}\"");
        budget(
            &format!("{{ task = {{ bytes = \"{bad}\" }} }}"),
            &[("invalid-value", &place)],
        );
    }
    budget(
        "{ task = { minutes = \"30m\" } }",
        &[("wrong-type", "\"30m\"")],
    );
    budget("{ hour = { calls = 1 } }", &[("unknown-key", "hour")]);
    budget("{ task = 5 }", &[("wrong-type", "5")]);
}

#[test]
fn costs_are_whole_and_not_negative() {
    for shelf in ["tools", "resources", "prompts", "methods"] {
        let cost = |value: &str| format!("[servers.s.{shelf}]\nx = {{ cost = {value} }}\n");
        check(&cost("0"), &[]);
        check(&cost("1000000"), &[]);
        check(&cost("-1"), &[("invalid-value", "-1")]);
        check(&cost("1.5"), &[("wrong-type", "1.5")]);
    }
}
