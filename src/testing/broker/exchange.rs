//! Requests in, responses out: one after the other on each connection.

use std::{
    collections::VecDeque,
    ops::RangeInclusive,
    time::{Duration, Instant},
};

use super::{
    Cluster, OnUnknownApi,
    api::Reply,
    fault::{Drip, Fate, FaultId, Plan},
    group::{Answer, RequestId},
    requests::SeenRequest,
    subject::About,
};
use crate::{
    protocol::{
        ApiKey, Request, find_coordinator,
        header::{RequestHeader, decode_body, decode_request_header, encode_response},
        join_group, leave_group, offset_fetch, sync_group,
    },
    wire::Decoder,
};

/// Names a connection. A name is never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// What is to be done with a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Which one.
    pub connection: ConnectionId,
    /// What.
    pub action: Action,
}

/// What is to be done with a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Send these bytes: a response frame with its length in front, unless a fault made them.
    Send(Vec<u8>),
    /// Close it.
    Close,
}

/// A client's connection to a broker.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) broker: i32,
    /// Requests that came while another one was being served.
    queue: VecDeque<Vec<u8>>,
    is_busy: bool,
}

/// What must be known of a request when its answer is there.
#[derive(Debug, Clone)]
pub(crate) struct Ticket {
    pub(crate) id: RequestId,
    pub(crate) connection: ConnectionId,
    pub(crate) broker: i32,
    pub(crate) version: i16,
    pub(crate) correlation_id: i32,
    pub(crate) plan: Plan,
}

/// A request in the hands of the one who serves it.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) now: Instant,
    pub(crate) ticket: Ticket,
    pub(crate) client_id: &'a str,
    /// Where record sets point into.
    pub(crate) frame: &'a [u8],
}

/// A request that has been served: what goes out on its connection, if anything.
#[derive(Debug)]
pub(crate) struct Finished {
    connection: ConnectionId,
    action: Option<Action>,
    /// More of the answer follows.
    is_part: bool,
}

impl Call<'_> {
    pub(crate) fn broker(&self) -> i32 {
        self.ticket.broker
    }

    pub(crate) fn version(&self) -> i16 {
        self.ticket.version
    }

    pub(crate) fn plan(&self) -> &Plan {
        &self.ticket.plan
    }
}

impl Cluster {
    /// A request has come, without its length. Its answer, and others that it sets free, come out of
    /// [`poll_output`](Self::poll_output).
    pub fn handle(
        &mut self,
        now: Instant,
        broker: i32,
        connection: ConnectionId,
        request: Vec<u8>,
    ) {
        if !self.is_running(broker) {
            let action = Action::Close;
            return self.outputs.push_back(Output { connection, action });
        }
        self.catch_up(now);
        let idle = || Connection {
            broker,
            queue: VecDeque::new(),
            is_busy: false,
        };
        let known = self.connections.entry(connection).or_insert_with(idle);
        known.queue.push_back(request);
        self.ready.push_back(connection);
        self.settle(now);
    }

    /// The client has closed the connection. Where it waits for a rebalance, nobody notices, as in Kafka.
    pub fn connection_closed(&mut self, connection: ConnectionId) {
        self.connections.remove(&connection);
        self.fetches
            .retain(|fetch| fetch.ticket.connection != connection);
    }

    /// What is to be sent or closed next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called.
    pub fn poll_deadline(&self) -> Option<Instant> {
        let groups = self.groups.values().filter_map(super::Group::poll_deadline);
        let fetches = self.fetches.iter().map(|fetch| fetch.deadline);
        let delayed = self.delayed.first_key_value().map(|((at, _), _)| *at);
        groups.chain(fetches).chain(delayed).min()
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.catch_up(now);
        self.settle(now);
    }

    /// Does what was due before now in its order, each thing at its time.
    fn catch_up(&mut self, now: Instant) {
        while let Some(due) = self.poll_deadline().filter(|due| *due < now) {
            self.settle(due);
        }
    }

    /// Does all that can be done now. Ends, because each round serves a request, or moves a deadline
    /// beyond now.
    pub(crate) fn settle(&mut self, now: Instant) {
        loop {
            while let Some(connection) = self.ready.pop_front() {
                self.serve_next(now, connection);
            }
            for group in self.groups.values_mut() {
                if group.poll_deadline().is_some_and(|due| due <= now) {
                    group.handle_timeout(now);
                }
            }
            self.answer_groups(now);
            self.answer_fetches(now);
            while let Some(entry) = self
                .delayed
                .first_entry()
                .filter(|entry| entry.key().0 <= now)
            {
                let finished = entry.remove();
                self.deliver(finished);
            }
            if self.ready.is_empty() && self.poll_deadline().is_none_or(|due| due > now) {
                return;
            }
        }
    }

    fn serve_next(&mut self, now: Instant, id: ConnectionId) {
        let Some(connection) = self
            .connections
            .get_mut(&id)
            .filter(|connection| !connection.is_busy)
        else {
            return;
        };
        let broker = connection.broker;
        if self
            .brokers
            .get(&broker)
            .is_none_or(|broker| broker.is_cut_off)
        {
            return;
        }
        let Some(frame) = connection.queue.pop_front() else {
            return;
        };
        connection.is_busy = true;
        let Ok((header, body)) = decode_request_header(&frame) else {
            return self.close(id);
        };
        let Some((api, versions)) = self.spoken(broker, &header) else {
            return match self.settings.on_unknown_api {
                OnUnknownApi::Close => self.close(id),
                OnUnknownApi::Silence => {}
            };
        };
        self.last_request += 1;
        // Before 0.10 the version of this request was not looked at.
        let version = match api {
            ApiKey::Metadata if *versions.end() == 0 => 0,
            _ => header.api_version,
        };
        let ticket = Ticket {
            id: RequestId(self.last_request),
            connection: id,
            broker,
            version,
            correlation_id: header.correlation_id,
            plan: Plan::default(),
        };
        if !versions.contains(&version) {
            return match api {
                ApiKey::ApiVersions => self.refuse_version(now, &ticket),
                _ => self.close(id),
            };
        }
        let client_id = header.client_id.as_deref().unwrap_or_default();
        let call = Call {
            now,
            ticket,
            client_id,
            frame: &frame,
        };
        match api {
            ApiKey::Metadata | ApiKey::Fetch | ApiKey::ListOffsets => {
                self.as_known_to(broker, |cluster| cluster.dispatch(api, call, body));
            }
            _ => self.dispatch(api, call, body),
        }
    }

    /// The API, if the broker has ever heard of it, and the versions that it speaks.
    fn spoken(&self, broker: i32, header: &RequestHeader) -> Option<(ApiKey, RangeInclusive<i16>)> {
        let api = header.api()?;
        let versions = self.brokers.get(&broker)?.versions.get(&api)?;
        Some((api, versions.clone()))
    }

    fn dispatch(&mut self, api: ApiKey, call: Call<'_>, body: Decoder<'_>) {
        let version = call.version();
        match api {
            ApiKey::Produce => self.serve(call, body, Self::serve_produce),
            ApiKey::Fetch => self.serve(call, body, Self::serve_fetch),
            ApiKey::ListOffsets => self.serve(call, body, Self::serve_list_offsets),
            ApiKey::Metadata => self.serve(call, body, Self::serve_metadata),
            ApiKey::OffsetCommit => self.serve(call, body, Self::serve_offset_commit),
            ApiKey::OffsetFetch if is_single::<offset_fetch::SingleRequest>(version) => {
                self.serve(call, body, Self::serve_offset_fetch_single);
            }
            ApiKey::OffsetFetch => self.serve(call, body, Self::serve_offset_fetch),
            ApiKey::FindCoordinator if is_single::<find_coordinator::SingleRequest>(version) => {
                self.serve(call, body, Self::serve_find_coordinator_single);
            }
            ApiKey::FindCoordinator => self.serve(call, body, Self::serve_find_coordinator),
            ApiKey::JoinGroup => self.serve(call, body, Self::serve_join_group),
            ApiKey::Heartbeat => self.serve(call, body, Self::serve_heartbeat),
            ApiKey::LeaveGroup if is_single::<leave_group::SingleRequest>(version) => {
                self.serve(call, body, Self::serve_leave_group_single);
            }
            ApiKey::LeaveGroup => self.serve(call, body, Self::serve_leave_group),
            ApiKey::SyncGroup => self.serve(call, body, Self::serve_sync_group),
            ApiKey::DescribeGroups => self.serve(call, body, Self::serve_describe_groups),
            ApiKey::ListGroups => self.serve(call, body, Self::serve_list_groups),
            ApiKey::ApiVersions => self.serve(call, body, Self::serve_api_versions),
            ApiKey::CreateTopics => self.serve(call, body, Self::serve_create_topics),
            ApiKey::DeleteTopics => self.serve(call, body, Self::serve_delete_topics),
            ApiKey::DeleteRecords => self.serve(call, body, Self::serve_delete_records),
            ApiKey::OffsetForLeaderEpoch => {
                self.serve(call, body, Self::serve_offset_for_leader_epoch);
            }
            ApiKey::CreatePartitions => self.serve(call, body, Self::serve_create_partitions),
            ApiKey::SaslHandshake
            | ApiKey::SaslAuthenticate
            | ApiKey::ElectLeaders
            | ApiKey::AlterPartitionReassignments => unreachable!("{api} is not advertised"),
        }
    }

    fn serve<R: About>(
        &mut self,
        mut call: Call<'_>,
        body: Decoder<'_>,
        serve: fn(&mut Self, &Call<'_>, R) -> Reply<R::Response>,
    ) {
        let connection = call.ticket.connection;
        let Ok(request) = decode_body::<R>(body) else {
            return self.close(connection);
        };
        let mut subject = request.subject(call.version());
        subject.client_id = call.client_id;
        call.ticket.plan = self
            .faults
            .plan(R::API, call.broker(), &subject, &self.topics);
        self.requests.push(SeenRequest {
            at: call.now,
            broker: call.broker(),
            api: R::API,
            version: call.version(),
            client_id: call.client_id.to_owned(),
            groups: subject
                .groups
                .iter()
                .map(|group| (*group).to_owned())
                .collect(),
            member_id: subject.member_id.to_owned(),
            injected: call.plan().request_error(),
        });
        match &call.ticket.plan.fate {
            Fate::Answered | Fate::DroppedAfter => {}
            Fate::DroppedBefore => return self.close(connection),
            Fate::Silence => return,
            Fate::Garbage(bytes) => {
                let action = Some(Action::Send(bytes.clone()));
                return self.finish(call.now, &call.ticket, action);
            }
        }
        match serve(self, &call, request) {
            Reply::Now(response) => self.respond::<R>(call.now, &call.ticket, &response),
            Reply::None => self.finish(call.now, &call.ticket, None),
            Reply::Close => self.close(connection),
            Reply::FromGroup => {
                self.waiting.insert(call.ticket.id, call.ticket);
            }
            Reply::Elsewhere => {}
        }
    }

    /// The answer to a request is known.
    pub(crate) fn respond<R: Request>(
        &mut self,
        now: Instant,
        ticket: &Ticket,
        response: &R::Response,
    ) {
        self.respond_in::<R>(now, ticket, ticket.version, response);
    }

    pub(crate) fn respond_in<R: Request>(
        &mut self,
        now: Instant,
        ticket: &Ticket,
        version: i16,
        response: &R::Response,
    ) {
        let frame = encode_response::<R>(response, version, ticket.correlation_id)
            .unwrap_or_else(|error| panic!("answer to {} version {version}: {error}", R::API));
        self.finish(now, ticket, Some(Action::Send(frame)));
    }

    fn finish(&mut self, now: Instant, ticket: &Ticket, action: Option<Action>) {
        let action = match (&ticket.plan.fate, &ticket.plan.alter, action) {
            (Fate::DroppedAfter, ..) => Some(Action::Close),
            (_, Some(alter), Some(Action::Send(frame))) => {
                Some(Action::Send(alter.apply(ticket.version, frame)))
            }
            (.., action) => action,
        };
        let now = now + ticket.plan.delay;
        if let (Some(drip), None, Some(Action::Send(frame))) =
            (ticket.plan.drip, ticket.plan.held_by, &action)
        {
            return self.drip(now, ticket, drip, frame);
        }
        let finished = Finished {
            connection: ticket.connection,
            action,
            is_part: false,
        };
        if let Some(fault) = ticket.plan.held_by {
            self.held.push((fault, finished));
        } else if ticket.plan.delay > Duration::ZERO {
            self.delayed.insert((now, ticket.id), finished);
        } else {
            self.deliver(finished);
        }
    }

    /// The answer comes in parts.
    fn drip(&mut self, now: Instant, ticket: &Ticket, drip: Drip, frame: &[u8]) {
        let (at_once, slow) = frame.split_at(drip.from.min(frame.len()));
        let parts = std::iter::once(at_once).chain(slow.chunks(1));
        let mut at = now;
        for (index, part) in parts.enumerate() {
            let finished = Finished {
                connection: ticket.connection,
                action: Some(Action::Send(part.to_vec())),
                is_part: index < slow.len(),
            };
            if !part.is_empty() {
                self.delayed.insert((at, ticket.id), finished);
            }
            // Each has a time of its own.
            at += drip.pause.max(Duration::from_nanos(1));
        }
    }

    fn deliver(&mut self, finished: Finished) {
        let id = finished.connection;
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        if self.brokers[&connection.broker].is_cut_off {
            return self.undelivered.push(finished);
        }
        match finished.action {
            Some(Action::Close) => return self.close(id),
            Some(action) => self.outputs.push_back(Output {
                connection: id,
                action,
            }),
            None => {}
        }
        if !finished.is_part {
            connection.is_busy = false;
            self.ready.push_back(id);
        }
    }

    /// What was lost on the way reaches its end after all: TCP sends it again.
    pub(crate) fn reconnect(&mut self, now: Instant) {
        for finished in std::mem::take(&mut self.undelivered) {
            self.deliver(finished);
        }
        self.ready.extend(self.connections.keys());
        self.settle(now);
    }

    /// Lets the answers out that a fault held back.
    pub(crate) fn release_held(&mut self, is_over: impl Fn(FaultId) -> bool) {
        let (over, held) = std::mem::take(&mut self.held)
            .into_iter()
            .partition(|(fault, _)| is_over(*fault));
        self.held = held;
        let over: Vec<_> = over;
        for (_, finished) in over {
            self.deliver(finished);
        }
    }

    /// The broker closes the connection.
    pub(crate) fn close(&mut self, connection: ConnectionId) {
        if self.connections.contains_key(&connection) {
            self.connection_closed(connection);
            self.outputs.push_back(Output {
                connection,
                action: Action::Close,
            });
        }
    }

    fn answer_groups(&mut self, now: Instant) {
        let mut answers = Vec::new();
        for group in self.groups.values_mut() {
            answers.extend(std::iter::from_fn(|| group.poll_answer()));
        }
        for (request, answer) in answers {
            let Some(ticket) = self.waiting.remove(&request) else {
                continue;
            };
            match answer {
                Answer::Join(joined) => {
                    let response = joined.into_response(ticket.version);
                    self.respond::<join_group::Request>(now, &ticket, &response);
                }
                Answer::Sync(synced) => {
                    self.respond::<sync_group::Request>(now, &ticket, &synced.into_response());
                }
            }
        }
    }
}

fn is_single<R: Request>(version: i16) -> bool {
    R::VERSIONS.contains(&version)
}
