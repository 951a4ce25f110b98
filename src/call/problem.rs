//! What can go wrong between a call and its bytes.

use std::{error, fmt};

use crate::{
    error::{Error, ErrorKind},
    protocol::ErrorCode,
    wire,
};

use super::{Call, versions::NoVersion};

/// Why a call cannot be put into bytes, or its answer not be taken.
#[derive(Debug)]
pub(super) enum Problem {
    /// No common version can carry the call.
    Version(NoVersion),
    /// The bytes break the protocol.
    Wire(wire::Error),
    /// The answer is well-formed, but not one to this question.
    Unfit(Unfit),
    /// The broker refused the call as a whole, where the answer has no other place for that.
    Refused(ErrorCode),
}

/// How an answer does not fit its question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfit {
    /// It tells of something that was not asked for.
    NotAskedFor(String),
    /// It tells of something twice.
    Twice(String),
    /// It is silent on what it must tell of.
    Missing(&'static str),
    /// A number below zero where that has no meaning.
    Negative {
        /// What it is.
        what: &'static str,
        /// The number.
        value: i64,
    },
    /// No TCP port.
    Port(i32),
}

impl Unfit {
    /// The answer leaves a partition out that it was asked for.
    pub const NO_PARTITION: Self = Self::Missing("the partition");
}

impl Problem {
    pub(super) fn into_error(self, call: &Call) -> Error {
        let of_kind = |kind| Error::new(kind, call.context()).at_api(call.api());
        match self {
            Self::Version(source) => of_kind(ErrorKind::Version).because(source),
            Self::Wire(source) => of_kind(ErrorKind::Protocol).because(source),
            Self::Unfit(source) => of_kind(ErrorKind::Protocol).because(source),
            Self::Refused(code) => of_kind(ErrorKind::Broker(code)),
        }
    }
}

impl From<NoVersion> for Problem {
    fn from(source: NoVersion) -> Self {
        Self::Version(source)
    }
}

impl From<wire::Error> for Problem {
    fn from(source: wire::Error) -> Self {
        Self::Wire(source)
    }
}

impl From<Unfit> for Problem {
    fn from(source: Unfit) -> Self {
        Self::Unfit(source)
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAskedFor(what) => write!(f, "{what} was not asked for"),
            Self::Twice(what) => write!(f, "{what} comes twice"),
            Self::Missing(what) => write!(f, "{what} is missing"),
            Self::Negative { what, value } => write!(f, "{what} is {value}"),
            Self::Port(port) => write!(f, "{port} is no port"),
        }
    }
}

impl error::Error for Unfit {}
