//! SaslHandshake (17): chooses a SASL mechanism.

use super::ErrorCode;

message! {
    /// After version 0 the tokens follow bare, each with its length alone; after version 1 in SaslAuthenticate.
    pub struct Request {
        mechanism: String,
    }

    /// UNSUPPORTED_SASL_MECHANISM comes with the mechanisms that the broker offers.
    pub struct Response {
        error_code: ErrorCode,
        mechanisms: Vec<String>,
    }
}
