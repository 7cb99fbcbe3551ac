//! JSON values read and written by name, whatever they turn out to be.

use serde_json::Value;

/// What a JSON pointer leads to; null where it leads nowhere.
pub(super) fn at<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    value.pointer(pointer).unwrap_or_default()
}

/// Sets a member of an object.
pub(super) fn set(value: &mut Value, name: &str, to: Value) {
    if let Some(members) = value.as_object_mut() {
        members.insert(name.to_owned(), to);
    }
}
