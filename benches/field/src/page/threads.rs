//! Which threads of the client take the processor's time.

use crate::run::Outcome;

/// What a thread is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// Reads answers from the socket.
    Fetch,
    /// Owns the group, and fills the channels.
    Coordinator,
    /// Checks, decompresses and decodes.
    Decoders,
    /// The user's.
    Reader,
}

impl Work {
    pub(crate) const ALL: [(Self, &str); 4] = [
        (Self::Fetch, "fetch"),
        (Self::Coordinator, "coordinator"),
        (Self::Decoders, "decoders"),
        (Self::Reader, "reader"),
    ];

    /// By the beginning of the thread's name, which is all that the system keeps. Groups have no dash.
    fn of(thread: &str) -> Option<Self> {
        let Some(of_library) = thread.strip_prefix("kafka-") else {
            return Some(Self::Reader);
        };
        match of_library.split_once('-') {
            Some((_, "fetch")) => Some(Self::Fetch),
            Some((_, decoder)) if decoder.starts_with('d') => Some(Self::Decoders),
            None => Some(Self::Coordinator),
            Some(_) => None,
        }
    }

    /// Nanoseconds of a record.
    pub(crate) fn nanos(self, outcome: &Outcome) -> f64 {
        let threads = outcome.threads.iter();
        let mine = threads.filter(|(name, _)| Self::of(name) == Some(self));
        mine.map(|(_, seconds)| seconds).sum::<f64>() * 1e9 / outcome.records as f64
    }
}
