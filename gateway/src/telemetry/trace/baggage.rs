//! W3C baggage: only what the operator lists goes on, everything else is dropped at this border.

use std::sync::Arc;

/// The most bytes that are read and passed on: what the standard asks everybody to carry at least.
const LONGEST: usize = 8_192;

/// The keys that are passed on.
#[derive(Debug, Clone, Default)]
pub struct Baggage(Arc<[String]>);

// === impl Baggage ===

impl Baggage {
    /// With these keys.
    #[must_use]
    pub fn passing(keys: &[String]) -> Self {
        Self(keys.into())
    }

    /// What of inbound baggage goes on, if anything. A member that is malformed is dropped with its neighbours kept.
    #[must_use]
    pub fn pass(&self, inbound: &str) -> Option<String> {
        if self.0.is_empty() || inbound.len() > LONGEST {
            return None;
        }
        let kept = inbound.split(',').map(trimmed).filter(|member| {
            let (pair, _) = member.split_once(';').unwrap_or((member, ""));
            let Some((key, value)) = pair.split_once('=') else {
                return false;
            };
            let listed = self.0.iter().any(|listed| listed == trimmed(key));
            listed && trimmed(value).bytes().all(octet) && member.bytes().all(printable)
        });
        let kept: Vec<&str> = kept.collect();
        (!kept.is_empty()).then(|| kept.join(","))
    }
}

fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// A letter of a value.
fn octet(letter: u8) -> bool {
    matches!(letter, b'!'..=b'~') && !b"\",;\\".contains(&letter)
}

/// A letter of properties, and of the space around.
fn printable(letter: u8) -> bool {
    matches!(letter, b' '..=b'~' | b'\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_keys_go_on() {
        let baggage = Baggage::passing(&["tenant".to_owned(), "ci.run".to_owned()]);
        for (inbound, passed) in [
            ("tenant=a", Some("tenant=a")),
            (
                "user=eve,tenant = a;prop=1 , ci.run=7",
                Some("tenant = a;prop=1,ci.run=7"),
            ),
            ("TENANT=a", None),
            ("tenant", None),
            ("tenant=a b,user=x", None),
            ("tenant=\"a\"", None),
            ("tenant=a\r\nX-Evil: 1", None),
            ("", None),
        ] {
            assert_eq!(baggage.pass(inbound).as_deref(), passed, "{inbound:?}");
        }
        assert_eq!(
            baggage.pass(&format!("tenant={}", "x".repeat(LONGEST))),
            None
        );
        assert_eq!(Baggage::default().pass("tenant=a"), None);
    }
}
