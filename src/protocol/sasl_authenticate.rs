//! SaslAuthenticate (36): carries the tokens of a SASL exchange.

use super::ErrorCode;

message! {
    /// A token for the broker.
    pub struct Request {
        auth_bytes: Vec<u8>,
    }

    /// A token for the client.
    pub struct Response {
        error_code: ErrorCode,
        error_message: Option<String>,
        auth_bytes: Vec<u8>,
        /// The broker closes the connection unless the client authenticates again before (KIP-368); 0 is no limit.
        session_lifetime_ms: i64 [1.., ignorable],
    }
}
