//! JSON with two readings, and messages that are not one message.

use super::{pair, plausible, refused};
use tests::{Agent, Answer, Era};

/// What a modern request carries.
pub(super) const META: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;

/// A call with `params` members as given.
fn call(params: &str) -> Vec<u8> {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{{META},{params}}}}}"#)
        .into_bytes()
}

/// A call whose arguments are as given.
fn with(arguments: &str) -> Vec<u8> {
    call(&format!(r#""name":"echo","arguments":{arguments}"#))
}

/// A call with further envelope members.
fn envelope(more: &str) -> Vec<u8> {
    format!(r#"{{"jsonrpc":"2.0",{more},"params":{{{META},"name":"echo","arguments":{{}}}}}}"#)
        .into_bytes()
}

#[tokio::test]
async fn t01_duplicate_members() {
    let cases = [
        (
            "name twice",
            call(r#""name":"echo","name":"secret","arguments":{}"#),
        ),
        (
            "name twice, once escaped",
            call(r#""name":"echo","\u006eame":"secret""#),
        ),
        (
            "arguments twice",
            call(r#""name":"echo","arguments":{},"arguments":{"a":1}"#),
        ),
        ("in arguments", with(r#"{"a":1,"a":2}"#)),
        (
            "deep in arguments",
            with(r#"{"a":[{"b":{"c":1,"d":2,"c":3}}]}"#),
        ),
        ("escaped, deep", with(r#"{"a":{"\u0062":1,"b":2}}"#)),
        (
            "surrogate pair spelled two ways",
            with(r#"{"😀":1,"\ud83d\ude00":2}"#),
        ),
        ("empty names", with(r#"{"":1,"":2}"#)),
        ("slash escaped", with(r#"{"a/b":1,"a\/b":2}"#)),
        (
            "method twice",
            envelope(r#""id":1,"method":"tools/list","method":"tools/call""#),
        ),
        (
            "id twice",
            envelope(r#""id":1,"id":2,"method":"tools/call""#),
        ),
        (
            "in _meta",
            call(r#""name":"echo","x":{"_meta":1,"_meta":2}"#),
        ),
    ];
    refused(&cases, &[-32700, -32600]).await;
}

#[tokio::test]
async fn t02_known_names_in_another_letter_case() {
    let names = [
        "Name",
        "NAME",
        "nAme",
        "Arguments",
        "ARGUMENTS",
        "argumentſ",
        "Uri",
        "_Meta",
        "_META",
        "ｎame",
    ];
    let mut cases: Vec<(&str, Vec<u8>)> = Vec::new();
    for name in names {
        cases.push((name, call(&format!(r#""name":"echo","{name}":"secret""#))));
    }
    for name in [
        "Method", "METHOD", "Params", "Id", "ID", "JsonRpc", "paramſ", "Result",
    ] {
        cases.push((
            name,
            envelope(&format!(
                r#""id":1,"method":"tools/call","{name}":"tools/list""#
            )),
        ));
    }
    cases.push(("escaped", call(r#""name":"echo","\u004eame":"secret""#)));
    cases.push(("kelvin sign", call("\"name\":\"echo\",\"tas\u{212a}Id\":1")));
    refused(&cases, &[-32700, -32600]).await;
}

#[tokio::test]
async fn t03_numbers_nobody_agrees_on() {
    let long = "1".repeat(65);
    let cases = [
        ("65 digits", with(&format!(r#"{{"a":{long}}}"#))),
        ("leading zero", with(r#"{"a":01}"#)),
        ("plus", with(r#"{"a":+1}"#)),
        ("bare point", with(r#"{"a":1.}"#)),
        ("no integer part", with(r#"{"a":.5}"#)),
        ("hexadecimal", with(r#"{"a":0x10}"#)),
        ("NaN", with(r#"{"a":NaN}"#)),
        ("Infinity", with(r#"{"a":-Infinity}"#)),
        ("minus alone", with(r#"{"a":-}"#)),
        ("empty exponent", with(r#"{"a":1e}"#)),
    ];
    refused(&cases, &[-32700, -32600]).await;
}

#[tokio::test]
async fn t05_text_that_is_not_text() {
    let mut overlong = with(r#"{"a":"?"}"#);
    let at = overlong.iter().position(|byte| *byte == b'?').unwrap();
    overlong.splice(at..=at, [0xC0, 0xAF]);
    let mut cut = with(r#"{"a":"?"}"#);
    cut.splice(at..=at, [0xE2, 0x82]);
    let utf16: Vec<u8> = with("{}").iter().flat_map(|byte| [*byte, 0]).collect();
    let cases = [
        ("overlong", overlong),
        ("cut sequence", cut),
        ("UTF-16", utf16),
        (
            "byte order mark",
            [b"\xEF\xBB\xBF".to_vec(), with("{}")].concat(),
        ),
        ("lone high surrogate", with(r#"{"a":"\ud800"}"#)),
        ("lone low surrogate", with(r#"{"a":"\udc00x"}"#)),
        ("surrogates swapped", with(r#"{"a":"\ude00\ud83d"}"#)),
        ("raw control character", with("{\"a\":\"\u{1}\"}")),
        ("raw newline in a string", with("{\"a\":\"\n\"}")),
        ("unknown escape", with(r#"{"a":"\x41"}"#)),
        ("short escape", with(r#"{"a":"\u12"}"#)),
        ("NUL in a tool's name", call(r#""name":"ec\u0000ho""#)),
        ("newline in a tool's name", call(r#""name":"echo\n""#)),
        (
            "right-to-left override in a name",
            call(r#""name":"ec\u202eho""#),
        ),
        (
            "zero width space in a name",
            call("\"name\":\"ec\u{200b}ho\""),
        ),
        ("DEL in a name", call("\"name\":\"echo\u{7f}\"")),
        (
            "newline in a URI",
            envelope(r#""id":1,"method":"resources/read\n""#),
        ),
    ];
    refused(&cases, &[-32700, -32600, -32602]).await;
}

#[tokio::test]
async fn t06_exactly_one_value() {
    let valid = String::from_utf8(with("{}")).unwrap();
    let cases = [
        ("empty", Vec::new()),
        ("spaces only", b"  \n".to_vec()),
        ("two documents", [with("{}"), with("{}")].concat()),
        (
            "two lines",
            [with("{}"), b"\n".to_vec(), with("{}")].concat(),
        ),
        ("trailing brace", format!("{valid}}}").into_bytes()),
        ("trailing comma", format!("{valid},").into_bytes()),
        ("trailing NUL", format!("{valid}\0").into_bytes()),
        ("cut", valid.as_bytes()[..valid.len() - 1].to_vec()),
        ("comment", with("{/* */}")),
        ("line comment", format!("// hi\n{valid}").into_bytes()),
        ("single quotes", with("{'a':1}")),
        ("trailing comma inside", with(r#"{"a":1,}"#)),
        ("form feed as space", format!("\u{c}{valid}").into_bytes()),
        ("no-break space", format!("\u{a0}{valid}").into_bytes()),
        ("a string", b"\"tools/call\"".to_vec()),
        ("a number", b"1".to_vec()),
        ("null", b"null".to_vec()),
    ];
    refused(&cases, &[-32700, -32600]).await;
}

/// A request that would be something else to a less careful reader (T09b).
#[tokio::test]
async fn t09b_every_message_fits_exactly_one_class() {
    let method = r#""method":"tools/call""#;
    let ids = [
        "null",
        "1.5",
        "1.0",
        "1e3",
        "{}",
        "[]",
        "true",
        "false",
        "[1]",
        r#"{"a":1}"#,
    ];
    let mut cases: Vec<(&str, Vec<u8>)> = Vec::new();
    for id in ids {
        cases.push((id, envelope(&format!(r#""id":{id},{method}"#))));
    }
    cases.extend([
        ("no id", envelope(method)),
        ("method and result", envelope(&format!(r#""id":1,{method},"result":{{}}"#))),
        ("method and error", envelope(&format!(r#""id":1,{method},"error":{{"code":1,"message":"x"}}"#))),
        ("result and error", br#"{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":"x"}}"#.to_vec()),
        ("neither", br#"{"jsonrpc":"2.0","id":1}"#.to_vec()),
        ("a notification with an id", br#"{"jsonrpc":"2.0","id":1,"method":"notifications/cancelled","params":{"requestId":1}}"#.to_vec()),
        ("a custom method without an id", br#"{"jsonrpc":"2.0","method":"acme/run","params":{}}"#.to_vec()),
        ("jsonrpc 1.0", br#"{"jsonrpc":"1.0","id":1,"method":"tools/call","params":{"name":"echo"}}"#.to_vec()),
        ("jsonrpc as a number", br#"{"jsonrpc":2.0,"id":1,"method":"tools/call","params":{"name":"echo"}}"#.to_vec()),
        ("no jsonrpc", br#"{"id":1,"method":"tools/call","params":{"name":"echo"}}"#.to_vec()),
        ("params an array", br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":["echo"]}"#.to_vec()),
        ("params null", br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":null}"#.to_vec()),
        ("method a number", br#"{"jsonrpc":"2.0","id":1,"method":1}"#.to_vec()),
    ]);
    refused(&cases, &[-32600, -32602, -32700, -32601, -32020]).await;
}

/// The verdict does not depend on where the bytes are cut.
#[tokio::test]
async fn t06_split_at_every_byte() {
    let (gateway, upstream) = pair().await;
    let agent = Agent::modern(&gateway);
    let good = with(r#"{"a":"é\u00e9","b":[1.0,{}]}"#);
    let bad = with(r#"{"a":"é","\u0061":1}"#);
    for (body, status) in [(good, 200), (bad, 400)] {
        let head = agent.head_for(&plausible(Era::Modern, &body));
        let head = format!(
            "{head}Host: {}\r\nContent-Length: {}\r\n\r\n",
            agent.host,
            body.len()
        );
        for split in 1..body.len() {
            let mut wire = agent.connect().await;
            wire.write([head.as_bytes(), &body[..split]].concat())
                .await
                .unwrap();
            tokio::task::yield_now().await;
            wire.write(&body[split..]).await.unwrap();
            assert_eq!(
                Answer::read(wire).await.status(),
                status,
                "split at {split}"
            );
        }
    }
    let calls = upstream.with_method("tools/call");
    assert!(calls.iter().all(
        |call| call.raw(&["params", "arguments"]).unwrap() == r#"{"a":"é\u00e9","b":[1.0,{}]}"#
    ));
}
