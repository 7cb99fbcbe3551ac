//! A filtered list holds no item that was rejected and every other as it was.

use adapters::wire::list::{ListKind, filter};
use bytes::Bytes;
use serde_json::Value;

const KINDS: [(ListKind, &str, &str); 4] = [
    (ListKind::Tools, "tools", "name"),
    (ListKind::Prompts, "prompts", "name"),
    (ListKind::Resources, "resources", "uri"),
    (
        ListKind::ResourceTemplates,
        "resourceTemplates",
        "uriTemplate",
    ),
];

/// Runs the property.
pub fn hold(data: &[u8]) {
    let answer = Bytes::copy_from_slice(data);
    for (kind, list, name) in KINDS {
        let filtered = filter(&answer, kind, |item| shown(&item.name));
        if filtered.removed == 0 {
            assert!(
                filtered.bytes.as_ptr() == answer.as_ptr() && filtered.bytes.len() == answer.len()
            );
        }
        // What no parser can read hides nothing; what one can must hide the same for all.
        let Ok(mut came) = serde_json::from_slice::<Value>(data) else {
            continue;
        };
        let went = serde_json::from_slice::<Value>(&filtered.bytes).unwrap();
        let items = |answer: &Value| {
            let items = answer.get("result").and_then(|result| result.get(list));
            items.and_then(Value::as_array).cloned().unwrap_or_default()
        };
        let named = |item: &Value| item.get(name).and_then(Value::as_str).is_some_and(shown);
        assert!(items(&went).iter().all(named), "nothing hidden is shown");
        if !strict(data) {
            continue;
        }
        if let Some(Value::Object(result)) = came.get_mut("result") {
            let kept: Vec<Value> = items(&went);
            if filtered.removed > 0 {
                if let Some(scope) = result.get_mut("cacheScope") {
                    *scope = Value::from("private");
                }
                if let Some(Value::Array(all)) = result.get_mut(list) {
                    all.retain(named);
                    assert_eq!(*all, kept, "everything shown is there");
                }
            }
        }
        assert_eq!(went, came);
    }
}

fn shown(name: &str) -> bool {
    name.len().is_multiple_of(2)
}

/// Whether no member stands twice: only then there is one tree to compare with.
fn strict(data: &[u8]) -> bool {
    let message = [br#"{"jsonrpc":"2.0","id":1,"result":"#, data, b"}"].concat();
    let bounds = adapters::wire::scan::Bounds {
        depth: 100,
        members: 100_000,
        number: 1024,
    };
    adapters::wire::read(&message, &bounds).is_ok()
}
