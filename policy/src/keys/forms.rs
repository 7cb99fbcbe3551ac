//! The forms of strings in the tables this crate owns.

use std::time::Duration;

use crate::diagnostic::Code;
use crate::lease::ScopeTemplate;
use crate::model::{AgentName, Pattern, RuleName, SubjectPattern, UserPattern, well_formed};
use crate::shape::{Fault, Form};

/// A pattern over what can be called.
pub const PATTERN: Form = Form {
    name: "a pattern such as \"notes/*\"",
    pattern: Some(r"^\S.*$"),
    check: |text| match Pattern::new(text) {
        Ok(_) => Ok(()),
        Err(mistake) if mistake.later => {
            Err(Fault::new(mistake.message, mistake.help).of(Code::NotInThisVersion))
        }
        Err(mistake) => Err(Fault::new(mistake.message, mistake.help)),
    },
};

/// A rule's name.
pub(super) const TITLE: Form = Form {
    name: "a string",
    pattern: Some(r"\S"),
    check: |text| match RuleName::new(text) {
        Some(_) => Ok(()),
        None => Err(Fault::new(
            format!("`{}` cannot name a rule", text.escape_debug()),
            "write one short line",
        )),
    },
};

/// Some words.
pub(super) const SENTENCE: Form = Form {
    name: "a string",
    pattern: Some(r"\S"),
    check: |text| match text.trim() {
        "" => Err(Fault::new(
            "an empty string",
            "write something or leave the key out",
        )),
        _ => Ok(()),
    },
};

/// An identity, as an agent names it.
pub(super) const IDENTITY: Form = Form {
    name: "an identity such as \"corp:svc-ledger\"",
    pattern: Some(r"^(local|spiffe://.+|[A-Za-z0-9][A-Za-z0-9_-]*:.+)$"),
    check: |text| {
        let subject = match text.split_once(':') {
            None if text == "local" => return Ok(()),
            Some(("spiffe", _)) => text,
            Some((_, subject)) => subject,
            None => {
                return Err(Fault::new(
                    format!("`{}` names no identity", text.escape_debug()),
                    "write `local`, a SPIFFE ID, or `SOURCE:SUBJECT` with the name of an identity",
                ));
            }
        };
        (SUBJECT.check)(subject)
    },
};

/// A subject, or a pattern of subjects.
pub(super) const SUBJECT: Form = Form {
    name: "a subject such as \"svc-ledger\" or \"ci-*\"",
    pattern: Some(r"^\S.*$"),
    check: |text| match SubjectPattern::new(text) {
        Some(_) => Ok(()),
        None => Err(Fault::new(
            format!("`{}` is no subject", text.escape_debug()),
            "write up to 255 bytes; `*` stands for any run without `/`, `**` for any run",
        )),
    },
};

/// A scope of OAuth (RFC 6749, 3.3).
pub(super) const SCOPE: Form = Form {
    name: "an OAuth scope",
    pattern: Some(r"^[\x21\x23-\x5B\x5D-\x7E]+$"),
    check: |text| {
        let token = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        match !text.is_empty() && text.bytes().all(token) {
            true => Ok(()),
            false => Err(Fault::new(
                format!("`{}` is no OAuth scope", text.escape_debug()),
                "write one scope a string, without spaces or quotes",
            )),
        }
    },
};

/// A credential, or on purpose none.
pub(super) const CREDENTIAL: Form = Form {
    name: "the name of a credential, or \"none\"",
    pattern: Some(r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"),
    check: |text| match well_formed(text) {
        true => Ok(()),
        false => Err(Fault::new(
            format!("`{}` names no credential", text.escape_debug()),
            "write the NAME of a `[credentials.NAME]`, or `none`",
        )),
    },
};

/// A scope a lease asks for.
pub(super) const LEASE_SCOPE: Form = Form {
    name: "a scope such as \"read\" or \"repo:{args.repo}\"",
    pattern: Some(r"^[\x21\x23-\x5B\x5D-\x7E]+$"),
    check: |text| ScopeTemplate::new(text).map(drop),
};

/// How long a lease lives.
pub(super) const LIFE: Form = Form {
    name: "a duration such as \"10m\"",
    pattern: Some(r"^[0-9]+(s|m|h|d)$"),
    check: |text| {
        (DURATION.check)(text)?;
        match text.ends_with("ms") {
            false => Ok(()),
            true => Err(Fault::new(
                format!("`{}` is no whole number of seconds", text.escape_debug()),
                "write seconds, minutes, hours or days: `90s`, `10m`, `1h`",
            )),
        }
    },
};

/// A pattern over what can be called, or a group of them.
pub(super) const TOOLS: Form = Form {
    name: "a pattern such as \"notes/*\", or a group such as \"@readers\"",
    pattern: Some(r"^\S.*$"),
    check: |text| match text.strip_prefix('@') {
        Some(_) => Ok(()),
        None => (PATTERN.check)(text),
    },
};

/// An agent's name, a pattern of names, or a group of them.
pub(super) const AGENTS: Form = Form {
    name: "an agent such as \"reconciler\" or \"ci-*\", or a group such as \"@payments\"",
    pattern: Some(r"^@?[A-Za-z0-9*][A-Za-z0-9_*-]*$"),
    check: |text| {
        let bare = text.strip_prefix('@').unwrap_or(text).replace('*', "x");
        match AgentName::new(&bare) {
            Some(_) => Ok(()),
            None => Err(Fault::new(
                format!("`{}` names no agent", text.escape_debug()),
                "write a name, a pattern with `*`, or `@` and the name of a group",
            )),
        }
    },
};

/// A user, a pattern of users, or a group of them.
pub(super) const USERS: Form = Form {
    name: "a user such as \"corp:alice\" or \"corp:*\", or a group such as \"@leads\"",
    pattern: Some(r"^(@.+|[A-Za-z0-9][A-Za-z0-9_-]*:.+)$"),
    check: |text| match text.starts_with('@') || UserPattern::new(text).is_some() {
        true => Ok(()),
        false => Err(Fault::new(
            format!("`{}` names no user", text.escape_debug()),
            "write `SOURCE:SUBJECT` with the name of an identity, or `@` and the name of a group",
        )),
    },
};

/// A span of time.
pub const DURATION: Form = Form {
    name: "a duration such as \"90s\"",
    pattern: Some(r"^[0-9]+(ms|s|m|h|d)$"),
    check: |text| match duration(text) {
        Some(_) => Ok(()),
        None => Err(Fault::new(
            format!("`{}` is no duration", text.escape_debug()),
            "write a number and a unit: `500ms`, `90s`, `10m`, `24h`, `7d`",
        )),
    },
};

/// The time a text says; at most a year.
pub fn duration(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let number: u64 = number.parse().ok().filter(|number| *number > 0)?;
    let seconds = |each: u64| {
        number
            .checked_mul(each)
            .filter(|seconds| *seconds <= 31_536_000)
            .map(Duration::from_secs)
    };
    match unit {
        "ms" => Some(Duration::from_millis(number.min(31_536_000_000))),
        "s" => seconds(1),
        "m" => seconds(60),
        "h" => seconds(3_600),
        "d" => seconds(86_400),
        _ => None,
    }
}

/// The bytes a text says.
pub fn size(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let number: u64 = number.parse().ok()?;
    let shift = match unit {
        "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        "TiB" => 40,
        _ => return None,
    };
    number.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::{duration, size};
    use std::time::Duration;

    #[test]
    fn durations() {
        for (text, millis) in [
            ("1ms", 1),
            ("90s", 90_000),
            ("10m", 600_000),
            ("24h", 86_400_000),
            ("7d", 604_800_000),
        ] {
            assert_eq!(
                duration(text),
                Some(Duration::from_millis(millis)),
                "{text}"
            );
        }
        for text in [
            "",
            "1",
            "s",
            "0s",
            "-1s",
            "1 s",
            "1.5s",
            "1w",
            "99999999999999999999s",
            "999999h",
        ] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn sizes() {
        assert_eq!(
            (size("3B"), size("2KiB"), size("1TiB")),
            (Some(3), Some(2048), Some(1 << 40))
        );
        for text in ["", "1", "1MB", "MiB", "1 MiB", "99999999999999GiB"] {
            assert_eq!(size(text), None, "{text}");
        }
    }
}
