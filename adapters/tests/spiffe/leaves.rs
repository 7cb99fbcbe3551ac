//! Leaves that a lax reader would take for an SVID, and those that only look odd.

use crate::authority::{
    Authority, DNS, EMAIL, END, IP, Leaf, URI, der, leaf_params, name, now, source,
};
use adapters::identity::spiffe::{Fault, IdFault, Svid, verify};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose as Eku,
    IsCa, KeyPair, KeyUsagePurpose as Usage, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, UnixTime};
use std::time::Duration;

const ID: &str = "spiffe://example.org/agent";

/// Judges one leaf signed by the authority of `example.org`.
fn judge(edit: impl FnOnce(&mut CertificateParams)) -> Result<String, Fault> {
    let authority = Authority::new("root");
    let (source, _folder) = source(&[&authority], &[&Authority::new("partner")]);
    verify(&[authority.leaf(ID, edit).der()], &source, now()).map(|svid| svid.id.to_string())
}

fn good(what: &str, edit: impl FnOnce(&mut CertificateParams)) {
    assert_eq!(judge(edit), Ok(ID.to_owned()), "{what}");
}

fn bad(what: &str, fault: Fault, edit: impl FnOnce(&mut CertificateParams)) {
    assert_eq!(judge(edit), Err(fault), "{what}");
}

#[test]
fn an_svid_tells_who_until_when_and_which_certificate() {
    let authority = Authority::new("root");
    let (source, _folder) = source(&[&authority], &[&Authority::new("partner")]);
    let leaf = authority.leaf(ID, |params| params.not_after = date_time_ymd(2030, 6, 1));
    let svid = verify(&[leaf.der()], &source, now()).unwrap();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &leaf.der());
    let expected = Svid {
        id: ID.parse().unwrap(),
        expires: 1_906_502_400,
        fingerprint: digest.as_ref().try_into().unwrap(),
    };
    assert_eq!(svid, expected);
    assert!(svid.expires < END);
}

#[test]
fn exactly_one_uri_names_it() {
    let id = ID.as_bytes();
    good("with a DNS name", |p| {
        name(p, &[(DNS, b"a.example"), (URI, id)])
    });
    good("with a wildcard DNS name", |p| {
        name(p, &[(URI, id), (DNS, b"*.example.org")])
    });
    good("with an address", |p| {
        name(p, &[(URI, id), (IP, &[127, 0, 0, 1])])
    });
    good("with a mail address", |p| {
        name(p, &[(EMAIL, b"a@example.org"), (URI, id)])
    });
    good("with a URI as its DNS name", |p| {
        name(p, &[(DNS, b"spiffe://example.org/other"), (URI, id)]);
    });
    bad("no names", Fault::NoId, |p| p.custom_extensions.clear());
    bad("only a DNS name", Fault::NoId, |p| {
        name(p, &[(DNS, b"example.org")])
    });
    bad("an ID as a DNS name", Fault::NoId, |p| {
        name(p, &[(DNS, id)])
    });
    bad("an ID as a mail address", Fault::NoId, |p| {
        name(p, &[(EMAIL, id)])
    });
    bad("the same twice", Fault::SeveralIds, |p| {
        name(p, &[(URI, id), (URI, id)])
    });
    bad("two IDs", Fault::SeveralIds, |p| {
        name(p, &[(URI, id), (URI, b"spiffe://example.org/root")]);
    });
    bad("two IDs apart", Fault::SeveralIds, |p| {
        name(
            p,
            &[(URI, id), (DNS, b"a"), (URI, b"spiffe://partner.example/a")],
        );
    });
    bad("an ID and a web page", Fault::SeveralIds, |p| {
        name(p, &[(URI, id), (URI, b"https://example.org/")]);
    });
    bad("a web page and an ID", Fault::SeveralIds, |p| {
        name(p, &[(URI, b"https://example.org/"), (URI, id)]);
    });
    bad("an ID and an empty URI", Fault::SeveralIds, |p| {
        name(p, &[(URI, id), (URI, b"")])
    });
    bad("an empty URI", Fault::Id(IdFault::Scheme), |p| {
        name(p, &[(URI, b"")])
    });
    bad("an ID and bytes", Fault::Unreadable, |p| {
        name(p, &[(URI, id), (URI, b"\xff\xfe")])
    });
    bad("bytes and an ID", Fault::Unreadable, |p| {
        name(p, &[(URI, b"\xff"), (URI, id)])
    });
    bad("an unknown kind of name", Fault::Unreadable, |p| {
        name(p, &[(URI, id), (0x8a, b"x")])
    });
    bad("the trust domain itself", Fault::NoPath, |p| {
        name(p, &[(URI, b"spiffe://example.org")])
    });
    bad("over 2048 bytes", Fault::Id(IdFault::TooLong), |p| {
        name(p, &[(URI, format!("{ID}{}", "a".repeat(2048)).as_bytes())]);
    });
}

#[test]
fn two_lists_of_names_are_none() {
    let second = |p: &mut CertificateParams| {
        let names = der(0x30, &der(URI, b"spiffe://example.org/root"));
        let list = CustomExtension::from_oid_content(&[2, 5, 29, 17], names);
        p.custom_extensions.push(list);
    };
    assert_eq!(judge(second), Err(Fault::Unreadable));
}

#[test]
fn the_subject_names_nobody() {
    good("a subject with another ID", |p| {
        p.distinguished_name
            .push(DnType::CommonName, "spiffe://example.org/root");
    });
    bad("an ID only in the subject", Fault::NoId, |p| {
        p.custom_extensions.clear();
        p.distinguished_name.push(DnType::CommonName, ID);
    });
}

#[test]
fn a_leaf_signs_nothing_but_handshakes() {
    let ca = || IsCa::Ca(BasicConstraints::Unconstrained);
    good("silent on authorities", |p| p.is_ca = IsCa::NoCa);
    good("more usages", |p| {
        p.key_usages = vec![
            Usage::DigitalSignature,
            Usage::KeyEncipherment,
            Usage::KeyAgreement,
        ];
    });
    bad("an authority", Fault::Authority, |p| p.is_ca = ca());
    bad("an authority of no others", Fault::Authority, |p| {
        p.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    });
    bad("an authority that may sign", Fault::Authority, |p| {
        p.is_ca = ca();
        p.key_usages.push(Usage::KeyCertSign);
    });
    bad("may sign others", Fault::Authority, |p| {
        p.key_usages.push(Usage::KeyCertSign)
    });
    bad("may sign withdrawals", Fault::Authority, |p| {
        p.key_usages.push(Usage::CrlSign)
    });
    bad("may only sign others", Fault::Authority, |p| {
        p.key_usages = vec![Usage::KeyCertSign]
    });
    bad("no usage", Fault::KeyUsage, |p| p.key_usages.clear());
    bad("another usage", Fault::KeyUsage, |p| {
        p.key_usages = vec![Usage::KeyEncipherment]
    });
    bad("contents only", Fault::KeyUsage, |p| {
        p.key_usages = vec![Usage::ContentCommitment]
    });
}

#[test]
fn a_leaf_is_for_clients() {
    let with = |list: &[Eku]| {
        let list = list.to_vec();
        move |p: &mut CertificateParams| p.extended_key_usages = list
    };
    good("for clients", with(&[Eku::ClientAuth]));
    good("for both", with(&[Eku::ServerAuth, Eku::ClientAuth]));
    bad(
        "for servers",
        Fault::ExtendedKeyUsage,
        with(&[Eku::ServerAuth]),
    );
    bad(
        "for code",
        Fault::ExtendedKeyUsage,
        with(&[Eku::CodeSigning]),
    );
    bad("for anything", Fault::ExtendedKeyUsage, with(&[Eku::Any]));
    bad(
        "for mail and time",
        Fault::ExtendedKeyUsage,
        with(&[Eku::EmailProtection, Eku::TimeStamping]),
    );
}

#[test]
fn a_leaf_holds_for_a_time() {
    let between = |begin: (i32, u8), end: (i32, u8)| {
        move |p: &mut CertificateParams| {
            p.not_before = date_time_ymd(begin.0, begin.1, 1);
            p.not_after = date_time_ymd(end.0, end.1, 1);
        }
    };
    good("to the last second", between((2029, 1), (2030, 1)));
    good("from the first second", between((2030, 1), (2031, 1)));
    bad("over", Fault::Expired, between((2029, 1), (2029, 12)));
    bad("long over", Fault::Expired, between((1998, 1), (1999, 1)));
    bad("to come", Fault::NotYetValid, between((2030, 2), (2031, 1)));
    let authority = Authority::new("root");
    let (source, _folder) = source(&[&authority], &[&Authority::new("partner")]);
    let leaf = authority.leaf(ID, between((2029, 1), (2030, 1)));
    let after = UnixTime::since_unix_epoch(Duration::from_secs(now().as_secs() + 1));
    assert_eq!(verify(&[leaf.der()], &source, after), Err(Fault::Expired));
}

#[test]
fn what_nobody_understands_is_refused_where_it_is_critical() {
    let unknown = |critical: bool| {
        move |p: &mut CertificateParams| {
            let mut one =
                CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 55555, 1], vec![5, 0]);
            one.set_criticality(critical);
            p.custom_extensions.push(one);
        }
    };
    good("a note", unknown(false));
    let refused = judge(unknown(true)).unwrap_err();
    assert!(matches!(refused, Fault::Chain(_)), "{refused:?}");
}

#[test]
fn keys_of_several_kinds_sign() {
    let authority = Authority::new("root");
    let (source, _folder) = source(&[&authority], &[&Authority::new("partner")]);
    let mut params = leaf_params();
    name(&mut params, &[(URI, ID.as_bytes())]);
    for algorithm in [&rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519] {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let signed = authority.certify(&params, &key).der().clone();
        assert!(verify(&[signed], &source, now()).is_ok(), "{algorithm:?}");
    }
}

#[test]
fn bytes_are_no_certificate() {
    let authority = Authority::new("root");
    let (source, _folder) = source(&[&authority], &[&Authority::new("partner")]);
    let Leaf { cert, .. } = authority.leaf(ID, |_| {});
    let whole = cert.der().to_vec();
    let judge = |bytes: Vec<u8>| verify(&[CertificateDer::from(bytes)], &source, now());
    assert!(judge(whole.clone()).is_ok());
    assert_eq!(verify(&[], &source, now()), Err(Fault::Empty));
    assert_eq!(judge(Vec::new()), Err(Fault::Unreadable));
    assert_eq!(judge(b"not a certificate".to_vec()), Err(Fault::Unreadable));
    let mut longer = whole.clone();
    longer.push(0);
    assert_eq!(judge(longer), Err(Fault::Unreadable));
    for cut in (0..whole.len()).step_by(7) {
        assert_eq!(
            judge(whole.get(..cut).unwrap().to_vec()),
            Err(Fault::Unreadable),
            "{cut}"
        );
    }
    // One bit anywhere: it may hit the name, the key or the signature, and never passes.
    for at in 0..whole.len() {
        let mut other = whole.clone();
        if let Some(byte) = other.get_mut(at) {
            *byte ^= 1;
        }
        assert!(judge(other).is_err(), "bit in byte {at}");
    }
}
