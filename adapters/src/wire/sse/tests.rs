//! Events are the same however their stream is cut, and no reader finds more in them than was said.

use super::*;

fn decode(chunks: &[&[u8]]) -> Vec<String> {
    let mut decoder = Decoder::new(1000);
    let mut frames = Vec::new();
    for chunk in chunks {
        decoder.feed(Bytes::copy_from_slice(chunk));
        while let Some(frame) = decoder.next().unwrap() {
            frames.push(match frame {
                Frame::Comment(comment) => {
                    format!("comment {:?}", std::str::from_utf8(&comment).unwrap())
                }
                Frame::Event(event) => {
                    let data = String::from_utf8(event.data().to_vec()).unwrap();
                    format!(
                        "{data:?} as {:?}",
                        std::str::from_utf8(&event.into_bytes()).unwrap()
                    )
                }
            });
        }
    }
    frames
}

fn check(stream: &[u8], expected: &[&str]) {
    assert_eq!(
        decode(&[stream]),
        expected,
        "{:?}",
        String::from_utf8_lossy(stream)
    );
    for at in 1..stream.len() {
        let (first, second) = stream.split_at(at);
        assert_eq!(decode(&[first, second]), expected, "split at {at}");
    }
    let bytes: Vec<&[u8]> = stream.chunks(1).collect();
    assert_eq!(decode(&bytes), expected, "byte by byte");
}

#[test]
fn events_are_the_same_however_they_are_cut() {
    check(b"data: a\n\n", &[r#""a" as "data: a\n\n""#]);
    check(
        b"id: 1\ndata:a\n\ndata: b\n\n",
        &[r#""a" as "id: 1\ndata:a\n\n""#, r#""b" as "data: b\n\n""#],
    );
    check(
        b"\xef\xbb\xbfdata: a\r\n\r\ndata: b\n\n",
        &[r#""a" as "data: a\n\n""#, r#""b" as "data: b\n\n""#],
    );
    check(
        b"data: a\ndata: b\n\n",
        &[r#""a\nb" as "data: a\ndata: b\n\n""#],
    );
    check(
        b"data: a\revil: b\r\rdata: c\n\n",
        &[r#""a" as "data: a\n\n""#, r#""c" as "data: c\n\n""#],
    );
    check(
        b": hi\n\ndata: a\n\n",
        &[r#"comment ": hi\n\n""#, r#""a" as "data: a\n\n""#],
    );
    check(b"id: 7\ndata:\n\n", &[r#""" as "id: 7\ndata:\n\n""#]);
    check(b"retry: 500\n\n", &[r#""" as "retry: 500\n\n""#]);
    check(
        b"retry: soon\nid: a\0b\ndata: x\n\n",
        &[r#""x" as "data: x\n\n""#],
    );
    check(b"unknown\n\n\n\n", &[]);
    check(
        b"data\ndata\ndata: x\n\n",
        &[r#""\n\nx" as "data\ndata\ndata: x\n\n""#],
    );
}

#[test]
fn an_event_that_ends_in_a_carriage_return_waits_for_nothing() {
    check(b"data: last\r\r", &[r#""last" as "data: last\n\n""#]);
    check(
        b"data: a\r\n\r\n\ndata: b\r\r\n\r",
        &[r#""a" as "data: a\n\n""#, r#""b" as "data: b\n\n""#],
    );
}

#[test]
fn data_cannot_begin_another_field() {
    assert_eq!(
        event(b"{\r\"id\":1\r\n}"),
        "data: {\ndata: \"id\":1\ndata: \ndata: }\n\n"
    );
}

#[test]
fn many_lines_of_data_are_joined_once() {
    let lines = "data:\n".repeat(170_000);
    let mut decoder = Decoder::new(2 << 20);
    decoder.feed(Bytes::from(lines + "\n"));
    let Some(Frame::Event(event)) = decoder.next().unwrap() else {
        panic!()
    };
    assert_eq!(event.data().len(), 169_999);
}

#[test]
fn an_id_alone_is_heard_by_nobody() {
    let mut decoder = Decoder::new(100);
    decoder.feed(Bytes::from_static(
        b"id: 9\nevent: message\ndata: secret\n\n",
    ));
    let Some(Frame::Event(event)) = decoder.next().unwrap() else {
        panic!()
    };
    assert_eq!(event.id_alone().unwrap(), "id: 9\n\n");
    assert_eq!(
        event.clone().with_data(b"x"),
        "event: message\nid: 9\ndata: x\n\n"
    );
    assert_eq!(
        event.with_id(b"z").into_bytes(),
        "event: message\nid: z\ndata: secret\n\n"
    );
}

#[test]
fn an_event_beyond_the_bound_is_a_flaw() {
    for stream in [
        b"data: 12345678901234567890".as_slice(),
        b"data: 12345678901234567890\n\n",
    ] {
        let mut decoder = Decoder::new(16);
        decoder.feed(Bytes::from_static(stream));
        assert_eq!(decoder.next(), Err(SseFlaw::TooLarge));
    }
}
