//! What a client knows, and how it asks.

use std::{
    collections::HashMap,
    convert::Infallible,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, at, never, select_biased};

use crate::{
    call::{Answer, Call, Lane, Target, metadata},
    config::Config,
    core::{Tokens, cluster},
    error::{Error, ErrorKind, Result},
    net::{Completion, Pool},
};

/// What is changed by one caller at a time: the connections, and what was said on them.
pub(super) struct State {
    pub(super) pool: Pool,
    pub(super) completions: Receiver<Completion>,
    /// Nothing comes on it; it ends with the client, and all questions with it.
    pub(super) closing: Receiver<Infallible>,
    pub(super) tokens: Tokens,
    pub(super) cluster: cluster::Cluster,
    pub(super) controller: Option<i32>,
    pub(super) cluster_id: Option<String>,
    pub(super) last: metadata::Answer,
    pub(super) coordinators: HashMap<String, super::Broker>,
}

impl State {
    pub(super) fn describe(&mut self, asked_at: Instant, answer: metadata::Answer) {
        self.controller = answer.controller_id;
        self.cluster_id.clone_from(&answer.cluster_id);
        self.cluster
            .describe(Instant::now(), asked_at, None, answer.clone());
        self.last = answer;
    }

    pub(super) fn refresh(&mut self, config: &Config) -> Result<()> {
        let asked_at = Instant::now();
        let ask = metadata::Ask {
            topics: None,
            allow_auto_topic_creation: config.metadata.allow_auto_topic_creation,
        };
        let within = config.metadata.timeout;
        let answer = self.ask_any(config, &Call::Metadata(ask), within)?;
        let answer = answer.into_metadata();
        self.describe(asked_at, answer);
        Ok(())
    }

    /// Asks one broker after the other until one answers, or the time is up.
    pub(super) fn ask_any(
        &mut self,
        config: &Config,
        call: &Call,
        within: Option<Duration>,
    ) -> Result<Answer> {
        let deadline = within.map(|time| Instant::now() + time);
        let mut tries = self.cluster.brokers().count() + self.cluster.bootstrap().len();
        loop {
            let to = Target {
                broker: self.cluster.any_broker(|_| false),
                lane: Lane::Control,
            };
            let answer = self.ask_until(&to, call.clone(), config.net.read_timeout, deadline);
            let is_late = deadline.is_some_and(|at| at <= Instant::now());
            match (answer, within) {
                (Some(Err(error)), _)
                    if tries > 1 && !is_late && *error.kind() != ErrorKind::Closed =>
                {
                    tries -= 1;
                }
                (Some(answer), _) => return answer.inspect(|_| self.cluster.heard()),
                (None, within) => {
                    let error = ErrorKind::Timeout(within.unwrap_or_default());
                    return Err(Error::new(error, "metadata").at_broker(&to.broker));
                }
            }
        }
    }

    pub(super) fn ask(&mut self, to: &Target, call: Call, timeout: Duration) -> Result<Answer> {
        let answer = self.ask_until(to, call, timeout, None);
        answer.expect("without a deadline it is waited for")
    }

    /// `None` where the deadline passes before there is an answer or a failure.
    fn ask_until(
        &mut self,
        to: &Target,
        call: Call,
        timeout: Duration,
        deadline: Option<Instant>,
    ) -> Option<Result<Answer>> {
        let token = self.tokens.fresh();
        self.pool.send(to, token, call, timeout);
        let late = deadline.map_or_else(never, at);
        let closed = || Some(Err(Error::new(ErrorKind::Closed, "client")));
        loop {
            select_biased! {
                recv(self.completions) -> completion => match completion {
                    Ok(completion) if completion.token == token => return Some(completion.result),
                    // Late: others were quicker, or it was not waited for any longer.
                    Ok(_) => {}
                    Err(_) => return closed(),
                },
                recv(late) -> _ => return None,
                recv(self.closing) -> _ => return closed(),
            }
        }
    }
}
