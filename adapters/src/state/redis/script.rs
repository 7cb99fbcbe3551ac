//! What runs inside the store, in one step each: the scripts, and how their answers are read.

use super::Down;
use redis::Value;
use std::sync::LazyLock;

/// A script and the name the store keeps it under.
pub(super) struct Script(LazyLock<redis::Script>, &'static str);

macro_rules! script {
    ($name:ident: $($file:literal),+) => {
        pub(super) static $name: Script = Script(
            LazyLock::new(|| redis::Script::new($name.1)),
            concat!($(include_str!(concat!("lua/", $file, ".lua"))),+),
        );
    };
}

script!(GREET: "greet");
script!(SETTLE: "settle");
script!(TAKE: "guard", "take");
script!(GIVE: "guard", "give");
script!(SPEND: "guard", "spend");
script!(RAISE: "guard", "raise");
script!(ENTRY: "guard", "entry");
script!(REMOVE: "guard", "remove");
script!(OPEN_TASK: "guard", "task", "open_task");
script!(FIND_TASK: "guard", "task", "find_task");
script!(TOUCH_TASK: "guard", "task", "touch_task");
script!(LABELS: "guard", "task", "labels");
script!(REFRESH: "guard", "task", "refresh");
script!(END_TASK: "guard", "task", "end_task");
script!(SAY: "guard", "task", "say");
script!(PULSE: "guard", "pulse");
script!(LEAVE: "guard", "leave");

// === impl Script ===

impl Script {
    pub(super) fn digest(&self) -> &str {
        self.0.get_hash()
    }

    pub(super) fn text(&self) -> &'static str {
        self.1
    }
}

/// An answer that is not what the script says: not our store, or not our script.
pub(super) fn odd() -> Down {
    Down::Broken("it answers something else than it was asked".to_owned())
}

/// The parts of an answer; none where the store is not the one it was.
pub(super) fn parts(value: Value) -> Result<Vec<Value>, Down> {
    match value {
        Value::Array(parts) => Ok(parts),
        Value::Nil => Err(Down::Lost),
        _ => Err(odd()),
    }
}

pub(super) fn number(value: Option<&Value>) -> Result<i64, Down> {
    match value {
        Some(Value::Int(number)) => Ok(*number),
        Some(Value::BulkString(text)) => {
            let text = std::str::from_utf8(text).ok();
            text.and_then(|text| text.parse().ok()).ok_or_else(odd)
        }
        _ => Err(odd()),
    }
}

pub(super) fn natural(value: Option<&Value>) -> Result<u64, Down> {
    u64::try_from(number(value)?).map_err(|_| odd())
}

/// Bytes, or nothing where there are none.
pub(super) fn bytes(value: Option<Value>) -> Result<Option<Vec<u8>>, Down> {
    match value {
        Some(Value::BulkString(bytes)) => Ok(Some(bytes)),
        Some(Value::Nil) | None => Ok(None),
        Some(_) => Err(odd()),
    }
}
