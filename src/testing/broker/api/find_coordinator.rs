//! FindCoordinator: who coordinates a group.

use super::Reply;
use crate::{
    protocol::{
        ErrorCode,
        find_coordinator::{Coordinator, Request, Response, SingleRequest, SingleResponse},
    },
    testing::broker::{Cluster, exchange::Call},
};

const GROUP: i8 = 0;

impl Cluster {
    pub(crate) fn serve_find_coordinator_single(
        &mut self,
        call: &Call<'_>,
        request: SingleRequest,
    ) -> Reply<SingleResponse> {
        let found = self.find(call, request.key_type, request.key);
        Reply::Now(SingleResponse {
            error_code: found.error_code,
            error_message: found.error_message,
            node_id: found.node_id,
            host: found.host,
            port: found.port,
            ..SingleResponse::default()
        })
    }

    pub(crate) fn serve_find_coordinator(
        &mut self,
        call: &Call<'_>,
        request: Request,
    ) -> Reply<Response> {
        let keys = request.coordinator_keys.into_iter();
        let coordinators = keys
            .map(|key| self.find(call, request.key_type, key))
            .collect();
        Reply::Now(Response {
            coordinators,
            ..Response::default()
        })
    }

    fn find(&mut self, call: &Call<'_>, key_type: i8, key: String) -> Coordinator {
        let found = match call.plan().request_error() {
            Some(code) => Err(code),
            None if key_type != GROUP => Err(ErrorCode::INVALID_REQUEST),
            None => {
                self.ensure_offsets_topic();
                let endpoint = self.coordinator(&key).and_then(|id| self.endpoint(id));
                endpoint.ok_or(ErrorCode::COORDINATOR_NOT_AVAILABLE)
            }
        };
        match found {
            Ok((node_id, host, port, _)) => Coordinator {
                key,
                node_id,
                host,
                port,
                ..Coordinator::default()
            },
            Err(error_code) => Coordinator {
                key,
                node_id: -1,
                port: -1,
                error_code,
                error_message: Some(error_code.meaning().to_owned()),
                ..Coordinator::default()
            },
        }
    }
}
