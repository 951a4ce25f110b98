//! What a new connection begins with: finding out which versions the broker speaks.
//!
//! Brokers since 0.10 are asked by ApiVersions. To a 0.9 broker that question must not be put: its
//! network thread falls over it and loses the requests of other clients that it has just read, and who
//! sent them waits in vain. Whether the question is put or not, silence and closed connections prove
//! nothing, for so do a broker that restarts and a TLS port. But a 0.9 broker takes no notice of the
//! version of a Metadata request: it answers version 1 in version 0, which no other broker does. So the
//! first connection of a client begins with such a request, and so does any that follows on silence.

use std::{
    collections::HashSet,
    io,
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use crate::{
    call::{Broker, Versions},
    config::KafkaVersion,
    error::{Error, ErrorKind},
    protocol::{
        ApiKey, ErrorCode, Request,
        api_versions::{self, ApiVersion},
        header, metadata,
    },
    wire,
};

use super::{
    connection::Shared,
    dial::Dialer,
    exchange::{Bounds, Deadline, Exchange, Failure},
    frame::Whole,
};

/// An answer to ApiVersions has a few kilobytes. This small a limit also makes sure that the first
/// bytes of other protocols are never taken for a length.
const LARGEST_ANSWER: usize = 1024 * 1024;

/// To its first question a 0.9 broker answers with all topics: millions of partitions have room here, and
/// still no other protocol begins so low.
const LARGEST_DESCRIPTION: usize = 256 * 1024 * 1024;

const CONTEXT: &str = "handshake";

/// What is known of the age of brokers, so that not every connection pays for finding out.
#[derive(Debug, Default)]
pub(super) struct Ages {
    /// Those without ApiVersions. Only a hint: a broker may be upgraded, so the first trouble with it
    /// ends the hint.
    old: Mutex<HashSet<(String, u16)>>,
    /// A broker has told its versions. Then the others know the question too, except in the middle of
    /// an upgrade from 0.9.
    is_modern: AtomicBool,
    /// Those that did not answer that question while there was no time for another one.
    silent: Mutex<HashSet<(String, u16)>>,
}

impl Ages {
    fn is_old(&self, broker: &Broker) -> bool {
        self.old.lock().contains(&address(broker))
    }

    fn add_old(&self, broker: &Broker) {
        self.old.lock().insert(address(broker));
    }

    fn add_silent(&self, broker: &Broker) {
        self.silent.lock().insert(address(broker));
    }

    /// Whether to begin with the question that all brokers know; the next time it is the other one again.
    fn begin_with_age(&self, broker: &Broker) -> bool {
        let is_silent = self.silent.lock().remove(&address(broker));
        is_silent || !self.is_modern.load(Ordering::Relaxed)
    }

    /// A connection to this broker was refused or lost.
    pub(super) fn forget(&self, broker: &Broker) {
        self.old.lock().remove(&address(broker));
    }
}

fn address(broker: &Broker) -> (String, u16) {
    (broker.host.clone(), broker.port)
}

/// Opens a connection within that time, or within what the dial timeout leaves. That it takes long to find out where
/// the broker is says nothing of the broker, and the name is not asked for again.
pub(super) fn open(
    dialer: &Dialer<'_>,
    shared: &Shared,
    timeout: Duration,
) -> Result<(Exchange, Versions), Error> {
    let longest = Instant::now() + shared.config.net.dial_timeout;
    let addresses = dialer.resolve(longest)?;
    let now = Instant::now();
    let limit = timeout.min(longest - now);
    let handshake = Handshake {
        dialer,
        shared,
        addresses,
        deadline: Deadline {
            at: now + limit,
            limit: timeout.min(shared.config.net.dial_timeout),
        },
        patience: shared.timing.patience.min(limit / 4),
    };
    let release = shared.config.version;
    if release < KafkaVersion::V0_10_0_0 || shared.ages.is_old(dialer.broker) {
        return Ok((handshake.dial()?, handshake.oldest()));
    }
    if shared.ages.begin_with_age(dialer.broker) {
        handshake.look()
    } else {
        handshake.greet()
    }
}

struct Handshake<'a> {
    dialer: &'a Dialer<'a>,
    shared: &'a Shared,
    addresses: Vec<SocketAddr>,
    deadline: Deadline,
    /// How long the first question may take, so that there is time for another one.
    patience: Duration,
}

/// Why a broker did not answer as expected.
enum Refusal {
    /// It said nothing, or closed the connection.
    Nothing(ApiKey, Failure),
    /// It said something else.
    Else(Error),
}

impl Handshake<'_> {
    fn dial(&self) -> Result<Exchange, Error> {
        self.dialer
            .connect_to_any(&self.addresses, self.deadline.at)
            .map(Exchange::new)
    }

    /// What a broker without ApiVersions is spoken to in.
    fn oldest(&self) -> Versions {
        Versions::of_release(self.shared.config.version.min(KafkaVersion::V0_9_0_0))
    }

    /// Asks for the versions, and on silence how old the broker is: now, or where time is short, the next time. For
    /// most are slow rather than old.
    fn greet(&self) -> Result<(Exchange, Versions), Error> {
        let mut exchange = self.dial()?;
        let has_time = self.has_time();
        let until = match has_time {
            true => self.first_try(),
            false => self.deadline.at - self.time_to_provoke(),
        };
        match self.ask_versions(&mut exchange, until) {
            Ok(versions) => return Ok((exchange, versions)),
            Err(refusal) => {
                if !has_time && refusal.is_silence() {
                    self.shared.ages.add_silent(self.dialer.broker);
                }
                self.may_try_again(exchange, refusal, has_time)?;
            }
        }
        let mut exchange = self.dial()?;
        let is_old = self.ask_age(&mut exchange, self.deadline.at);
        self.begin(exchange, is_old.map_err(Refusal::into_error)?)
    }

    /// Asks how old the broker is, and then for the versions.
    fn look(&self) -> Result<(Exchange, Versions), Error> {
        let mut exchange = self.dial()?;
        // An old broker that has a pause must not be asked what it does not know, so it has to have had its time.
        let has_time = self.has_time();
        let until = match has_time {
            true => self.first_try(),
            false => self.deadline.at - self.patience,
        };
        match self.ask_age(&mut exchange, until) {
            Ok(is_old) => return self.begin(exchange, is_old),
            // Whoever does not take that request may take the other.
            Err(refusal) => self.may_try_again(exchange, refusal, has_time)?,
        }
        self.begin(self.dial()?, false)
    }

    /// Whether the first question may take as long as it should, and leave time for another one.
    fn has_time(&self) -> bool {
        self.patience == self.shared.timing.patience
    }

    /// How long to wait for what a silent port says to something else.
    fn time_to_provoke(&self) -> Duration {
        self.patience / 5
    }

    /// When the first question has to be answered.
    fn first_try(&self) -> Instant {
        self.deadline.at.min(Instant::now() + self.patience)
    }

    /// Whether it makes sense to ask something else, on another connection; perhaps not of a broker that is silent.
    fn may_try_again(
        &self,
        mut exchange: Exchange,
        refusal: Refusal,
        even_if_silent: bool,
    ) -> Result<(), Error> {
        if matches!(refusal, Refusal::Else(_)) {
            return Err(refusal.into_error());
        }
        let until = self
            .deadline
            .at
            .min(Instant::now() + self.time_to_provoke());
        if refusal.is_silence() {
            if let Some(protocol) = exchange.provoke(until) {
                return Err(Error::new(ErrorKind::NotKafka(protocol), CONTEXT));
            }
            if !even_if_silent {
                return Err(refusal.into_error());
            }
        }
        Ok(())
    }

    /// Finds the versions of a broker whose age is known.
    fn begin(&self, mut exchange: Exchange, is_old: bool) -> Result<(Exchange, Versions), Error> {
        let ages = &self.shared.ages;
        if is_old {
            log::info!(
                "{} does not know ApiVersions: Kafka 0.9",
                self.dialer.broker
            );
            ages.add_old(self.dialer.broker);
            return Ok((exchange, self.oldest()));
        }
        let versions = self.ask_versions(&mut exchange, self.deadline.at);
        let versions = versions.map_err(Refusal::into_error)?;
        ages.is_modern.store(true, Ordering::Relaxed);
        Ok((exchange, versions))
    }

    /// Whether the broker is a 0.9, by the layout of an answer.
    fn ask_age(&self, exchange: &mut Exchange, until: Instant) -> Result<bool, Refusal> {
        // No topics; to a 0.9 broker these are all, because one that is asked for may be created.
        let request = metadata::Request {
            topics: Some(Vec::new()),
            ..Default::default()
        };
        let limit = self.shared.config.limits.response;
        let largest = limit.min(LARGEST_DESCRIPTION);
        let answer = self.ask(exchange, &request, 1, until, largest)?;
        let answer = wire::Input {
            array_bytes: self.shared.config.limits.arrays,
            ..answer.into()
        };
        let decode = |version| header::decode_response_of::<metadata::Request>(answer, version);
        match decode(1) {
            Ok(_) => Ok(false),
            Err(_) if decode(0).is_ok() => Ok(true),
            Err(error) => Err(Refusal::broken(ApiKey::Metadata, error)),
        }
    }

    /// Asks for the versions, and again if the broker does not speak the version of the question.
    fn ask_versions(&self, exchange: &mut Exchange, until: Instant) -> Result<Versions, Refusal> {
        let request = api_versions::Request {
            client_software_name: env!("CARGO_PKG_NAME").to_owned(),
            client_software_version: env!("CARGO_PKG_VERSION").to_owned(),
            ..Default::default()
        };
        let mut version = *api_versions::Request::VERSIONS.end();
        let refused = |code| Refusal::other(ApiKey::ApiVersions, Error::broker_code(code, CONTEXT));
        // A broker that refuses tells the version to use, or else speaks version 0. One that refuses
        // that too would refuse for ever.
        for _ in 0..2 {
            let answer = self.ask(exchange, &request, version, until, LARGEST_ANSWER)?;
            let answer = header::decode_response::<api_versions::Request>(answer, version);
            let (_, answer) =
                answer.map_err(|error| Refusal::broken(ApiKey::ApiVersions, error))?;
            let api_versions::Response {
                error_code,
                api_keys,
                ..
            } = answer;
            match error_code {
                ErrorCode::NONE => {
                    return Ok(Versions::negotiate(&api_keys, self.shared.config.version));
                }
                ErrorCode::UNSUPPORTED_VERSION => version = version_to_use(&api_keys, version),
                code => return Err(refused(code)),
            }
        }
        Err(refused(ErrorCode::UNSUPPORTED_VERSION))
    }

    /// Gives the frame of the answer.
    fn ask<'a, R: Request>(
        &self,
        exchange: &'a mut Exchange,
        request: &R,
        version: i16,
        until: Instant,
        largest_answer: usize,
    ) -> Result<&'a [u8], Refusal> {
        let client_id = Some(self.shared.config.client_id.as_str());
        let id = exchange.correlation_id();
        let frame = header::encode_request(request, version, id, client_id)
            .map_err(|error| Refusal::broken(R::API, error))?;
        let deadline = Deadline {
            at: until,
            limit: self.deadline.limit,
        };
        let bounds = Bounds {
            write: deadline,
            read: deadline,
            answer: largest_answer,
        };
        exchange
            .ask(&frame, bounds, &mut Whole)
            .map(|frame| frame.bytes)
            .map_err(|failure| match failure {
                Failure::Unanswered(_) | Failure::Late(_) => Refusal::Nothing(R::API, failure),
                failure => Refusal::other(R::API, failure.into_error(CONTEXT)),
            })
    }
}

impl Refusal {
    fn other(api: ApiKey, error: Error) -> Self {
        Self::Else(error.at_api(api))
    }

    /// The broker's bytes make no sense.
    fn broken(api: ApiKey, source: wire::Error) -> Self {
        Self::other(
            api,
            Error::new(ErrorKind::Protocol, CONTEXT).because(source),
        )
    }

    /// The connection is open, and nothing has come.
    fn is_silence(&self) -> bool {
        matches!(self, Self::Nothing(_, Failure::Late(_)))
    }

    fn into_error(self) -> Error {
        match self {
            Self::Nothing(api, Failure::Unanswered(source)) => {
                let words = "closed at the first request, as TLS ports do";
                let source = io::Error::new(source.kind(), words);
                Failure::Unanswered(source).into_error(CONTEXT).at_api(api)
            }
            Self::Nothing(api, failure) => failure.into_error(CONTEXT).at_api(api),
            Self::Else(error) => error,
        }
    }
}

/// The version of ApiVersions in a broker's list. Brokers before 2.4 give no list.
fn version_to_use(listed: &[ApiVersion], refused: i16) -> i16 {
    listed
        .iter()
        .find(|listed| listed.api_key == ApiKey::ApiVersions.key())
        .map_or(0, |listed| listed.max_version.clamp(0, refused))
}
