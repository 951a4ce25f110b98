//! A call on its way, and its one completion.

use std::{fmt, sync::Arc, time::Duration};

use crate::{
    call::{Answer, Call, Target, Token},
    error::{Error, ErrorKind},
};

/// The end of a call.
#[derive(Debug)]
pub struct Completion {
    /// What the call was sent with.
    pub token: Token,
    /// Where it was sent.
    pub to: Target,
    /// The answer, or why there is none.
    pub result: Result<Answer, Error>,
}

/// What errors say the library was doing that have no call to tell it.
pub(super) const CONTEXT: &str = "connection";

/// Takes completions, on whatever thread they happen. It must not wait for anything.
pub type OnCompletion = Arc<dyn Fn(Completion) + Send + Sync>;

/// A call that waits for its turn.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) question: Question,
    /// From the call's turn, on an open connection, to the last byte of the answer.
    pub(super) timeout: Duration,
    pub(super) reply: Reply,
}

/// What a job asks.
#[derive(Debug)]
pub(super) enum Question {
    Call(Call),
    /// The fetch that goes on where the answer before it ends, for at most so many bytes.
    Onward(i32),
}

/// The duty to complete a call. Dropping it completes the call as disconnected, so that none is
/// forgotten, whatever ends a connection and whenever.
pub(super) struct Reply(Option<Debt>);

struct Debt {
    token: Token,
    to: Target,
    on_completion: OnCompletion,
}

impl Job {
    pub(super) fn fail(self, error: Error) {
        self.reply.complete(Err(error));
    }
}

impl Reply {
    pub(super) fn new(token: Token, to: Target, on_completion: OnCompletion) -> Self {
        Self(Some(Debt {
            token,
            to,
            on_completion,
        }))
    }

    /// Completes the call. An error gets the broker's name here.
    pub(super) fn complete(mut self, result: Result<Answer, Error>) {
        self.pay(result);
    }

    fn pay(&mut self, result: Result<Answer, Error>) {
        if let Some(Debt {
            token,
            to,
            on_completion,
        }) = self.0.take()
        {
            let result = result.map_err(|error| error.at_broker(&to.broker));
            on_completion(Completion { token, to, result });
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        self.pay(Err(Error::new(ErrorKind::Disconnected, CONTEXT)));
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reply")
            .field(&self.0.as_ref().map(|debt| debt.token))
            .finish()
    }
}
