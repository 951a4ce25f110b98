//! Judges a consumer group by what happened to it.
//!
//! The checker is told [`Event`]s, on one clock and in the order of time, and says which [`Law`] was broken,
//! where, with the events around it. It knows nothing of any client. Whether the events come from a
//! simulation, from a test on an in-process cluster, or from the logs of many processes is all the same to it.
//!
//! # In process
//!
//! ```
//! use std::time::Duration;
//! use checker::{Cause, Checker, Claim, Event, Law, Member, Rules};
//!
//! let mut checker = Checker::new(Rules::default());
//! let place = checker.place("topic", 0);
//! let claim = Claim { member: Member(1), place, number: 1 };
//! let mut clock = 0..;
//! let mut tell = |event| checker.see(Duration::from_millis(clock.next().unwrap()), event);
//! tell(Event::Produced { place, offsets: 0..=9 });
//! tell(Event::Claimed { claim, generation: None, start: 0, cause: Cause::Assigned });
//! tell(Event::Delivered { claim, offsets: 0..=4 });
//! tell(Event::Delivered { claim, offsets: 6..=9 });
//! assert_eq!(checker.findings()[0].law, Law::Successive);
//! ```
//!
//! An event costs a few comparisons and no allocation: numbers stand for partitions and members, offsets come
//! as ranges, and what is remembered of a partition is some ranges, its last claims and the commits of the last
//! seconds. A simulation makes a `Checker` a run, asks [`Checker::findings`] after each step and
//! [`Checker::is_done`] once it is calm, and calls [`Checker::conclude`] when its time is up.
//!
//! # How to tell
//!
//! - [`Event::Produced`] before the record can be delivered, where that is possible. Else a hole is found when
//!   the record is told of.
//! - [`Event::Delivered`] with a time at which the message was not yet taken (or not yet asked whether it is
//!   current): then a delay between taking and telling is not held against the client.
//! - [`Event::Marked`] and [`Event::Acked`] before the client is told, [`Event::Sent`] before it leaves, or
//!   [`Event::Committed`] when it is in force: then nothing seems to be ahead.
//! - [`Event::Claimed`] at once, or at the first delivery; that may be late by [`Rules::told_late`].
//! - [`Event::Granted`], where the group coordinator can be asked, makes the law of starts exact: the commit in
//!   force at the grant is the one. Without it, any that was in force within `told_late` will do.
//! - What a compacted log has not got is told by [`Event::Removed`], at any time before the end: a hole over
//!   records that were known is found at once, so before the delivery if the records were told of.
//!
//! # As a program
//!
//! `checker FILE…` reads logs as text, one event a line ([`text`]), each file in the order of time, and merges
//! them. So each process of a test writes a file of its own.

mod checker;
mod claim;
mod event;
mod law;
mod merge;
mod place;
mod ranges;
pub mod text;

pub use crate::{
    checker::Checker,
    event::{By, Cause, Claim, Event, Member, Outcome, Place, Time},
    law::{Figures, Finding, Law, Policy, Rules},
    merge::check_files,
    ranges::Ranges,
};
