//! State that several gateways share, on a real Redis and a real Valkey.
//!
//! Run by the stage `store` of tests/run, which sees to it that there are both: `cargo test -p adapters --test store`.
#![expect(clippy::unwrap_used, reason = "a test may stop")]

mod access;
mod contract;
mod disturbed;
mod forgetful;
mod kept;
mod limits;
mod server;

/// Each case on both.
macro_rules! both {
    ($($case:ident),+ $(,)?) => {
        mod redis {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::$case(crate::server::Kind::Redis).await;
            })+
        }
        mod valkey {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::$case(crate::server::Kind::Valkey).await;
            })+
        }
    };
}
pub(crate) use both;
