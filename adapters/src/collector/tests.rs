//! What a failure means, and that no header's value can be printed.

use super::{Protocol, Secret, SendError, Settings, grpc_fault, http_fault};
use http::{HeaderName, HeaderValue, StatusCode};
use std::time::Duration;
use tonic::{Code, Status};

#[test]
fn what_may_be_repeated() {
    let passing = |code| grpc_fault(&Status::new(code, "the collector's words")).passing;
    assert!(passing(Code::Unavailable) && passing(Code::ResourceExhausted));
    assert!(!passing(Code::Unimplemented) && !passing(Code::Unauthenticated));
    let passing = |status: u16| http_fault(StatusCode::from_u16(status).unwrap()).passing;
    assert!(passing(503) && passing(429) && !passing(404) && !passing(500) && !passing(401));
}

#[test]
fn a_failure_is_told_in_our_words() {
    let SendError { why, .. } = grpc_fault(&Status::new(Code::Internal, "key=hunter2"));
    assert_eq!(why, "gRPC status Internal");
}

#[tokio::test]
async fn nobody_prints_a_header() {
    let settings = Settings {
        url: "http://127.0.0.1:9/v1/traces".parse().unwrap(),
        protocol: Protocol::Http,
        headers: vec![(
            HeaderName::from_static("authorization"),
            Secret::Value(HeaderValue::from_static("hunter2")),
        )],
        roots: Vec::new(),
        identity: None,
        allow_private: Vec::new(),
        timeout: Duration::from_secs(5),
    };
    let collector = super::Collector::new(&settings).unwrap();
    assert!(!format!("{settings:?} {collector:?}").contains("hunter2"));
    let refused = collector.send("/x", bytes::Bytes::new()).await.unwrap_err();
    assert!(
        refused.passing && refused.why.starts_with("cannot connect"),
        "{refused}"
    );
}
