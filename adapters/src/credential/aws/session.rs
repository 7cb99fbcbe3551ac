//! What a session may do, and what it says of whom it is for: the policy and the tags of one order.

use super::super::{Order, Whom};
use serde_json::{Value, json};

/// The longest session policy that AWS takes.
const POLICY_MOST: usize = 2_048;

/// The session policy of these scopes, each `ACTION@RESOURCE`; none for none.
///
/// # Errors
///
/// A scope that means nothing here, or more of them than fit.
pub(super) fn policy(scopes: &[String]) -> Result<Option<String>, String> {
    if scopes.is_empty() {
        return Ok(None);
    }
    let statements: Result<Vec<Value>, String> = scopes.iter().map(|one| statement(one)).collect();
    let policy = json!({ "Version": "2012-10-17", "Statement": statements? }).to_string();
    match policy.len() > POLICY_MOST {
        true => Err("the scopes make a session policy longer than AWS takes".to_owned()),
        false => Ok(Some(policy)),
    }
}

/// `$` would begin a variable that AWS fills in.
fn statement(scope: &str) -> Result<Value, String> {
    let unknown = || {
        let scope = scope.escape_debug();
        format!("`{scope}` is no `ACTION@RESOURCE` of AWS")
    };
    let (action, resource) = scope.split_once('@').ok_or_else(unknown)?;
    let service = action.split_once(':').map_or("", |(service, _)| service);
    let plain = |text: &str| !text.is_empty() && !text.contains(['$', '@', '"', '\\']);
    let names = resource.starts_with("arn:") && plain(resource) && plain(action);
    if !names || service.is_empty() || service.contains('*') {
        return Err(unknown());
    }
    Ok(json!({ "Effect": "Allow", "Action": action, "Resource": resource }))
}

/// The session's name: what CloudTrail shows.
pub(super) fn name(order: &Order) -> String {
    order.label.chars().take(64).collect()
}

/// For whom it is, as tags that policies can ask for.
pub(super) fn tags(whom: &Whom) -> Vec<(&'static str, String)> {
    let chain: Vec<&str> = whom
        .chain
        .iter()
        .chain([&whom.agent])
        .map(|one| &**one)
        .collect();
    let mut tags = vec![
        ("hopgate:agent", tag(&whom.agent)),
        ("hopgate:task", tag(&whom.task)),
        ("hopgate:server", tag(&whom.server)),
        ("hopgate:chain", tag(&chain.join("/"))),
    ];
    tags.extend(whom.user.iter().map(|user| ("hopgate:user", tag(user))));
    tags
}

/// AWS takes letters, digits, spaces and a few signs; another sign becomes `_`, so that two users could become one: a
/// policy that must tell them apart asks for agents and tasks.
fn tag(text: &str) -> String {
    let fit = |letter: char| match letter {
        '_' | '.' | ':' | '/' | '=' | '+' | '-' | '@' | ' ' => letter,
        letter if letter.is_alphanumeric() => letter,
        _ => '_',
    };
    text.chars().map(fit).take(256).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_become_statements() {
        let policy = |scopes: &[&str]| {
            policy(
                &scopes
                    .iter()
                    .map(|one| (*one).to_owned())
                    .collect::<Vec<_>>(),
            )
        };
        assert_eq!(policy(&[]), Ok(None));
        assert_eq!(
            policy(&["s3:GetObject@arn:aws:s3:::acme/a/*"])
                .unwrap()
                .unwrap(),
            r#"{"Statement":[{"Action":"s3:GetObject","Effect":"Allow","Resource":"arn:aws:s3:::acme/a/*"}],"Version":"2012-10-17"}"#
        );
        for bad in [
            "",
            "s3:GetObject",
            "@arn:aws:s3:::a",
            "s3@arn:aws:s3:::a",
            "*:*@arn:aws:s3:::a",
            "s3:GetObject@*",
            "s3:GetObject@arn:aws:s3:::${aws:username}",
            "s3:GetObject@arn:a\"",
            "s3:Get@arn:a@b",
            ":x@arn:a",
        ] {
            assert!(policy(&[bad]).is_err(), "{bad}");
        }
        let long = format!("s3:GetObject@arn:aws:s3:::{}", "x".repeat(2_000));
        assert!(policy(&[&long]).is_err());
    }

    #[test]
    fn tags_hold_what_aws_takes() {
        assert_eq!(tag("ann@example.com"), "ann@example.com");
        assert_eq!(tag("a<b>\n;c"), "a_b___c");
        assert_eq!(tag(&"x".repeat(300)).len(), 256);
    }
}
