//! An answer is judged the same however it is cut; what passes is what came, with its handles sealed and nothing else.

use super::cut;
use super::scan::BOUNDS;
use adapters::wire::answer::{AnswerFlaw, Facts, Options, Reader, hear};
use adapters::wire::{Class, Member, read, same_id};
use bytes::Bytes;
use serde_json::Value;

const ID: &[u8] = b"1";
const SEALED: &str = "sealed";

/// Runs the property. The first byte chooses where the rest is cut.
pub fn hold(data: &[u8]) {
    let Some((_, answer)) = data.split_first() else {
        return;
    };
    let streamed = run(&[answer], false);
    assert_eq!(run(&cut(data), false), streamed);
    let whole = run(&[answer], true);
    assert_eq!(run(&cut(data), true), whole);
    if let Ok((bytes, facts)) = &whole {
        assert_eq!(streamed, Ok((bytes.clone(), *facts)));
    }
    strict(answer, &streamed);
    if let Ok((bytes, facts)) = streamed {
        sealed(answer, &bytes, facts);
    }
    // Telling what a stream said never stops the world.
    let _ = hear(&Bytes::copy_from_slice(answer), &BOUNDS);
}

type Outcome = Result<(Vec<u8>, Facts), AnswerFlaw>;

fn run(chunks: &[&[u8]], whole: bool) -> Outcome {
    let options = Options {
        limit: 1 << 20,
        whole,
    };
    let mut reader = Reader::new(ID, options);
    let mut out = Vec::new();
    for chunk in chunks {
        let mut seal = |_, _: &str| SEALED.to_owned();
        reader.feed(Bytes::copy_from_slice(chunk), &mut seal, &mut out)?;
    }
    let facts = reader.finish(&mut out)?;
    Ok((out.concat(), facts))
}

/// What the strict scanner calls the answer to this request, the reader calls so too.
fn strict(answer: &[u8], outcome: &Outcome) {
    let Ok(message) = read(answer, &BOUNDS) else {
        return;
    };
    let own = message
        .slice(Member::Id, answer)
        .is_some_and(|id| same_id(ID, id));
    let answers = matches!(message.class(), Class::Result | Class::Error) && own;
    assert_eq!(outcome.is_ok(), answers, "{outcome:?}");
    let heard = hear(&Bytes::copy_from_slice(answer), &BOUNDS);
    let id = message.slice(Member::Id, answer);
    assert_eq!(
        heard.is_ok(),
        id.is_some() || message.class() == Class::Notification
    );
}

fn sealed(answer: &[u8], bytes: &[u8], facts: Facts) {
    // Of a member twice the other parser keeps the last; the reader has sealed both.
    let (Ok(mut came), Ok(went)) = (
        serde_json::from_slice::<Value>(answer),
        serde_json::from_slice::<Value>(bytes),
    ) else {
        return;
    };
    assert_eq!(came.get("id"), Some(&Value::from(1)));
    assert_eq!(facts.is_error, came.get("error").is_some());
    assert_ne!(came.get("result").is_some(), facts.is_error);
    let paths = [
        "/result/requestState",
        "/result/taskId",
        "/result/task/taskId",
        "/result/_meta/io.modelcontextprotocol~1related-task/taskId",
    ];
    for path in paths {
        seal(came.pointer_mut(path));
    }
    if let Some(Value::Array(tasks)) = came.pointer_mut("/result/tasks") {
        for task in tasks {
            seal(task.as_object_mut().and_then(|task| task.get_mut("taskId")));
        }
    }
    assert_eq!(went, came);
}

fn seal(handle: Option<&mut Value>) {
    if let Some(handle) = handle.filter(|handle| handle.is_string()) {
        *handle = Value::from(SEALED);
    }
}
