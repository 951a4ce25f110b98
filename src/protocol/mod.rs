//! The messages of the Kafka protocol, each declared once.
//!
//! Every API has a file, which reads like Kafka's protocol guide and yields both directions: a client
//! writes requests, a server (as in tests) reads them. The fields have Kafka's names. An API whose layout
//! changed its shape has two structs: `SingleRequest` up to some version, `Request` from there on.
//!
//! [`header`] makes whole frames of them.

#[macro_use]
mod apis;
mod error_code;
pub mod header;
#[macro_use]
mod message;
mod record_set;
#[cfg(any(test, feature = "testing"))]
pub mod sample;

pub mod api_versions;
pub mod heartbeat;

pub use apis::Request;
pub use error_code::ErrorCode;
pub use message::Message;
pub use record_set::RecordSet;

apis! {
    12 Heartbeat (heartbeat) speaks 0..=4, flexible 4;
    18 ApiVersions (api_versions) speaks 0..=5, flexible 3;
}
