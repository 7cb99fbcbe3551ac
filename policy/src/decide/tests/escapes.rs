//! What must not get around a rule: another way to write a thing, another user of the chain.

use super::{BASE, Decision, NOW, allowed, decide, policy, request, visible};
use crate::{Request, Target, User};
use std::sync::Arc;

#[test]
fn no_way_to_write_a_resource_escapes() {
    let rules = "[[rules]]\nname = \"a\"\ntools = [\"s/resource:**\"]\nallow = true\n[[rules]]\nname = \"d\"\ntools = [\"s/resource:file:///secret/**\"]\ndeny = \"no\"\n";
    let policy = policy(&format!("{BASE}{rules}"));
    for (uri, may) in [
        ("file:///open/a", true),
        ("file:///x/../open/a", true),
        ("file:///secret/a", false),
        ("file:///x/../secret/a", false),
        ("FILE://localhost/%73ecret//a", false),
    ] {
        let target = Target::Resource(uri);
        assert_eq!(allowed(&policy, "ada", "s", target), may, "{uri}");
        assert_eq!(visible(&policy, &request("ada", "s", target)), may, "{uri}");
    }
}

/// A hop neither frees from what is said of a user, nor lends what is another's.
#[test]
fn every_user_of_a_chain_counts() {
    let rules = "[[rules]]\nname = \"staff\"\ntools = [\"s/get\"]\non_behalf_of = [\"corp:*\"]\nallow = true\n[[rules]]\nname = \"all\"\ntools = [\"s/put\"]\nallow = true\n[[rules]]\nname = \"guests\"\ntools = [\"s/put\"]\non_behalf_of = [\"corp:guest-*\"]\ndeny = \"not for guests\"\n";
    let policy = policy(&format!("{BASE}{rules}"));
    let may = |tool, user: Option<&str>, others: &[&str]| {
        let others: Vec<(Arc<str>, Arc<str>)> = others
            .iter()
            .map(|one| one.split_once(':').unwrap())
            .map(|(source, subject)| (Arc::from(source), Arc::from(subject)))
            .collect();
        let user = user.and_then(|user| user.split_once(':'));
        let request = Request {
            user: user.map(|(source, subject)| User { source, subject }),
            others: &others,
            ..request("ada", "s", Target::Tool(tool))
        };
        matches!(decide(&policy, &request, NOW), Decision::Allow(_))
    };
    assert!(may("get", Some("corp:ann"), &[]) && may("get", Some("corp:ann"), &["corp:bob"]));
    assert!(!may("get", None, &[]) && !may("get", Some("ext:ann"), &[]));
    assert!(
        !may("get", Some("corp:ann"), &["ext:eve"]) && !may("get", Some("ext:eve"), &["corp:ann"])
    );
    assert!(may("put", None, &[]) && may("put", Some("corp:ann"), &["ext:eve"]));
    assert!(
        !may("put", Some("corp:guest-1"), &[]) && !may("put", Some("corp:ann"), &["corp:guest-1"])
    );
}
