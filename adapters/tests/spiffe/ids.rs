//! The grammar of SPIFFE IDs, once as text and once inside certificates, where a lax reader would be fooled.

use crate::authority::{Authority, URI, leaf_params, name, now, source};
use adapters::identity::spiffe::{Fault, IdFault, SpiffeId, verify};

/// Texts that are IDs of workloads.
const GOOD: [&str; 14] = [
    "spiffe://example.org/a",
    "spiffe://example.org/ns/billing/sa/reconciler",
    "spiffe://example.org/A/B/c",
    "spiffe://example.org/a.b-c_d",
    "spiffe://example.org/...",
    "spiffe://example.org/.hidden",
    "spiffe://example.org/a..b",
    "spiffe://example.org/0",
    "spiffe://example.org/_",
    "spiffe://example.org/-",
    "spiffe://example.org/spiffe",
    "spiffe://example.org/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p",
    "spiffe://example.org/UPPER",
    "spiffe://example.org/1.2.3.4",
];

/// Texts that are none, and why.
const BAD: [(&str, IdFault); 54] = [
    ("", IdFault::Scheme),
    ("spiffe", IdFault::Scheme),
    ("spiffe:", IdFault::Scheme),
    ("spiffe:/", IdFault::Scheme),
    ("spiffe:/example.org/a", IdFault::Scheme),
    ("example.org/a", IdFault::Scheme),
    ("https://example.org/a", IdFault::Scheme),
    ("SPIFFE://example.org/a", IdFault::Scheme),
    ("Spiffe://example.org/a", IdFault::Scheme),
    ("spiffe\0://example.org/a", IdFault::Scheme),
    (" spiffe://example.org/a", IdFault::Scheme),
    ("//example.org/a", IdFault::Scheme),
    ("*", IdFault::Scheme),
    ("spiffe://", IdFault::TrustDomain),
    ("spiffe:///a", IdFault::TrustDomain),
    ("spiffe://EXAMPLE.ORG/a", IdFault::TrustDomain),
    ("spiffe://Example.org/a", IdFault::TrustDomain),
    ("spiffe://example.org:443/a", IdFault::TrustDomain),
    ("spiffe://example.org:/a", IdFault::TrustDomain),
    ("spiffe://user@example.org/a", IdFault::TrustDomain),
    ("spiffe://user:word@example.org/a", IdFault::TrustDomain),
    ("spiffe://@example.org/a", IdFault::TrustDomain),
    ("spiffe://example.org?a", IdFault::TrustDomain),
    ("spiffe://example.org#a", IdFault::TrustDomain),
    ("spiffe://example.org\0/a", IdFault::TrustDomain),
    (
        "spiffe://example.org\0.partner.example/a",
        IdFault::TrustDomain,
    ),
    ("spiffe://*.org/a", IdFault::TrustDomain),
    ("spiffe://*/a", IdFault::TrustDomain),
    ("spiffe://example%2eorg/a", IdFault::TrustDomain),
    ("spiffe://example.org%00/a", IdFault::TrustDomain),
    ("spiffe://ex\u{e4}mple.org/a", IdFault::TrustDomain),
    ("spiffe://[::1]/a", IdFault::TrustDomain),
    ("spiffe://example.org\\a", IdFault::TrustDomain),
    ("spiffe://example org/a", IdFault::TrustDomain),
    ("spiffe://example.org/", IdFault::Segment),
    ("spiffe://example.org/a/", IdFault::Segment),
    ("spiffe://example.org//a", IdFault::Segment),
    ("spiffe://example.org/a//b", IdFault::Segment),
    ("spiffe://example.org/..", IdFault::Segment),
    ("spiffe://example.org/../x", IdFault::Segment),
    ("spiffe://example.org/a/../b", IdFault::Segment),
    ("spiffe://example.org/.", IdFault::Segment),
    ("spiffe://example.org/./a", IdFault::Segment),
    ("spiffe://example.org/a/.", IdFault::Segment),
    ("spiffe://example.org/a%2fb", IdFault::PathCharacter),
    ("spiffe://example.org/%2e%2e/a", IdFault::PathCharacter),
    ("spiffe://example.org/a?b", IdFault::PathCharacter),
    ("spiffe://example.org/a#b", IdFault::PathCharacter),
    ("spiffe://example.org/a\0b", IdFault::PathCharacter),
    ("spiffe://example.org/a b", IdFault::PathCharacter),
    ("spiffe://example.org/a\n", IdFault::PathCharacter),
    ("spiffe://example.org/*", IdFault::PathCharacter),
    ("spiffe://example.org/a:b", IdFault::PathCharacter),
    ("spiffe://example.org/\u{e4}", IdFault::PathCharacter),
];

#[test]
fn texts_are_ids_or_not() {
    for text in GOOD {
        let id: SpiffeId = text.parse().unwrap();
        assert_eq!(id.as_str(), text);
        assert_eq!(id.to_string(), text);
        assert_eq!(id.trust_domain(), "example.org");
        assert_eq!(format!("spiffe://example.org{}", id.path()), text);
    }
    for (text, fault) in BAD {
        assert_eq!(text.parse::<SpiffeId>(), Err(fault), "{text:?}");
    }
}

#[test]
fn an_id_may_be_the_trust_domain_itself() {
    let id: SpiffeId = "spiffe://a-b_c.9".parse().unwrap();
    assert_eq!((id.trust_domain(), id.path()), ("a-b_c.9", ""));
}

#[test]
fn ids_end_at_2048_bytes_and_trust_domains_at_255() {
    let long = |total: usize| {
        let head = "spiffe://example.org/";
        format!("{head}{}", "a".repeat(total - head.len()))
    };
    assert_eq!(long(2048).parse::<SpiffeId>().unwrap().as_str().len(), 2048);
    assert_eq!(long(2049).parse::<SpiffeId>(), Err(IdFault::TooLong));
    let domain = |length: usize| format!("spiffe://{}/a", "d".repeat(length)).parse::<SpiffeId>();
    assert_eq!(domain(255).unwrap().trust_domain().len(), 255);
    assert_eq!(domain(256), Err(IdFault::TrustDomain));
}

/// Each text again as the URI name of an otherwise perfect certificate.
#[test]
fn certificates_carry_the_same_ids_or_none() {
    let authority = Authority::new("root");
    let (source, _folder) = source(&[&authority], &[&Authority::new("partner")]);
    let judge = |text: &str| {
        let mut params = leaf_params();
        name(&mut params, &[(URI, text.as_bytes())]);
        verify(&[authority.sign(&params).der()], &source, now())
    };
    for text in GOOD {
        assert_eq!(judge(text).unwrap().id.as_str(), text);
    }
    for (text, fault) in BAD {
        assert_eq!(judge(text), Err(Fault::Id(fault)), "{text:?}");
    }
}
