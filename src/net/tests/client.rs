//! A pool, and what its calls come to.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, unbounded};

use crate::{
    call::{Broker, Call, Lane, Target, Token, heartbeat},
    config::Config,
    error::{Error, ErrorKind},
    net::{Completion, Pool, connection::Timing},
};

/// Much longer than anything here takes.
pub(super) const LONG: Duration = Duration::from_secs(20);

/// What must be over at once is over by then, on a slow machine too; what waits for [`LONG`] is not.
pub(super) const SOON: Duration = Duration::from_secs(20);

pub(super) struct Client {
    pub(super) pool: Pool,
    completions: Receiver<Completion>,
    early: HashMap<Token, Result<i16, Error>>,
    tokens: u64,
}

impl Client {
    pub(super) fn new() -> Self {
        Self::with(|_| ())
    }

    pub(super) fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self::with_patience(SOON / 2, change)
    }

    /// With a short patience a busy machine makes each broker suspicious.
    pub(super) fn with_patience(patience: Duration, change: impl FnOnce(&mut Config)) -> Self {
        let timing = Timing {
            max_idle: LONG,
            patience,
        };
        Self::with_timing(timing, change)
    }

    pub(super) fn with_timing(timing: Timing, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        config.net.dial_timeout = LONG;
        change(&mut config);
        let (sender, completions) = unbounded();
        let on_completion = Arc::new(move |completion| {
            // A test that has seen enough drops the receiver.
            let _ = sender.send(completion);
        });
        Self {
            pool: Pool::with_timing(Arc::new(config), on_completion, timing),
            completions,
            early: HashMap::new(),
            tokens: 0,
        }
    }

    /// Sends a heartbeat.
    pub(super) fn send(&mut self, to: &Target, timeout: Duration) -> Token {
        self.send_call(to, beat(), timeout)
    }

    pub(super) fn send_call(&mut self, to: &Target, call: Call, timeout: Duration) -> Token {
        self.tokens += 1;
        let token = Token(self.tokens);
        self.pool.send(to, token, call, timeout);
        token
    }

    /// The code that a heartbeat was answered with.
    #[track_caller]
    pub(super) fn result(&mut self, token: Token) -> Result<i16, Error> {
        loop {
            if let Some(result) = self.early.remove(&token) {
                return result;
            }
            let completion = self
                .completions
                .recv_timeout(LONG)
                .expect("a completion comes");
            let code = completion
                .result
                .map(|answer| answer.into_heartbeat().error.0);
            let before = self.early.insert(completion.token, code);
            assert!(
                before.is_none(),
                "{:?} is completed twice",
                completion.token
            );
        }
    }

    /// Sends a heartbeat and waits for what becomes of it.
    #[track_caller]
    pub(super) fn beat(&mut self, to: &Target) -> Result<i16, Error> {
        let token = self.send(to, LONG);
        self.result(token)
    }

    #[track_caller]
    pub(super) fn error(&mut self, token: Token) -> Error {
        self.result(token).expect_err("the call fails")
    }

    /// Closes, and gives the calls completed whose results nobody has asked for.
    pub(super) fn rest(self) -> Vec<Token> {
        let Self {
            mut pool,
            completions,
            early,
            ..
        } = self;
        pool.close(Instant::now() + LONG);
        drop(pool);
        // With the last connection the last sender is gone, so this ends.
        let late = completions.iter().map(|completion| completion.token);
        early.into_keys().chain(late).collect()
    }
}

pub(super) fn beat() -> Call {
    Call::Heartbeat(heartbeat::Ask {
        group_id: "g".into(),
        generation: 1,
        member_id: "m".into(),
        instance_id: None,
    })
}

/// The lane for groups to the broker with that address.
pub(super) fn target(address: SocketAddr) -> Target {
    Target {
        broker: Broker {
            id: Some(1),
            host: address.ip().to_string(),
            port: address.port(),
        },
        lane: Lane::Group,
    }
}

#[track_caller]
pub(super) fn assert_kind(error: &Error, kind: &ErrorKind) {
    assert_eq!(error.kind(), kind, "{error:?}");
}

/// The words of the error's cause.
pub(super) fn cause(error: &Error) -> String {
    std::error::Error::source(error)
        .map(ToString::to_string)
        .unwrap_or_default()
}
