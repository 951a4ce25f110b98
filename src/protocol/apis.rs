//! The `apis!` macro: the table of contents of the protocol.
//!
//! ```text
//! apis! {
//!     13 LeaveGroup (leave_group) speaks 0..=5, flexible 4, single ..=2;
//! }
//! ```
//!
//! A line says the key and name of an API, the module of its structs, the versions that are spoken, the
//! first flexible one, if any, and the last version in which the module's `SingleRequest` and
//! `SingleResponse` take the place of `Request` and `Response`, if there are such.

use std::ops::RangeInclusive;

use crate::protocol::{ApiKey, Message};

/// A request, and what belongs to it.
pub trait Request: Message {
    /// The API that is called.
    const API: ApiKey;

    /// The versions in which this struct is the request.
    const VERSIONS: RangeInclusive<i16>;

    /// What comes back.
    type Response: Message;
}

/// Is shown every request struct.
#[cfg(any(test, feature = "testing"))]
pub trait Visitor {
    /// This is one.
    fn visit<R: Request<Response: super::sample::Sample> + super::sample::Sample>(&mut self);
}

macro_rules! apis {
    (@flexible) => { i16::MAX };
    (@flexible $first:literal) => { $first };
    (@requests $Api:ident $module:ident $first:literal $last:literal) => {
        apis!(@request $Api $module Request Response $first $last);
    };
    (@requests $Api:ident $module:ident $first:literal $last:literal $single:literal) => {
        apis!(@request $Api $module SingleRequest SingleResponse $first $single);
        apis!(@request $Api $module Request Response ($single + 1) $last);
    };
    (@request $Api:ident $module:ident $Request:ident $Response:ident $first:tt $last:literal) => {
        impl Request for $module::$Request {
            const API: ApiKey = ApiKey::$Api;
            const VERSIONS: std::ops::RangeInclusive<i16> = $first..=$last;
            type Response = $module::$Response;
        }
    };
    (@visit $visitor:ident $module:ident) => {
        $visitor.visit::<$module::Request>();
    };
    (@visit $visitor:ident $module:ident $single:literal) => {
        $visitor.visit::<$module::SingleRequest>();
        $visitor.visit::<$module::Request>();
    };
    ($(
        $key:literal $Api:ident ($module:ident) speaks $first:literal..=$last:literal
        $(, flexible $flexible:literal)? $(, single ..=$single:literal)?;
    )+) => {
        /// The APIs that are declared here, by Kafka's names.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs)]
        #[repr(i16)]
        pub enum ApiKey {
            $($Api = $key),+
        }

        impl ApiKey {
            /// All of them, by their number.
            pub const ALL: &[Self] = &[$(Self::$Api),+];

            /// The API of that number, if it is declared here.
            pub const fn from_key(key: i16) -> Option<Self> {
                match key {
                    $($key => Some(Self::$Api),)+
                    _ => None,
                }
            }

            /// The number on the wire.
            pub const fn key(self) -> i16 {
                self as i16
            }

            /// Kafka's name.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$Api => stringify!($Api)),+
                }
            }

            /// The versions that are declared here.
            pub const fn versions(self) -> std::ops::RangeInclusive<i16> {
                match self {
                    $(Self::$Api => $first..=$last),+
                }
            }

            /// Whether that version has compact lengths and tagged fields (KIP-482).
            pub const fn is_flexible(self, version: i16) -> bool {
                let first = match self {
                    $(Self::$Api => apis!(@flexible $($flexible)?)),+
                };
                version >= first
            }
        }

        $(apis!(@requests $Api $module $first $last $($single)?);)+

        /// Shows every request struct to a test.
        #[cfg(any(test, feature = "testing"))]
        pub fn visit_requests(visitor: &mut impl Visitor) {
            $(apis!(@visit visitor $module $($single)?);)+
        }
    };
}

impl std::fmt::Display for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
