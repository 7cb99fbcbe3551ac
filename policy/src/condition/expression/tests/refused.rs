//! What is no expression, and what is said of it.

use crate::condition::expression::Expression;

fn refused(text: &str, message: &str, help: &str) {
    match Expression::new(text) {
        Ok(_) => panic!("{text} was not refused"),
        Err(flaw) => {
            assert!(flaw.message.contains(message), "{text}: {flaw:?}");
            assert!(flaw.help.contains(help), "{text}: {flaw:?}");
        }
    }
}

#[test]
fn what_is_not_written_right_is_told_where() {
    refused("1 +", "at column 4", "ends too early");
    refused("agent.name ==\n  == 1", "at line 2, column 3", "unexpected");
    refused("", "no expression", "");
    refused("has(1)", "at column", "has()");
    refused("a ? b", "at column", "");
    refused("\"open", "at column", "");
}

#[test]
fn unknown_names_are_told_with_the_nearest() {
    refused("agen.name == \"x\"", "`agen`", "did you mean `agent`?");
    refused("x == 1", "unknown variable `x`", "`call`, `agent`");
    refused("agent.nam == \"x\"", "`agent.nam`", "`agent.name`");
    refused(
        "call.arguments.x == 1",
        "`call.arguments`",
        "`args`, `name`, `kind`",
    );
    refused("task[\"labels\"] == \"x\"", "`task.labels`", "`task.label`");
    refused(
        "agent == null",
        "`agent` is no value",
        "`name`, `owner`, `purpose`",
    );
    refused("call == 1", "`call` is no value", "`args`");
    refused(
        "agent.name.first == \"x\"",
        "nothing further inside",
        "whole",
    );
    refused("now.hours == 1", "`now.hours`", "no members");
    refused("chain.first == \"x\"", "`chain.first`", "no members");
    refused("user[0] == 1", "nothing further inside", "whole");
    refused("has(agent.owner)", "`has` asks for arguments only", "null");
    refused("has(call.args)", "`has` asks for arguments only", "");
    refused("[1].exists(agent, agent == 1)", "`agent` is taken", "`x`");
    refused("[1].exists(int, int == 1)", "`int` is taken", "`x`");
    refused(
        "[1].exists(x, x == 1) && x == 1",
        "unknown variable `x`",
        "",
    );
}

#[test]
fn unknown_functions_are_told_with_the_nearest() {
    refused(
        "call.name.startswith(\"a\")",
        "`startswith`",
        "`startsWith`",
    );
    refused(
        "uuid(call.name) == \"\"",
        "unknown function `uuid`",
        "`size`",
    );
    refused(
        "call.name.size(1) == 1",
        "`size` is not called so",
        "`size(a)` or `x.size()`",
    );
    refused(
        "startsWith(call.name, \"a\")",
        "not called so",
        "`x.startsWith(a)`",
    );
    refused(
        "[1].all(1)",
        "`all` is not called so",
        "[…].all(x, condition)",
    );
    refused("bytes(call.name) == b\"a\"", "unknown function `bytes`", "");
    refused("optional.of(1) == 1", "unknown function `of`", "");
    refused("dyn(1) == 1", "unknown function `dyn`", "");
    refused("a.b{c: 1} == 1", "no messages", "map");
}

#[test]
fn what_is_never_true_or_false_is_refused() {
    for text in [
        "1",
        "\"true\"",
        "null",
        "1 + 1",
        "-call.args.x",
        "[true]",
        "{\"a\": true}",
        "agent.name",
        "now",
        "user",
        "chain",
        "size(call.args)",
        "string(true)",
        "[1].map(x, true)",
        "[true].filter(x, x)",
        "call.args.x ? 1 : 2",
    ] {
        refused(text, "neither true nor false", "compare");
    }
    refused("true && 1", "here stands something else", "compare");
    refused("!call.name", "here stands something else", "compare");
    refused(
        "call.name ? true : false",
        "here stands something else",
        "compare",
    );
}

#[test]
fn patterns_are_written_out_and_small() {
    refused("call.name.matches(call.args.p)", "not written out", "text");
    refused(
        "call.name.matches(\"(\")",
        "no regular expression",
        "unclosed group",
    );
    refused(
        "call.name.matches(\"(?:a{99}){99}\")",
        "too large",
        "repeat less",
    );
    refused(
        "call.name.matches(r\"(a)\\1\")",
        "no regular expression",
        "backreferences",
    );
    for explodes in ["(a|b)*a(a|b){14}c", "((a{99}){99}){99}", "(\\\\w{40}x){40}"] {
        let text = format!("call.name.matches(\"{explodes}\")");
        refused(&text, "too large", "repeat less");
    }
}

#[test]
fn what_could_take_long_is_refused() {
    let hundred = format!(
        "[{}]",
        (0..100)
            .map(|n| n.to_string())
            .collect::<Vec<_>>()
            .join(",")
    );
    refused("call.args.list.all(x, x == 1)", "written out", "`in`");
    refused("chain.all(x, x == \"a\")", "written out", "`in`");
    refused("[call.name].all(x, x == \"a\")", "written out", "`in`");
    refused("[1].map(x, x).all(x, x == 1)", "written out", "");
    let nested = format!("{hundred}.all(x, {hundred}.all(y, x == y))");
    refused(&nested, "too long", "4000 steps");
    assert!(Expression::new(&format!("call.args.n in {hundred}")).is_ok());
    assert!(Expression::new(&format!("{hundred}.exists(x, call.args.n == x)")).is_ok());
    let wide = vec!["true"; 400].join(" && ");
    refused(&wide, "too many parts", "two rules");
    refused(&"x".repeat(4097), "longer than 4096 bytes", "two rules");
    refused(
        "call.args.x == 9007199254740992.0",
        "not exact",
        "whole number",
    );
    refused("call.args.x == 1e300", "not exact", "whole number");
}

/// However it is nested, it is refused or accepted, and the stack holds.
#[test]
fn what_is_nested_deep_is_refused() {
    for (open, middle, close) in [
        ("(", "true", ")"),
        ("!", "true", ""),
        ("-", "1", ""),
        ("[", "1", "]"),
        ("{1:", "1", "}"),
        ("true ? ", "true", " : true"),
        ("false ? true : ", "true", ""),
        ("true && ", "true", ""),
        ("1 + ", "1", ""),
        ("size(", "1", ")"),
        ("call.args", "", ".a"),
        ("call.args", "", "[0]"),
        ("\"\"", "", ".size()"),
        ("1", "", " == 1"),
        ("[1].all(x, ", "true", ")"),
        ("x[", "1", "]"),
    ] {
        for times in [1, 10, 30, 100, 400, 4000] {
            let text = if middle.is_empty() {
                format!("{open}{}", close.repeat(times))
            } else {
                format!("{}{middle}{}", open.repeat(times), close.repeat(times))
            };
            if let Ok(expression) = Expression::new(&text) {
                super::with_facts("{}", |facts| expression.truth(facts));
            }
        }
    }
}
