//! ApiVersions: what a broker speaks.

use std::time::Instant;

use super::Reply;
use crate::{
    protocol::{
        ApiKey, ErrorCode,
        api_versions::{Request, Response},
    },
    testing::broker::{
        Cluster,
        exchange::{Call, Ticket},
        release::listed,
    },
};

impl Cluster {
    pub(crate) fn serve_api_versions(&mut self, call: &Call<'_>, _: Request) -> Reply<Response> {
        let error_code = match call.plan().request_error() {
            Some(ErrorCode::UNSUPPORTED_VERSION) => {
                self.refuse_version(call.now, &call.ticket);
                return Reply::Elsewhere;
            }
            injected => injected.unwrap_or(ErrorCode::NONE),
        };
        let api_keys = match error_code {
            ErrorCode::NONE => listed(&self.brokers[&call.broker()].versions),
            _ => Vec::new(),
        };
        Reply::Now(Response {
            error_code,
            api_keys,
            ..Response::default()
        })
    }

    /// ApiVersions came in a version that the broker does not speak: it says so in version 0, which every
    /// client can read.
    pub(crate) fn refuse_version(&mut self, now: Instant, ticket: &Ticket) {
        let mut api_keys = Vec::new();
        let broker = &self.brokers[&ticket.broker];
        if broker.release.lists_versions_on_refusal() {
            api_keys = listed(&broker.versions);
            api_keys.retain(|listed| listed.api_key == ApiKey::ApiVersions.key());
        }
        let response = Response {
            error_code: ErrorCode::UNSUPPORTED_VERSION,
            api_keys,
            ..Response::default()
        };
        self.respond_in::<Request>(now, ticket, 0, &response);
    }
}
