//! What is a message and what is not: every refusal a lenient parser would read one way or the other.
#![expect(clippy::panic, reason = "a test may stop")]

use adapters::wire::scan::Bounds;
use adapters::wire::{Class, Member, read, read_batch};

const BOUNDS: Bounds = Bounds {
    depth: 64,
    members: 10_000,
    number: 64,
};

fn refused(body: &[u8]) {
    if let Ok(message) = read(body, &BOUNDS) {
        panic!(
            "accepted {:?} as {:?}",
            String::from_utf8_lossy(body),
            message.class()
        );
    }
}

fn class(body: &str) -> Class {
    read(body.as_bytes(), &BOUNDS)
        .unwrap_or_else(|flaw| panic!("{body}: {flaw}"))
        .class()
}

fn call(params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#)
}

#[test]
fn messages_are_sorted() {
    assert_eq!(
        class(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#),
        Class::Request
    );
    assert_eq!(
        class(
            r#" {"method":"ping" , "id":"x","jsonrpc":"\u0032.0"} "#
                .replace("\\u0032", "2")
                .as_str()
        ),
        Class::Request
    );
    assert_eq!(
        class(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#),
        Class::Notification
    );
    assert_eq!(
        class(r#"{"jsonrpc":"2.0","id":"a","result":{}}"#),
        Class::Result
    );
    assert_eq!(
        class(r#"{"jsonrpc":"2.0","id":null,"error":{"code":-1,"message":""}}"#),
        Class::Error
    );
    for id in ["1", "-7", "\"1\"", "9007199254740993", "\"é\""] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
        let message = read(body.as_bytes(), &BOUNDS).unwrap();
        assert_eq!(
            message.slice(Member::Id, body.as_bytes()),
            Some(id.as_bytes())
        );
    }
}

#[test]
fn what_fits_no_class_is_refused() {
    for id in [
        "null",
        "1.5",
        "1.0",
        "1e3",
        "{}",
        "[]",
        "true",
        "1,\"id\":2",
        "1,\"\\u0069d\":1",
    ] {
        refused(format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call"}}"#).as_bytes());
    }
    for body in [
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","error":{"code":1,"message":""}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":""}}"#,
        r#"{"jsonrpc":"2.0","id":1}"#,
        r#"{"jsonrpc":"2.0","result":{}}"#,
        r#"{"jsonrpc":"2.0","id":null,"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":"1","message":""}}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":1}}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":[]}"#,
        r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#,
        r#"{"jsonrpc":2.0,"id":1,"method":"ping"}"#,
        r#"{"id":1,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":7}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":null}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":[]}}"#,
        "[]",
        "7",
        "\"x\"",
        "null",
        "",
    ] {
        refused(body.as_bytes());
    }
}

#[test]
fn a_member_twice_is_refused_at_any_depth() {
    refused(call(r#"{"name":"a","name":"b"}"#).as_bytes());
    refused(call(r#"{"name":"a","n\u0061me":"b"}"#).as_bytes());
    refused(call(r#"{"name":"a","arguments":{"x":{"y":[{"z":1,"z":2}]}}}"#).as_bytes());
    refused(call(r#"{"name":"a","arguments":{"":1,"":2}}"#).as_bytes());
    let many: Vec<String> = (0..2000).map(|at| format!("\"k{at}\":0")).collect();
    let fine = call(&format!(
        "{{\"name\":\"a\",\"arguments\":{{{}}}}}",
        many.join(",")
    ));
    assert!(read(fine.as_bytes(), &BOUNDS).is_ok());
    let twice = call(&format!(
        "{{\"name\":\"a\",\"arguments\":{{{},\"k7\":1}}}}",
        many.join(",")
    ));
    refused(twice.as_bytes());
    let siblings =
        call(r#"{"name":"a","arguments":{"x":{"y":1},"z":{"y":1},"y":[{"y":1},{"y":1}]}}"#);
    assert!(read(siblings.as_bytes(), &BOUNDS).is_ok());
}

#[test]
fn look_alikes_of_known_names_are_refused() {
    let envelope = ["jsonrpc", "id", "method", "params", "result", "error"];
    let params = [
        "name",
        "arguments",
        "_meta",
        "uri",
        "requestState",
        "taskId",
        "ref",
    ];
    let meta = [
        "io.modelcontextprotocol/protocolVersion",
        "progressToken",
        "traceparent",
    ];
    let variants = |name: &str| {
        let mut title = name.to_owned();
        title.get_mut(..1).unwrap().make_ascii_uppercase();
        let wide: String = name
            .chars()
            .map(|c| {
                char::from_u32(c as u32 + 0xfee0)
                    .filter(|_| c.is_ascii_graphic())
                    .unwrap_or(c)
            })
            .collect();
        let swapped = name.replace('s', "ſ").replace('k', "\u{212a}");
        [name.to_uppercase(), title, wide, swapped]
            .into_iter()
            .filter(|variant| variant != name)
            .collect::<Vec<_>>()
    };
    for name in envelope {
        for variant in variants(name) {
            refused(
                format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","{variant}":1}}"#).as_bytes(),
            );
        }
    }
    for name in params {
        for variant in variants(name) {
            refused(call(&format!(r#"{{"name":"a","{variant}":1}}"#)).as_bytes());
        }
    }
    for name in meta {
        for variant in variants(name) {
            refused(call(&format!(r#"{{"name":"a","_meta":{{"{variant}":1}}}}"#)).as_bytes());
        }
    }
    // Arguments are the tool's: any name is theirs.
    assert!(
        read(
            call(r#"{"name":"a","arguments":{"Name":1,"METHOD":2}}"#).as_bytes(),
            &BOUNDS
        )
        .is_ok()
    );
}

#[test]
fn what_is_not_strict_json_is_refused() {
    for body in [
        "\u{feff}{}",
        "{}{}",
        "{} x",
        "{\"a\":1,}",
        "{,}",
        "{\"a\" 1}",
        "{\"a\":}",
        "{a:1}",
        "{'a':1}",
        "{\"a\":1 \"b\":2}",
        "[1,]",
        "[,1]",
        "{\"a\":[}",
        "{\"a\":01}",
        "{\"a\":+1}",
        "{\"a\":.5}",
        "{\"a\":1.}",
        "{\"a\":1e}",
        "{\"a\":-}",
        "{\"a\":NaN}",
        "{\"a\":Infinity}",
        "{\"a\":tru}",
        "{\"a\":True}",
        "{\"a\":\"\u{1}\"}",
        "{\"a\":\"\n\"}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\u12\"}",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":\"\\udc00\"}",
        "{\"a\":\"\\ud800\\u0041\"}",
        "{\"a\":\"",
        "{\"a\"",
        "{\"a\":1}//x",
        "/**/{}",
        "{\"a\":1}\u{0}",
        "{\"a\":0x10}",
        "{\"a\":1_0}",
        "{",
        "}",
        "[",
        "]",
        "\"",
        "\\",
    ] {
        let body = if body.contains("\"a\"") {
            body.replacen(
                '{',
                r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"#,
                1,
            ) + "}"
        } else {
            body.to_owned()
        };
        refused(body.as_bytes());
    }
    refused(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\xff\"}");
    refused(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xc0\xaf\"}");
    refused(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xed\xa0\x80\"}");
    let wide: Vec<u8> = r#"{"jsonrpc":"2.0"}"#.encode_utf16().flat_map(u16::to_le_bytes).collect();
    refused(&wide);
}

#[test]
fn hidden_characters_are_refused_in_names_and_allowed_in_arguments() {
    for hidden in ["\\u0000", "\\u200b", "\\u202e", "\u{7f}", "\\ufeff"] {
        refused(call(&format!(r#"{{"name":"a{hidden}"}}"#)).as_bytes());
        refused(format!(r#"{{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{{"uri":"x:{hidden}"}}}}"#).as_bytes());
        assert!(
            read(
                call(&format!(r#"{{"name":"a","arguments":{{"t":"{hidden}"}}}}"#)).as_bytes(),
                &BOUNDS
            )
            .is_ok()
        );
    }
}

#[test]
fn every_bound_is_hit() {
    let nested = |depth: usize| {
        call(&format!(
            "{{\"name\":\"a\",\"arguments\":{}{}}}",
            "[".repeat(depth),
            "]".repeat(depth)
        ))
    };
    assert!(read(nested(62).as_bytes(), &BOUNDS).is_ok());
    refused(nested(63).as_bytes());
    refused("[".repeat(100_000).as_bytes());
    let number = |digits: usize| {
        call(&format!(
            "{{\"name\":\"a\",\"arguments\":{{\"n\":{}}}}}",
            "9".repeat(digits)
        ))
    };
    assert!(read(number(64).as_bytes(), &BOUNDS).is_ok());
    refused(number(65).as_bytes());
    let members = |count: usize| {
        let list: Vec<String> = (0..count).map(|at| format!("\"{at}\":0")).collect();
        call(&format!(
            "{{\"name\":\"a\",\"arguments\":{{{}}}}}",
            list.join(",")
        ))
    };
    assert!(read(members(9_994).as_bytes(), &BOUNDS).is_ok());
    refused(members(9_995).as_bytes());
}

#[test]
fn a_batch_is_one_strict_value_of_messages() {
    let one = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let read = |body: &str| read_batch(body.as_bytes(), &BOUNDS, 2);
    assert_eq!(read(&format!("[{one}, {one}]")).unwrap().len(), 2);
    for body in [
        "[]".to_owned(),
        format!("[{one},{one},{one}]"),
        format!("[{one}]x"),
        format!("[[{one}]]"),
        "[7]".to_owned(),
    ] {
        assert!(read(&body).is_err(), "{body}");
    }
}

#[test]
fn the_gateways_own_keys_are_found_and_taken_out() {
    let body = call(r#"{"name":"a","_meta":{"dev.hopgate/task":"t","x":1,"dev.hopgate/hop":2}}"#);
    let body = bytes::Bytes::from(body);
    let message = adapters::wire::read(&body, &BOUNDS).unwrap();
    let without = message.without_gateway_keys(&body).unwrap();
    assert_eq!(without, call(r#"{"name":"a","_meta":{"x":1}}"#));
}
