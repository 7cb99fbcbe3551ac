//! Reading an ordinary message allocates nothing; a hostile one costs no more than in proportion to its bytes.

use adapters::wire::scan::Bounds;
use adapters::wire::{Member, read};
use allocation_counter::measure;

const BOUNDS: Bounds = Bounds {
    depth: 64,
    members: 10_000,
    number: 64,
};

const CALL: &str = r#"{"jsonrpc":"2.0","id":42,"method":"tools/call","params":{"name":"read_note","arguments":{"path":"/a/b","limit":10,"deep":{"list":[1,2.5,{"x":null}],"text":"caf\u00e9 \"quoted\"\n"}},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"progressToken":"p","traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}}}"#;

#[test]
fn an_ordinary_message_costs_no_allocation() {
    // The first reading makes the secret of the process.
    read(CALL.as_bytes(), &BOUNDS).unwrap();
    let mut named = false;
    let cost = measure(|| {
        let message = read(CALL.as_bytes(), &BOUNDS).unwrap();
        named = message.slice(Member::Name, CALL.as_bytes()) == Some(br#""read_note""#);
    });
    assert!(named);
    assert_eq!(cost.count_total, 0);
}

#[test]
fn a_long_text_costs_no_allocation() {
    let text = "long and plain, caf\u{e9}; ".repeat(4_000);
    let body = CALL.replace("/a/b", &text);
    read(body.as_bytes(), &BOUNDS).unwrap();
    let cost = measure(|| assert!(read(body.as_bytes(), &BOUNDS).is_ok()));
    assert_eq!(cost.count_total, 0);
}

#[test]
fn many_members_cost_memory_in_proportion() {
    let members: Vec<String> = (0..9_000).map(|at| format!("\"{at}\":0")).collect();
    let body = CALL.replace("\"limit\":10", &members.join(","));
    let cost = measure(|| assert!(read(body.as_bytes(), &BOUNDS).is_ok()));
    let bytes = u64::try_from(body.len()).unwrap();
    assert!(
        cost.bytes_max < 10 * bytes,
        "{} for {bytes}",
        cost.bytes_max
    );
    let nested = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let cost = measure(|| assert!(read(nested.as_bytes(), &BOUNDS).is_err()));
    assert_eq!(cost.count_total, 0);
}
