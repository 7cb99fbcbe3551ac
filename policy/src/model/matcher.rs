//! Which proven identities are an agent: an entry of its `identity`.

use std::collections::BTreeMap;

use super::pattern::{Glob, LONGEST, overlap};
use crate::diagnostic::Span;

/// One entry of an agent's `identity`. Whether its source exists is judged by whoever knows the identities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matcher {
    /// Whom it means.
    pub who: Who,
    /// Where it is written.
    pub span: Span,
}

/// Whom a matcher means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// The caller from this machine.
    Local,
    /// A workload by its SPIFFE ID, of whatever identity proves it.
    Workload(SubjectPattern),
    /// A subject of one identity.
    Subject {
        /// The identity's name.
        source: String,
        /// Its subject.
        subject: SubjectPattern,
        /// Further claims, each of which must match.
        claims: BTreeMap<String, SubjectPattern>,
    },
}

/// A subject, or a pattern of subjects: `*` matches any run without `/`, `**` any run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectPattern {
    text: Box<str>,
    glob: Glob,
}

// === impl SubjectPattern ===

impl SubjectPattern {
    /// The pattern; `None` for an empty text, one that is too long, or one that nothing visible can match.
    pub fn new(text: &str) -> Option<Self> {
        let fits = !text.is_empty() && text.len() <= LONGEST && !text.contains(char::is_control);
        fits.then(|| Self {
            text: text.into(),
            glob: Glob::new(text),
        })
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is one subject and no pattern.
    pub fn is_exact(&self) -> bool {
        matches!(self.glob, Glob::Exact(_))
    }

    /// Whether the subject matches.
    pub fn matches(&self, subject: &str) -> bool {
        self.glob.matches(&[subject])
    }

    /// Whether some subject matches both.
    pub fn overlaps(&self, other: &Self) -> bool {
        // Most differ before their first star already.
        let both = self.text.bytes().zip(other.text.bytes());
        let mut before = both.take_while(|(one, other)| *one != b'*' && *other != b'*');
        before.all(|(one, other)| one == other)
            && overlap(&self.glob.tokens(), &other.glob.tokens())
    }
}

// === impl Who ===

impl Who {
    /// What is written as a text: `local`, a SPIFFE ID, or `SOURCE:SUBJECT`.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "local" {
            return Some(Self::Local);
        }
        match text.split_once(':')? {
            ("spiffe", _) => SubjectPattern::new(text).map(Self::Workload),
            (source, subject) => Some(Self::Subject {
                source: source.to_owned(),
                subject: SubjectPattern::new(subject)?,
                claims: BTreeMap::new(),
            }),
        }
    }

    /// Whether one caller could be both.
    pub fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Local, Self::Local) => true,
            (Self::Local, _) | (_, Self::Local) => false,
            (
                Self::Subject {
                    source,
                    subject,
                    claims,
                },
                Self::Subject {
                    source: other_source,
                    subject: other_subject,
                    claims: others,
                },
            ) => {
                let agree = |(name, claim): (&String, &SubjectPattern)| {
                    others.get(name).is_none_or(|other| claim.overlaps(other))
                };
                source == other_source
                    && subject.overlaps(other_subject)
                    && claims.iter().all(agree)
            }
            _ => self
                .subject()
                .zip(other.subject())
                .is_some_and(|(one, other)| one.overlaps(other)),
        }
    }

    /// The one subject it means, where it is no pattern. Two of them never meet unless they are equal.
    pub(crate) fn literal(&self) -> Option<&str> {
        match self.subject() {
            // No subject is empty.
            None => Some(""),
            Some(subject) => subject.is_exact().then_some(subject.as_str()),
        }
    }

    fn subject(&self) -> Option<&SubjectPattern> {
        match self {
            Self::Local => None,
            Self::Workload(subject) | Self::Subject { subject, .. } => Some(subject),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{SubjectPattern, Who};

    #[test]
    fn one_caller_is_never_two_agents() {
        let parse = |text| Who::parse(text).unwrap();
        for (one, other) in [
            ("local", "local"),
            ("corp:a", "corp:a"),
            ("corp:ci-*", "corp:ci-build"),
            ("corp:*-x", "corp:ci-*"),
            ("spiffe://td/ns/**", "spiffe://td/ns/a/sa/b"),
            ("spiffe://td/a", "mesh:spiffe://td/*"),
        ] {
            let (one, other) = (parse(one), parse(other));
            assert!(
                one.overlaps(&other) && other.overlaps(&one),
                "{one:?} {other:?}"
            );
        }
        for (one, other) in [
            ("local", "corp:local"),
            ("corp:a", "corp:b"),
            ("corp:a", "other:a"),
            ("corp:ci-*", "corp:ci-a/b"),
            ("spiffe://td/*", "spiffe://td/a/b"),
            ("spiffe://td/a", "corp:a"),
        ] {
            let (one, other) = (parse(one), parse(other));
            assert!(
                !one.overlaps(&other) && !other.overlaps(&one),
                "{one:?} {other:?}"
            );
        }
    }

    #[test]
    fn claims_tell_subjects_apart() {
        let with = |claims: &[(&str, &str)]| Who::Subject {
            source: "ci".to_owned(),
            subject: SubjectPattern::new("repo:*").unwrap(),
            claims: claims
                .iter()
                .map(|(name, claim)| ((*name).to_owned(), SubjectPattern::new(claim).unwrap()))
                .collect(),
        };
        assert!(with(&[]).overlaps(&with(&[("env", "prod")])));
        assert!(with(&[("ref", "main")]).overlaps(&with(&[("env", "prod")])));
        assert!(!with(&[("env", "test")]).overlaps(&with(&[("env", "prod")])));
        assert!(SubjectPattern::new("").is_none() && SubjectPattern::new("a\u{7}").is_none());
    }
}
