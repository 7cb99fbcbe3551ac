//! Warnings about what tools do.

use super::{check, rule, with};

#[test]
fn unclassified() {
    let bob = "[agents.bob]\nowner = \"o\"\nexpires = 2099-01-01\n";
    let own = "envelope = { tools = [\"s/drop\"], effects = [\"destroy\"] }\n";
    let allow = rule("agents = \"bob\"\ntools = \"s/drop\"\nallow = true");
    with(
        &format!("{bob}{own}{allow}"),
        &[
            ("unclassified", "\"s/drop\""),
            ("unclassified", "\"s/drop\""),
        ],
    );
    with(&rule("tools = \"s/drop\"\ndeny = \"no\""), &[]);
    // A server of which nothing is said.
    let whole = "envelope = { tools = [\"t/drop\"], effects = [\"destroy\"] }\n";
    let allow = rule("agents = \"bob\"\ntools = \"t/drop\"\nallow = true");
    with(&format!("{bob}{whole}{allow}"), &[("unclassified", "t")]);
    let said = format!("{bob}{whole}{allow}[servers.u.tools]\n\"*\" = {{ effect = \"read\" }}\n");
    with(&said, &[("unclassified", "t")]);
    // Nobody is allowed its tools, only its resources.
    let read = "envelope = { tools = [\"t/resource:**\"] }\n";
    let allow = rule("agents = \"bob\"\ntools = \"t/resource:**\"\nallow = true");
    with(&format!("{bob}{read}{allow}"), &[]);
}

#[test]
fn wildcard_effects() {
    let wide = "[\"s/*\"], effects = [\"read\", \"write\"]";
    let more = rule("agents = \"ada\"\ntools = \"s/p*\"\nallow = true");
    let text = super::BASE.replace("[\"s/*\"]", wide);
    check(
        &format!("{text}{more}"),
        &[("wildcard-effects", "\"s/p*\"")],
    );
    // Said on purpose, named, or held by no envelope.
    let said = more.replace(
        "allow = true",
        "effects = [\"read\", \"write\"]\nallow = true",
    );
    check(&format!("{text}{said}"), &[]);
    check(&format!("{text}{}", more.replace("s/p*", "s/put")), &[]);
    // The pattern means nothing that writes.
    check(&text, &[]);
}
