//! What a new connection begins with: finding out which versions the broker speaks.
//!
//! Brokers since 0.10 are asked by ApiVersions. A 0.9 broker does not know that request: 0.9.0.1 never
//! answers it, 0.9.0.0 closes the connection. So does a broker that restarts, or a TLS port, and so
//! neither proves anything. What does: on a fresh connection a Metadata request of version 0 is
//! answered, and an ApiVersions request behind it is not.

use std::{collections::HashSet, io, time::Instant};

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
};

use super::{
    connection::Shared,
    dial::Dialer,
    exchange::{Bounds, Deadline, Exchange, Failure},
};

/// An answer to ApiVersions has a few kilobytes. This small a limit also makes sure that the first
/// bytes of other protocols are never taken for a length.
const LARGEST_ANSWER: usize = 1024 * 1024;

const CONTEXT: &str = "handshake";

/// The brokers that were found not to know ApiVersions, so that not every connection pays for finding
/// out. Only a hint: a broker may be upgraded, so the first trouble with it ends the hint.
#[derive(Debug, Default)]
pub(super) struct OldBrokers(Mutex<HashSet<(String, u16)>>);

impl OldBrokers {
    fn know(&self, broker: &Broker) -> bool {
        self.0.lock().contains(&address(broker))
    }

    fn add(&self, broker: &Broker) {
        self.0.lock().insert(address(broker));
    }

    /// A connection to this broker was refused or lost.
    pub(super) fn forget(&self, broker: &Broker) {
        self.0.lock().remove(&address(broker));
    }
}

fn address(broker: &Broker) -> (String, u16) {
    (broker.host.clone(), broker.port)
}

/// Opens a connection, within the dial timeout.
pub(super) fn open(dialer: &Dialer<'_>, shared: &Shared) -> Result<(Exchange, Versions), Error> {
    let handshake = Handshake {
        dialer,
        shared,
        deadline: Instant::now() + shared.config.net.dial_timeout,
    };
    let exchange = handshake.dial()?;
    let release = shared.config.version;
    if release < KafkaVersion::V0_10_0_0 || shared.old_brokers.know(dialer.broker) {
        return Ok((exchange, handshake.oldest()));
    }
    handshake.negotiate(exchange)
}

struct Handshake<'a> {
    dialer: &'a Dialer<'a>,
    shared: &'a Shared,
    deadline: Instant,
}

/// Why a broker did not tell its versions.
enum Refusal {
    /// It said nothing, or closed the connection.
    Nothing(Failure),
    /// It said something else.
    Else(Error),
}

impl Handshake<'_> {
    fn dial(&self) -> Result<Exchange, Error> {
        self.dialer.dial(self.deadline).map(Exchange::new)
    }

    /// What a broker without ApiVersions is spoken to in.
    fn oldest(&self) -> Versions {
        Versions::of_release(self.shared.config.version.min(KafkaVersion::V0_9_0_0))
    }

    fn negotiate(&self, mut exchange: Exchange) -> Result<(Exchange, Versions), Error> {
        let patience = self.shared.timing.patience;
        let now = Instant::now();
        // Suspicion is of no use without the time for a proof.
        let may_suspect = now + 4 * patience <= self.deadline;
        let until = match may_suspect {
            true => now + patience,
            // Some time is kept to find out what else it may be.
            false => now + self.deadline.saturating_duration_since(now) * 4 / 5,
        };
        let failure = match self.ask_versions(&mut exchange, until) {
            Ok(versions) => return Ok((exchange, versions)),
            Err(Refusal::Nothing(failure)) => failure,
            Err(refusal) => return Err(refusal.into_error()),
        };
        let is_silent = matches!(failure, Failure::Late(_));
        let until = self.deadline.min(Instant::now() + patience / 5);
        if is_silent && let Some(protocol) = exchange.provoke(until) {
            return Err(Error::new(ErrorKind::NotKafka(protocol), CONTEXT));
        }
        drop(exchange);
        match may_suspect {
            true => self.prove_old(),
            false => Err(Refusal::Nothing(failure).into_error()),
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
        // A broker that refuses tells the version to use, or else speaks version 0. One that refuses
        // that too would refuse for ever.
        for _ in 0..2 {
            let answer = self.ask(exchange, &request, version, until, LARGEST_ANSWER)?;
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
                code => return Err(Refusal::Else(Error::broker_code(code, CONTEXT))),
            }
        }
        Err(Refusal::Else(Error::broker_code(
            ErrorCode::UNSUPPORTED_VERSION,
            CONTEXT,
        )))
    }

    /// Decides whether the broker is a 0.9, on a fresh connection. If it is, that connection is of no
    /// use: behind the request that it does not know, the broker answers nothing.
    fn prove_old(&self) -> Result<(Exchange, Versions), Error> {
        let patience = self.shared.timing.patience;
        let mut exchange = self.dial()?;
        // All topics, because in version 0 asking for one may create it.
        let request = metadata::Request::all_topics(0);
        let until = self.deadline - patience;
        self.ask(
            &mut exchange,
            &request,
            0,
            until,
            self.shared.config.limits.response,
        )
        .map_err(Refusal::into_error)?;
        match self.ask_versions(&mut exchange, Instant::now() + patience) {
            Ok(versions) => Ok((exchange, versions)),
            Err(Refusal::Nothing(_)) => {
                log::info!(
                    "{} does not know ApiVersions: Kafka 0.9",
                    self.dialer.broker
                );
                drop(exchange);
                let exchange = self.dial()?;
                self.shared.old_brokers.add(self.dialer.broker);
                Ok((exchange, self.oldest()))
            }
            Err(refusal) => Err(refusal.into_error()),
        }
    }

    fn ask<R: Request>(
        &self,
        exchange: &mut Exchange,
        request: &R,
        version: i16,
        until: Instant,
        largest_answer: usize,
    ) -> Result<R::Response, Refusal> {
        let broken =
            |source| Refusal::Else(Error::new(ErrorKind::Protocol, CONTEXT).because(source));
        let client_id = Some(self.shared.config.client_id.as_str());
        let id = exchange.correlation_id();
        let frame = header::encode_request(request, version, id, client_id).map_err(broken)?;
        let deadline = Deadline {
            at: until,
            limit: self.shared.config.net.dial_timeout,
        };
        let bounds = Bounds {
            write: deadline,
            read: deadline,
            answer: largest_answer,
        };
        let answer = exchange
            .ask(&frame, bounds)
            .map_err(|failure| match failure {
                Failure::Unanswered(_) | Failure::Late(_) => Refusal::Nothing(failure),
                failure => Refusal::Else(failure.into_error(CONTEXT)),
            })?;
        let (_, answer) = header::decode_response::<R>(answer, version).map_err(broken)?;
        Ok(answer)
    }
}

impl Refusal {
    fn into_error(self) -> Error {
        let error = match self {
            Self::Nothing(Failure::Unanswered(source)) => {
                let words = "closed at the first request, as TLS ports do";
                let source = io::Error::new(source.kind(), words);
                Failure::Unanswered(source).into_error(CONTEXT)
            }
            Self::Nothing(failure) => failure.into_error(CONTEXT),
            Self::Else(error) => error,
        };
        error.at_api(ApiKey::ApiVersions)
    }
}

/// The version of ApiVersions in a broker's list. Brokers before 2.4 give no list.
fn version_to_use(listed: &[ApiVersion], refused: i16) -> i16 {
    listed
        .iter()
        .find(|listed| listed.api_key == ApiKey::ApiVersions.key())
        .map_or(0, |listed| listed.max_version.clamp(0, refused))
}
