//! Frames around requests and answers.

use std::ops::RangeInclusive;

use crate::{
    protocol::{self, ApiKey, header},
    wire,
};

use super::{
    problem::Problem,
    versions::{FOR_INSTANCE_ID, Versions},
};

pub(super) use crate::wire::Input;

/// A call in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The version it is put in, which its answer will have too.
    pub version: i16,
    /// The whole frame, its length in front.
    pub frame: Vec<u8>,
}

/// What a request needs beside what it asks.
pub(super) struct Envelope<'a> {
    pub(super) versions: &'a Versions,
    pub(super) correlation_id: i32,
    pub(super) client_id: &'a str,
}

impl Envelope<'_> {
    /// The newest version of the API.
    pub(super) fn pick(&self, api: ApiKey) -> Result<i16, Problem> {
        Ok(self.versions.pick(api)?)
    }

    /// The newest version of the API among those that can carry what is asked; the reason says why not
    /// all can.
    pub(super) fn pick_within(
        &self,
        api: ApiKey,
        usable: RangeInclusive<i16>,
        reason: Option<&'static str>,
    ) -> Result<i16, Problem> {
        Ok(self.versions.pick_within(api, usable, reason)?)
    }

    /// The newest version of the API; one from `first` on if what is asked has a static member's name.
    pub(super) fn pick_for_member(
        &self,
        api: ApiKey,
        instance_id: Option<&str>,
        first: i16,
    ) -> Result<i16, Problem> {
        match instance_id {
            Some(_) => self.pick_within(api, first..=i16::MAX, Some(FOR_INSTANCE_ID)),
            None => self.pick(api),
        }
    }

    pub(super) fn seal<R: protocol::Request>(
        &self,
        request: &R,
        version: i16,
    ) -> Result<Request, Problem> {
        let frame =
            header::encode_request(request, version, self.correlation_id, Some(self.client_id))?;
        Ok(Request { version, frame })
    }
}

/// Reads an answer. Its correlation id was compared by whoever read the frame.
pub(super) fn open<R: protocol::Request>(
    frame: Input<'_>,
    version: i16,
) -> wire::Result<R::Response> {
    let (_, answer) = header::decode_response_of::<R>(frame, version)?;
    Ok(answer)
}
