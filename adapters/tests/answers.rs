//! Answers read as far as needed, wherever their chunks are cut.
#![expect(clippy::unwrap_used, reason = "a test may stop")]

use adapters::wire::answer::{AnswerFlaw, Facts, Handle, Heard, Options, Reader, hear};
use adapters::wire::scan::Bounds;
use bytes::Bytes;

const OPTIONS: Options = Options {
    limit: 1000,
    whole: false,
};

fn run(chunks: &[&[u8]], options: Options, id: &str) -> Result<(String, Facts), AnswerFlaw> {
    let mut reader = Reader::new(id.as_bytes(), options);
    let mut out = Vec::new();
    let mut seal = |handle, own: &str| {
        format!(
            "{}<{own}>",
            if handle == Handle::Task {
                "task"
            } else {
                "state"
            }
        )
    };
    for chunk in chunks {
        reader.feed(Bytes::copy_from_slice(chunk), &mut seal, &mut out)?;
    }
    let facts = reader.finish(&mut out)?;
    Ok((String::from_utf8(out.concat()).unwrap(), facts))
}

fn check(answer: &str, expected: Result<&str, AnswerFlaw>) {
    let got = |chunks: &[&[u8]]| run(chunks, OPTIONS, "1").map(|(text, _)| text);
    let expected = expected.map(str::to_owned);
    assert_eq!(got(&[answer.as_bytes()]), expected, "{answer}");
    for at in 1..answer.len() {
        let (first, second) = answer.as_bytes().split_at(at);
        assert_eq!(got(&[first, second]), expected, "{answer} split at {at}");
    }
    let bytes: Vec<&[u8]> = answer.as_bytes().chunks(1).collect();
    assert_eq!(got(&bytes), expected, "{answer} byte by byte");
}

#[test]
fn an_answer_passes_byte_for_byte() {
    for answer in [
        r#"{"jsonrpc":"2.0","id":1,"result":{"n":1.0,"big":12345678901234567890,"x":{"requestState":"deep"}}}"#,
        r#" { "result" : { "a\"}" : [ "]" , { } ] } , "jsonrpc" : "2.0" , "id" : 1 } "#,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"\\"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"text":"\"requestState\":\"x\""}],"requestState":7}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{"a":{"b":{"c":{"d":{"taskId":"t","id":2}}}}}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":[1,"id",{"id":2}]}"#,
    ] {
        check(answer, Ok(answer));
    }
}

#[test]
fn handles_are_sealed_where_they_stand() {
    check(
        r#"{"jsonrpc":"2.0","id":1,"result":{"request\u0053tate":"a\nb","resultType":"input_required"}}"#,
        Ok(
            r#"{"jsonrpc":"2.0","id":1,"result":{"request\u0053tate":"state<a\nb>","resultType":"input_required"}}"#,
        ),
    );
    check(
        r#"{"result":{"task":{"taskId":"t1"},"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"t2"}}},"id":1,"jsonrpc":"2.0"}"#,
        Ok(
            r#"{"result":{"task":{"taskId":"task<t1>"},"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"task<t2>"}}},"id":1,"jsonrpc":"2.0"}"#,
        ),
    );
    check(
        r#"{"jsonrpc":"2.0","id":1,"result":{"tasks":[{"taskId":"a"},{"x":0,"taskId":"b"}],"taskId":"c"}}"#,
        Ok(
            r#"{"jsonrpc":"2.0","id":1,"result":{"tasks":[{"taskId":"task<a>"},{"x":0,"taskId":"task<b>"}],"taskId":"task<c>"}}"#,
        ),
    );
}

#[test]
fn what_is_no_answer_to_this_request_is_a_flaw() {
    use AnswerFlaw::{Id, Shape, Truncated};
    for (answer, flaw) in [
        (r#"{"jsonrpc":"2.0","id":2,"result":{}}"#, Id),
        (r#"{"jsonrpc":"2.0","id":"1","result":{}}"#, Id),
        (r#"{"jsonrpc":"2.0","id":1.0,"result":{}}"#, Id),
        (r#"{"jsonrpc":"2.0","result":{}}"#, Id),
        (
            r#"{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":""}}"#,
            Id,
        ),
        (r#"{"jsonrpc":"2.0","id":1}"#, Shape),
        (r#"{"jsonrpc":"1.0","id":1,"result":{}}"#, Shape),
        (r#"{"id":1,"result":{}}"#, Shape),
        (r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{}}"#, Shape),
        (r#"{"jsonrpc":"2.0","id":1,"result":{},"result":{}}"#, Shape),
        (r#"{"jsonrpc":"2.0","id":1,"result":{},"id":1}"#, Shape),
        (r#"{"jsonrpc":"2.0","id":{},"result":{}}"#, Shape),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#, Shape),
        (r#"{"jsonrpc":"2.0","id":1,"result":{}"#, Truncated),
        (r#"{"jsonrpc":"2.0","id":1,"result":{}}}"#, Shape),
        (r#"{"jsonrpc":"2.0","id":1,"result":{}} x"#, Shape),
        ("", Truncated),
        ("<html>", Truncated),
    ] {
        check(answer, Err(flaw));
    }
}

#[test]
fn only_what_is_known_to_answer_passes_early() {
    let early = |start: &str, whole| {
        let mut reader = Reader::new(b"1", Options { limit: 1000, whole });
        let mut out = Vec::new();
        let mut seal = |_, own: &str| own.to_owned();
        reader
            .feed(
                Bytes::copy_from_slice(start.as_bytes()),
                &mut seal,
                &mut out,
            )
            .unwrap();
        reader.released()
    };
    assert!(early(r#"{"jsonrpc":"2.0","id":1,"result":{"a""#, false));
    assert!(!early(r#"{"jsonrpc":"2.0","id":1,"result":{"a""#, true));
    assert!(!early(r#"{"jsonrpc":"2.0","result":{"a":"b"}"#, false));
    assert!(!early(r#"{"jsonrpc":"2.0","id":1,"error":{"code""#, false));
}

#[test]
fn what_must_be_held_is_bounded() {
    let long = format!(
        r#"{{"jsonrpc":"2.0","result":{{"a":"{}"}},"id":1}}"#,
        "x".repeat(1000)
    );
    assert_eq!(
        run(&[long.as_bytes()], OPTIONS, "1"),
        Err(AnswerFlaw::TooLarge)
    );
    let early = format!(
        r#"{{"jsonrpc":"2.0","id":1,"result":{{"a":"{}"}}}}"#,
        "x".repeat(1000)
    );
    assert!(run(&[early.as_bytes()], OPTIONS, "1").is_ok());
}

#[test]
fn facts_are_told() {
    let facts = |answer: &str| run(&[answer.as_bytes()], OPTIONS, "\"a\"").unwrap().1;
    assert!(facts(r#"{"jsonrpc":"2.0","id":"a","result":{"isError":true}}"#).tool_error);
    assert!(
        !facts(
            r#"{"jsonrpc":"2.0","id":"\u0061","result":{"isError":false,"x":{"isError":true}}}"#
        )
        .tool_error
    );
    assert!(facts(r#"{"jsonrpc":"2.0","id":"a","error":{"code":1,"message":""}}"#).is_error);
}

#[test]
fn a_stream_is_heard() {
    let bounds = Bounds {
        depth: 64,
        members: 100,
        number: 64,
    };
    let hear = |text: &'static str| hear(&Bytes::from_static(text.as_bytes()), &bounds);
    for answer in [
        r#"{"jsonrpc":"2.0","id":7,"result":{}}"#,
        r#"{"error":{},"jsonrpc":"2.0","id":7}"#,
    ] {
        assert!(matches!(hear(answer), Ok(Heard::Answer { id }) if id == "7"));
    }
    assert!(matches!(
        hear(r#"{"jsonrpc":"2.0","method":"notifications/progress"}"#),
        Ok(Heard::Message(_))
    ));
    for neither in [
        "{}",
        "7",
        "",
        r#"{"jsonrpc":"2.0","method":"a","method":"b"}"#,
        r#"{"result":{}}"#,
    ] {
        assert!(hear(neither).is_err(), "{neither}");
    }
}

#[test]
fn what_is_read_whole_or_is_an_error_means_one_thing() {
    let whole = Options {
        whole: true,
        ..OPTIONS
    };
    let twice = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[],"tools":[{"name":"hidden"}]}}"#;
    assert!(run(&[twice.as_bytes()], OPTIONS, "1").is_ok());
    assert_eq!(run(&[twice.as_bytes()], whole, "1"), Err(AnswerFlaw::Shape));
    for error in [
        r#"{"code":1,"message":"a","message":"b"}"#,
        r#"{"code":1,"message":"a",}"#,
        r#"{"code":01,"message":"a"}"#,
    ] {
        check(
            &format!(r#"{{"jsonrpc":"2.0","id":1,"error":{error}}}"#),
            Err(AnswerFlaw::Shape),
        );
    }
}

#[test]
fn what_is_opened_is_closed_alike() {
    for result in [r#"{"a":1]"#, r#"[1}"#, r#"{"a":[1}}"#, r#"{"a":{]}"#] {
        let answer = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#);
        check(&answer, Err(AnswerFlaw::Shape));
    }
}

#[test]
fn a_watched_value_is_bounded_even_when_the_answer_passes() {
    let long = "x".repeat(2000);
    for answer in [
        format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"requestState":"{long}"}}}}"#),
        format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{}},"id":"{long}"}}"#),
    ] {
        let chunks: Vec<&[u8]> = answer.as_bytes().chunks(100).collect();
        let flaw = run(&chunks, OPTIONS, "1").unwrap_err();
        assert_eq!(flaw, AnswerFlaw::TooLarge, "{answer}");
    }
}

#[test]
fn every_letter_of_a_name_may_be_escaped() {
    let name: String = "requestState"
        .bytes()
        .map(|byte| format!("\\u{byte:04x}"))
        .collect();
    check(
        &format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"{name}":"a"}}}}"#),
        Ok(&format!(
            r#"{{"jsonrpc":"2.0","id":1,"result":{{"{name}":"state<a>"}}}}"#
        )),
    );
}
