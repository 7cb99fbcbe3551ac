//! Chains: which authority may speak for which trust domain, through whom, and for how long.

use crate::authority::{Authority, END, Folder, files, now, source};
use adapters::identity::spiffe::{Fault, Source, Svid, verify};
use rcgen::{
    BasicConstraints, CertificateParams, GeneralSubtree, IsCa, KeyPair, KeyUsagePurpose,
    NameConstraints, date_time_ymd,
};
use rustls::pki_types::CertificateDer;

const ID: &str = "spiffe://example.org/agent";
const PARTNER: &str = "spiffe://partner.example/agent";

/// Judges a chain where `root` is the authority of `example.org`.
fn judge(root: &Authority, chain: &[CertificateDer<'static>]) -> Result<Svid, Fault> {
    let (source, _folder) = source(&[root], &[&Authority::new("partner")]);
    verify(chain, &source, now())
}

/// An authority in the middle, changed by `edit`, and a leaf of it.
fn through(edit: impl FnOnce(&mut CertificateParams)) -> Result<Svid, Fault> {
    let root = Authority::new("root");
    let middle = root.below("middle", edit);
    judge(&root, &[middle.leaf(ID, |_| {}).der(), middle.der()])
}

#[test]
fn each_trust_domain_has_its_own_authorities() {
    let (own, partner, stranger) = (
        Authority::new("own"),
        Authority::new("partner"),
        Authority::new("stranger"),
    );
    let (source, _folder) = source(&[&own], &[&partner]);
    let judge = |authority: &Authority, id: &str| {
        verify(&[authority.leaf(id, |_| {}).der()], &source, now())
            .map(|svid| svid.id.trust_domain().to_owned())
    };
    assert_eq!(judge(&own, ID), Ok("example.org".to_owned()));
    assert_eq!(judge(&partner, PARTNER), Ok("partner.example".to_owned()));
    // The heart of it: nobody signs for somebody else.
    assert_eq!(judge(&own, PARTNER), Err(Fault::UnknownIssuer));
    assert_eq!(judge(&partner, ID), Err(Fault::UnknownIssuer));
    assert_eq!(judge(&stranger, ID), Err(Fault::UnknownIssuer));
    for domain in [
        "stranger.example",
        "example.org.",
        "sub.example.org",
        "org",
        "example.orgg",
    ] {
        let id = format!("spiffe://{domain}/agent");
        assert_eq!(judge(&own, &id), Err(Fault::TrustDomain(domain.to_owned())));
        assert_eq!(
            judge(&stranger, &id),
            Err(Fault::TrustDomain(domain.to_owned()))
        );
    }
}

#[test]
fn an_authority_is_its_key_and_not_its_name() {
    let (own, twin) = (Authority::new("root"), Authority::new("root"));
    let leaf = twin.leaf(ID, |_| {}).der();
    assert_eq!(
        judge(&own, std::slice::from_ref(&leaf)),
        Err(Fault::UnknownIssuer)
    );
    assert_eq!(judge(&own, &[leaf, twin.der()]), Err(Fault::UnknownIssuer));
}

#[test]
fn several_authorities_hold_at_once() {
    let (old, new) = (Authority::new("root"), Authority::new("root"));
    let (source, _folder) = source(&[&old, &new], &[&Authority::new("partner")]);
    for authority in [&old, &new] {
        assert!(verify(&[authority.leaf(ID, |_| {}).der()], &source, now()).is_ok());
    }
}

#[test]
fn nobody_vouches_for_himself() {
    let root = Authority::new("root");
    let mut params = crate::authority::leaf_params();
    crate::authority::name(&mut params, &[(crate::authority::URI, ID.as_bytes())]);
    let alone = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
    let alone = alone.der().clone();
    assert_eq!(
        judge(&root, std::slice::from_ref(&alone)),
        Err(Fault::UnknownIssuer)
    );
    assert_eq!(
        judge(&root, &[alone.clone(), alone.clone()]),
        Err(Fault::UnknownIssuer)
    );
    assert_eq!(
        judge(&root, &[alone, root.der()]),
        Err(Fault::UnknownIssuer)
    );
    assert_eq!(judge(&root, &[root.der()]), Err(Fault::NoId));
}

#[test]
fn a_chain_leads_through_authorities() {
    let root = Authority::new("root");
    let first = root.below("first", |_| {});
    let second = first.below("second", |_| {});
    let leaf = second.leaf(ID, |_| {}).der();
    let ends = |chain: &[&CertificateDer<'static>]| {
        let chain: Vec<_> = chain.iter().map(|one| (*one).clone()).collect();
        judge(&root, &chain).map(|svid| svid.expires)
    };
    let (one, two, top) = (&first.der(), &second.der(), &root.der());
    assert_eq!(ends(&[&leaf, two, one]), Ok(END));
    assert_eq!(ends(&[&leaf, one, two]), Ok(END));
    assert_eq!(ends(&[&leaf, two, one, top]), Ok(END));
    assert_eq!(ends(&[&leaf, two]), Err(Fault::UnknownIssuer));
    assert_eq!(ends(&[&leaf, one]), Err(Fault::UnknownIssuer));
    assert_eq!(ends(&[&leaf]), Err(Fault::UnknownIssuer));
    // The leaf comes first; what comes first is the leaf.
    assert_eq!(ends(&[two, &leaf, one]), Err(Fault::NoId));
}

#[test]
fn chains_have_an_end() {
    let root = Authority::new("root");
    let mut below = vec![root.below("authority 0", |_| {})];
    for depth in 1..8 {
        let next = below
            .last()
            .unwrap()
            .below(&format!("authority {depth}"), |_| {});
        below.push(next);
    }
    let chain = |depth: usize| {
        let used = below.get(..depth).unwrap();
        let leaf = used.last().unwrap().leaf(ID, |_| {}).der();
        let above = used.iter().rev().map(Authority::der);
        std::iter::once(leaf).chain(above).collect::<Vec<_>>()
    };
    assert!(judge(&root, &chain(6)).is_ok());
    assert_eq!(judge(&root, &chain(7)), Err(Fault::TooLong));
    assert_eq!(judge(&root, &chain(8)), Err(Fault::TooLong));
    let mut padded = vec![root.leaf(ID, |_| {}).der()];
    padded.extend(std::iter::repeat_n(root.der(), 7));
    assert!(judge(&root, &padded).is_ok());
    padded.push(root.der());
    assert_eq!(judge(&root, &padded), Err(Fault::TooLong));
}

#[test]
fn what_stands_in_the_middle_may_sign() {
    assert!(through(|_| {}).is_ok());
    assert!(through(|p| p.key_usages.clear()).is_ok());
    assert!(through(|p| p.is_ca = IsCa::Ca(BasicConstraints::Constrained(0))).is_ok());
    assert_eq!(through(|p| p.is_ca = IsCa::NoCa), Err(Fault::Intermediate));
    assert_eq!(
        through(|p| p.is_ca = IsCa::ExplicitNoCa),
        Err(Fault::Intermediate)
    );
    let signs = |usages: &[KeyUsagePurpose]| {
        let usages = usages.to_vec();
        through(move |p| p.key_usages = usages)
    };
    assert_eq!(
        signs(&[KeyUsagePurpose::DigitalSignature]),
        Err(Fault::Intermediate)
    );
    assert_eq!(signs(&[KeyUsagePurpose::CrlSign]), Err(Fault::Intermediate));
    assert!(signs(&[KeyUsagePurpose::KeyCertSign]).is_ok());
}

/// A workload that signs for another with its own SVID's key.
#[test]
fn a_workload_is_no_authority() {
    let root = Authority::new("root");
    let workload = root.below("workload", |params| {
        params.is_ca = IsCa::NoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        crate::authority::name(params, &[(crate::authority::URI, ID.as_bytes())]);
    });
    let minted = workload.leaf("spiffe://example.org/admin", |_| {}).der();
    assert!(judge(&root, &[workload.der()]).is_ok());
    assert_eq!(
        judge(&root, &[minted, workload.der()]),
        Err(Fault::Intermediate)
    );
}

#[test]
fn an_authority_may_be_told_how_far_it_reaches() {
    let root = Authority::new("root");
    let short = root.below("short", |p| {
        p.is_ca = IsCa::Ca(BasicConstraints::Constrained(0))
    });
    let deeper = short.below("deeper", |_| {});
    let leaf = deeper.leaf(ID, |_| {}).der();
    assert_eq!(
        judge(&root, &[leaf, deeper.der(), short.der()]),
        Err(Fault::TooLong)
    );
}

#[test]
fn the_first_to_expire_ends_it() {
    let svid = through(|p| p.not_after = date_time_ymd(2030, 3, 1)).unwrap();
    assert_eq!(svid.expires, 1_898_553_600);
    assert_eq!(
        through(|p| p.not_after = date_time_ymd(2029, 6, 1)),
        Err(Fault::Expired)
    );
    assert_eq!(
        through(|p| p.not_before = date_time_ymd(2030, 6, 1)),
        Err(Fault::NotYetValid)
    );
    let root = |begin: i32, end: i32| {
        Authority::with("root", |p| {
            p.not_before = date_time_ymd(begin, 2, 1);
            p.not_after = date_time_ymd(end, 2, 1);
        })
    };
    let judge = |root: &Authority| judge(root, &[root.leaf(ID, |_| {}).der()]);
    assert_eq!(
        judge(&root(2029, 2030)).map(|svid| svid.expires),
        Ok(1_896_134_400)
    );
    assert_eq!(judge(&root(2028, 2029)), Err(Fault::Expired));
    assert_eq!(judge(&root(2030, 2031)), Err(Fault::NotYetValid));
}

#[test]
fn name_constraints_are_kept() {
    let within = |permitted: &[GeneralSubtree], excluded: &[GeneralSubtree]| {
        let (permitted_subtrees, excluded_subtrees) = (permitted.to_vec(), excluded.to_vec());
        let constraints = NameConstraints {
            permitted_subtrees,
            excluded_subtrees,
        };
        through(move |p| p.name_constraints = Some(constraints))
    };
    let dns = |name: &str| GeneralSubtree::DnsName(name.to_owned());
    let mail = GeneralSubtree::Rfc822Name("example.org".to_owned());
    assert!(within(&[dns("example.org")], &[]).is_ok());
    assert!(within(&[], &[dns("example.org")]).is_ok());
    assert!(within(&[mail], &[]).is_ok());
    let root = Authority::new("root");
    let middle = root.below("middle", |p| {
        p.name_constraints = Some(NameConstraints {
            permitted_subtrees: vec![dns("example.org")],
            excluded_subtrees: Vec::new(),
        });
    });
    let named = |dns: &[u8]| {
        let leaf = middle.leaf(ID, |p| {
            let names = [
                (crate::authority::URI, ID.as_bytes()),
                (crate::authority::DNS, dns),
            ];
            crate::authority::name(p, &names);
        });
        judge(&root, &[leaf.der(), middle.der()])
    };
    assert!(named(b"a.example.org").is_ok());
    assert_eq!(named(b"a.example.com"), Err(Fault::NameConstraint));
    assert_eq!(named(b"*.example.com"), Err(Fault::NameConstraint));
}

/// Constraints on URIs cannot be judged, so whoever has them signs nobody, in either direction.
#[test]
fn uri_constraints_are_refused() {
    use crate::authority::der;
    for kind in [0xa0, 0xa1] {
        for base in [b"example.org".as_slice(), b"other.example", b".org"] {
            let tree = der(kind, &der(0x30, &der(0x86, base)));
            let constraints = || {
                let oid = [2, 5, 29, 30];
                let content = der(0x30, &tree);
                let mut one = rcgen::CustomExtension::from_oid_content(&oid, content);
                one.set_criticality(true);
                one
            };
            let middle = through(|p| p.custom_extensions = vec![constraints()]);
            assert_eq!(middle, Err(Fault::NameConstraint));
            let root = Authority::with("root", |p| p.custom_extensions = vec![constraints()]);
            let leaf = root.leaf(ID, |_| {}).der();
            assert_eq!(judge(&root, &[leaf]), Err(Fault::NameConstraint));
        }
    }
}

#[test]
fn without_authorities_nobody_is_verified() {
    let folder = Folder::new();
    let key = r#"{"kty":"EC","kid":"1","use":"jwt-svid","crv":"P-256","x":"AA","y":"AA"}"#;
    let bundle = folder.write("bundle.json", &format!(r#"{{"keys":[{key}]}}"#));
    let source = Source::new(files(&bundle, None)).unwrap();
    assert!(source.ready());
    let leaf = Authority::new("root").leaf(ID, |_| {}).der();
    let refused = verify(&[leaf], &source, now());
    assert_eq!(refused, Err(Fault::TrustDomain("example.org".to_owned())));
}
