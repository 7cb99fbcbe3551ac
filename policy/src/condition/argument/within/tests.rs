//! What lies within what, who may disagree, and the plain walk over segments.

use super::{Truth, Within};
use Truth::{Maybe, No, Yes};

fn within(roots: &[&str]) -> Within {
    Within::new(roots.iter().copied()).unwrap_or_else(|fault| panic!("{roots:?}: {fault:?}"))
}

fn check(roots: &[&str], expected: &[(&str, Truth)]) {
    let within = within(roots);
    for (text, expected) in expected {
        assert_eq!(within.truth(text), *expected, "{text:?} in {roots:?}");
    }
}

#[test]
fn paths_by_segment() {
    for root in ["/srv/data", "/srv/data/", "//srv//data"] {
        check(
            &[root],
            &[
                ("/srv/data", Yes),
                ("/srv/data/", Yes),
                ("/srv/data/a/b", Yes),
                ("//srv/./data//a", Yes),
                ("/srv/x/../data/a", Yes),
                ("/../../srv/data", Yes),
                ("/srv/data/%2e%2e/x", Yes),
                ("/srv/data/a\"; x é", Yes),
                ("/srv/data2", No),
                ("/srv", No),
                ("/", No),
                ("/srv/data/../secret", No),
                ("/srv/data/a/../../../etc", No),
                ("/srv/ data/a", No),
                ("/SRV/data/a", Maybe),
                ("", Maybe),
                ("srv/data/a", Maybe),
                ("./srv/data", Maybe),
                ("~/srv", Maybe),
                (" /srv/data", Maybe),
                ("\\srv\\data", Maybe),
                ("/srv/data/..\\..\\etc", Maybe),
                ("C:\\srv", Maybe),
                ("/srv/data/a\0b", Maybe),
                ("/srv/data/a\nb", Maybe),
                ("file:///srv/data/a", Maybe),
                ("https://srv/data", Maybe),
            ],
        );
    }
    check(&["/"], &[("/", Yes), ("/a/..", Yes), ("a", Maybe)]);
    check(
        &["/a", "/b/c"],
        &[
            ("/a/x", Yes),
            ("/b/c", Yes),
            ("/b", No),
            ("/C", No),
            ("/A", Maybe),
        ],
    );
}

#[test]
fn origins_by_name() {
    check(
        &["https://api.example.com/"],
        &[
            ("https://api.example.com", Yes),
            (
                "HTTPS://API.Example.Com/x/../y;z?q=https://evil.example/#f",
                Yes,
            ),
            ("https://api.example.com:443/x", Yes),
            ("https://api.example.com:/x", Yes),
            ("https://api.example.com./x", Yes),
            ("https://api.example.com/@me", Yes),
            ("https://api.example.com?a=b", Yes),
            ("http://api.example.com/", No),
            ("https://api.example.com:8443/", No),
            ("https://api.example.com.evil.example/", No),
            ("https://evil.example/https://api.example.com/", No),
            ("https://xapi.example.com/", No),
            ("https://127.0.0.1/", No),
            ("foo://api.example.com/", No),
            ("https://user@api.example.com/", Maybe),
            ("https://user:pass@api.example.com/", Maybe),
            ("https://@api.example.com/", Maybe),
            ("https://api.example.com@evil.example/", Maybe),
            ("https://api.example.com?@evil.example/", Maybe),
            ("https://api.example.com#@evil.example/", Maybe),
            ("https://api.example.com\\@evil.example/", Maybe),
            ("https://evil.example\\.api.example.com/", Maybe),
            ("https://api.example.com%2f.evil.example/", Maybe),
            ("https://%61pi.example.com/", Maybe),
            ("https:/api.example.com/", Maybe),
            ("https:api.example.com/", Maybe),
            ("https:///api.example.com/", Maybe),
            ("//api.example.com/", Maybe),
            ("https:\\\\api.example.com/", Maybe),
            ("view-source:https://api.example.com/", Maybe),
            (" https://api.example.com/", Maybe),
            ("https://api.example.com/ x", Maybe),
            ("https://api.exam\tple.com/", Maybe),
            ("https://api.example.com:99999/", Maybe),
            ("https://api.example.com:4x3/", Maybe),
            ("https://api..example.com/", Maybe),
            ("https://api.example.com,evil.example/", Maybe),
            ("https://", Maybe),
            ("api.example.com", Maybe),
            ("", Maybe),
        ],
    );
}

#[test]
fn hosts_in_disguise() {
    check(
        &["http://127.0.0.1"],
        &[
            ("http://127.0.0.1:80/x", Yes),
            ("http://127.0.0.1./x", Yes),
            ("http://127.0.0.2/", No),
            ("http://2130706433/", Maybe),
            ("http://0x7f.1/", Maybe),
            ("http://127.1/", Maybe),
            ("http://0177.0.0.1/", Maybe),
            ("http://[::ffff:127.0.0.1]/", Maybe),
            ("http://[::127.0.0.1]/", Maybe),
            ("http://[::ffff:0.0.0.0]/", Maybe),
            ("http://１２７.0.0.1/", Maybe),
            ("http://127。0。0。1/", Maybe),
        ],
    );
    check(
        &["http://[::1]:8080/"],
        &[
            ("http://[0:0:0:0:0:0:0:1]:8080/", Yes),
            ("http://[::1]/", No),
            ("http://[::2]:8080", No),
            ("http://[::1%25lo]:8080/", Maybe),
        ],
    );
    for root in ["https://bücher.example", "https://xn--bcher-kva.example"] {
        check(
            &[root],
            &[
                ("https://bücher.example/a", Yes),
                ("https://BÜCHER.example/a", Yes),
                ("https://xn--bcher-kva.example/a", Yes),
                ("https://bucher.example/a", No),
                ("https://bücher。example/a", Maybe),
                ("https://bu\u{308}cher.example/a", Maybe),
                ("https://straße.example/", Maybe),
            ],
        );
    }
}

#[test]
fn paths_of_addresses() {
    for root in ["https://h.example/v1", "https://h.example/v1/"] {
        check(
            &[root],
            &[
                ("https://h.example/v1", Yes),
                ("https://h.example/v1/", Yes),
                ("https://h.example/v1?x", Yes),
                ("https://h.example/v1/a/../b", Yes),
                ("https://h.example/v1//a", Yes),
                ("https://h.example/v1/%41%2Emd", Yes),
                ("https://h.example/v1/a%20b/é/100%25", Yes),
                ("https://h.example", No),
                ("https://h.example/", No),
                ("https://h.example/v12", No),
                ("https://h.example/v2/v1", No),
                ("https://h.example/?/v1", No),
                ("https://h.example/v1/../admin", Maybe),
                ("https://h.example/x/../v1", Maybe),
                ("https://h.example/v1//../admin", Maybe),
                ("https://h.example//v1", Maybe),
                ("https://h.example/./v1", Maybe),
                ("https://h.example/v1/%2e%2e/admin", Maybe),
                ("https://h.example/v1/.%2E/admin", Maybe),
                ("https://h.example/v1/..%2fadmin", Maybe),
                ("https://h.example/v1/..%5cadmin", Maybe),
                ("https://h.example/v1/..\\admin", Maybe),
                ("https://h.example/v1/%252e%252e/admin", Maybe),
                ("https://h.example/v1/..;/admin", Maybe),
                ("https://h.example/v1/%00", Maybe),
                ("https://h.example/v1/%c0%ae%c0%ae/admin", Maybe),
                ("https://h.example/v1/%", Maybe),
                ("https://h.example/v1/%zz", Maybe),
                ("https://h.example/%76%31/a", Maybe),
                ("https://h.example/V1/a", Maybe),
            ],
        );
    }
    // What a deny must not be escaped by.
    let admin = within(&["https://h.example/admin"]);
    for text in [
        "/v1/../admin",
        "//admin",
        "/%61dmin",
        "/Admin",
        "/./admin",
        "/v1/..;/admin",
        "/v1%2f..%2fadmin",
        "/v1/..\\admin",
    ] {
        assert_ne!(
            admin.truth(&format!("https://h.example{text}")),
            No,
            "{text}"
        );
    }
}

#[test]
fn both_kinds_at_once() {
    check(
        &["/srv", "https://h.example"],
        &[
            ("/srv/x", Yes),
            ("https://h.example/x", Yes),
            ("/etc", No),
            ("https://e.example/", No),
            ("//h.example/x", Maybe),
            ("//srv", Maybe),
        ],
    );
}

#[test]
fn what_the_policy_may_not_say() {
    for text in [
        "",
        "srv",
        "./srv",
        "~",
        "C:\\srv",
        "/srv/../etc",
        "/srv/./x",
        "/a\\b",
        "/a\nb",
        "file:///srv",
        "mailto:x@y",
        "s3://bucket/x",
        "https://",
        "https:h.example",
        "https://h.example?x",
        "https://h.example#x",
        "https://u@h.example",
        "https://u:p@h.example",
        "https://:p@h.example",
        "http://0x7f.1",
        "https://h.example/a/../b",
        "https://h.example//a",
        "https://h.example/%61",
        "https://h.example/a;b",
        "https://h.example/a%2fb",
        "http://[::ffff:1.2.3.4]",
        " https://h.example",
        "https://h.exa\tmple",
    ] {
        let fault = Within::new([text].into_iter()).unwrap_err();
        assert!(
            !fault.message.is_empty() && !fault.help.is_empty(),
            "{text}"
        );
        assert!(
            !fault.message.contains("u:p") && !fault.help.contains("u:p"),
            "{text}"
        );
    }
}

/// The plain walk: a stack of names.
fn obvious(root: &str, path: &str) -> bool {
    let stack = |path: &str| {
        let mut stack: Vec<String> = Vec::new();
        for name in path
            .split('/')
            .filter(|name| !name.is_empty() && *name != ".")
        {
            if name == ".." {
                stack.pop();
            } else {
                stack.push(name.to_owned());
            }
        }
        stack
    };
    stack(path).starts_with(&stack(root))
}

#[test]
fn it_walks_as_the_plain_walk_does() {
    let mut seed = 3_u64;
    let mut next = |most: usize| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % most
    };
    let mut inside = 0;
    let mut sure = 0;
    for _ in 0..20_000 {
        let root: String = (0..next(3)).map(|_| ["/a", "/b"][next(2)]).collect();
        let path: String = (0..=next(5))
            .map(|_| ["/a", "/b", "/ab", "/..", "/.", "/"][next(6)])
            .collect();
        let expected = obvious(&root, &path);
        let directory = within(&[&format!("/{root}")]);
        assert_eq!(directory.truth(&path), expected.into(), "{path} in {root}");
        // Of addresses it may say that readers differ, and nothing else that is not so.
        let address = within(&[&format!("https://h{root}")]);
        let found = address.truth(&format!("https://h{path}"));
        assert!(
            found == Maybe || found == expected.into(),
            "{path} in {root}: {found:?}"
        );
        let plain = !path.contains("/.") && !path.contains("//");
        assert!(found != Maybe || !plain, "{path} in {root}");
        inside += u32::from(expected);
        sure += u32::from(found != Maybe);
    }
    assert!(inside > 1_000 && sure > 1_000, "{inside} {sure}");
}
