//! Events as text, one a line, words with one space between them.
//!
//! The first word is the time in nanoseconds, the second says what happened. `P` is a topic and a partition,
//! `C` a member, the number of the claim, and `P`; offsets are single or ranges (`7`, `3-9`), `OFFSETS` several
//! of them with commas between (`3-9,12`). Names of topics and members have no spaces.
//!
//! ```text
//! produced P OFFSETS            removed P OFFSETS
//! log-start P OFFSET            truncated P OFFSET
//! started MEMBER                died MEMBER
//! suspended MEMBER              resumed MEMBER
//! excused MEMBER UNTIL          granted P MEMBER GENERATION
//! claimed C START CAUSE [GENERATION]
//! ended C                       delivered C OFFSETS
//! garbled C OFFSET              marked C OFFSET
//! acked C OFFSETS               reset C OFFSET
//! sent MEMBER COMMIT P OFFSET   answered MEMBER COMMIT P OUTCOME
//! committed P OFFSET BY
//! ```
//!
//! `CAUSE` is assigned, out-of-range, reoffered, given or untold, `OUTCOME` accepted, refused or unanswered, `BY`
//! the name of a member, or `*` for somebody, or `!` for an administrator. Empty lines and such that begin with
//! `#` say nothing.

use std::{collections::HashMap, fmt::Write as _, ops::RangeInclusive, str::FromStr};

use crate::event::{By, Cause, Claim, Event, Member, Outcome, Place, Time};

/// The names of partitions and members, for the numbers in events.
#[derive(Debug, Clone, Default)]
pub struct Names {
    places: Vec<(String, i32)>,
    place_numbers: HashMap<String, HashMap<i32, Place>>,
    members: Vec<String>,
    member_numbers: HashMap<String, Member>,
}

impl Names {
    /// The number of a partition, a new one if need be.
    pub fn place(&mut self, topic: &str, partition: i32) -> Place {
        if let Some(place) = self
            .place_numbers
            .get(topic)
            .and_then(|of| of.get(&partition))
        {
            return *place;
        }
        let place = Place(self.places.len() as u32);
        self.places.push((topic.to_owned(), partition));
        let of_topic = self.place_numbers.entry(topic.to_owned()).or_default();
        of_topic.insert(partition, place);
        place
    }

    /// How many partitions have numbers.
    pub fn places(&self) -> usize {
        self.places.len()
    }

    /// The number of a member, a new one if need be.
    pub fn member(&mut self, name: &str) -> Member {
        if let Some(member) = self.member_numbers.get(name) {
            return *member;
        }
        let member = Member(self.members.len() as u32);
        self.members.push(name.to_owned());
        self.member_numbers.insert(name.to_owned(), member);
        member
    }

    /// A partition by its number.
    pub fn place_name(&self, place: Place) -> Option<(&str, i32)> {
        let (topic, partition) = self.places.get(place.0 as usize)?;
        Some((topic, *partition))
    }

    /// An event as a line, without its end.
    pub fn write(&self, at: Time, event: &Event) -> String {
        let mut line = String::with_capacity(64);
        self.write_to(&mut line, at, event, &[]);
        line
    }

    /// Several events that differ in their offsets only, as one line.
    ///
    /// # Panics
    /// If it is an event without offsets.
    pub fn write_ranges(&self, at: Time, event: &Event, offsets: &[RangeInclusive<i64>]) -> String {
        let mut line = String::with_capacity(64 + 16 * offsets.len());
        self.write_to(&mut line, at, event, offsets);
        line
    }

    fn write_to(&self, line: &mut String, at: Time, event: &Event, more: &[RangeInclusive<i64>]) {
        let list = |one: &RangeInclusive<i64>| {
            let all = if more.is_empty() {
                std::slice::from_ref(one)
            } else {
                more
            };
            let words: Vec<_> = all.iter().map(range).collect();
            words.join(",")
        };
        let (p, c, m) = (
            |place: &Place| self.place_word(*place),
            |claim: &Claim| self.claim_words(claim),
            |member: &Member| self.member_word(*member),
        );
        let words = match event {
            Event::Produced { place, offsets } => {
                format!("produced {} {}", p(place), list(offsets))
            }
            Event::Removed { place, offsets } => format!("removed {} {}", p(place), list(offsets)),
            Event::LogStart { place, offset } => format!("log-start {} {offset}", p(place)),
            Event::Truncated { place, offset } => format!("truncated {} {offset}", p(place)),
            Event::Started { member } => format!("started {}", m(member)),
            Event::Died { member } => format!("died {}", m(member)),
            Event::Suspended { member } => format!("suspended {}", m(member)),
            Event::Resumed { member } => format!("resumed {}", m(member)),
            Event::Excused { member, until } => {
                format!("excused {} {}", m(member), until.as_nanos())
            }
            Event::Granted {
                place,
                member,
                generation,
            } => format!("granted {} {} {generation}", p(place), m(member)),
            Event::Claimed {
                claim,
                generation,
                start,
                cause,
            } => {
                let generation = generation.map_or(String::new(), |g| format!(" {g}"));
                format!("claimed {} {start} {cause}{generation}", c(claim))
            }
            Event::Ended { claim } => format!("ended {}", c(claim)),
            Event::Delivered { claim, offsets } => {
                format!("delivered {} {}", c(claim), list(offsets))
            }
            Event::Garbled { claim, offset } => format!("garbled {} {offset}", c(claim)),
            Event::Marked { claim, offset } => format!("marked {} {offset}", c(claim)),
            Event::Acked { claim, offsets } => format!("acked {} {}", c(claim), list(offsets)),
            Event::Reset { claim, offset } => format!("reset {} {offset}", c(claim)),
            Event::Sent {
                member,
                commit,
                place,
                offset,
            } => format!("sent {} {commit} {} {offset}", m(member), p(place)),
            Event::Answered {
                member,
                commit,
                place,
                outcome,
            } => format!("answered {} {commit} {} {outcome}", m(member), p(place)),
            Event::Committed { place, offset, by } => {
                let by = match by {
                    By::Member(member) => m(member),
                    By::Somebody => "*".to_owned(),
                    By::Administrator => "!".to_owned(),
                };
                format!("committed {} {offset} {by}", p(place))
            }
        };
        write!(line, "{} {words}", at.as_nanos()).expect("a string takes all");
    }

    fn place_word(&self, place: Place) -> String {
        match self.place_name(place) {
            Some((topic, partition)) => format!("{topic} {partition}"),
            None => format!("? {}", place.0),
        }
    }

    fn member_word(&self, member: Member) -> String {
        let name = self.members.get(member.0 as usize);
        name.cloned().unwrap_or_else(|| format!("#{}", member.0))
    }

    fn claim_words(&self, claim: &Claim) -> String {
        let (member, place) = (self.member_word(claim.member), self.place_word(claim.place));
        format!("{member} {} {place}", claim.number)
    }

    /// The events of a line.
    pub(crate) fn read(&mut self, line: &str) -> Result<(Time, Vec<Event>), String> {
        let mut words = Words {
            names: self,
            rest: line.split(' '),
        };
        let read = words.line();
        let rest = words.rest.next();
        match (read, rest) {
            (Ok(read), None) => Ok(read),
            (Ok(_), Some(word)) => Err(format!("{line}: nothing should follow, and {word} does")),
            (Err(why), _) => Err(format!("{line}: {why}")),
        }
    }
}

fn range(range: &RangeInclusive<i64>) -> String {
    if range.start() == range.end() {
        range.start().to_string()
    } else {
        format!("{}-{}", range.start(), range.end())
    }
}

/// The words of a line, taken one after the other.
struct Words<'n, 'l> {
    names: &'n mut Names,
    rest: std::str::Split<'l, char>,
}

impl<'l> Words<'_, 'l> {
    fn line(&mut self) -> Result<(Time, Vec<Event>), String> {
        let at = Time::from_nanos(self.number("a time")?);
        let one = match self.word("what happened")? {
            "produced" => {
                let place = self.place()?;
                return self.each(at, |offsets| Event::Produced { place, offsets });
            }
            "removed" => {
                let place = self.place()?;
                return self.each(at, |offsets| Event::Removed { place, offsets });
            }
            "delivered" => {
                let claim = self.claim()?;
                return self.each(at, |offsets| Event::Delivered { claim, offsets });
            }
            "acked" => {
                let claim = self.claim()?;
                return self.each(at, |offsets| Event::Acked { claim, offsets });
            }
            what => self.one(what)?,
        };
        Ok((at, vec![one]))
    }

    fn one(&mut self, what: &str) -> Result<Event, String> {
        Ok(match what {
            "log-start" => {
                let (place, offset) = (self.place()?, self.offset()?);
                Event::LogStart { place, offset }
            }
            "truncated" => {
                let (place, offset) = (self.place()?, self.offset()?);
                Event::Truncated { place, offset }
            }
            "started" => Event::Started {
                member: self.member()?,
            },
            "died" => Event::Died {
                member: self.member()?,
            },
            "suspended" => Event::Suspended {
                member: self.member()?,
            },
            "resumed" => Event::Resumed {
                member: self.member()?,
            },
            "excused" => Event::Excused {
                member: self.member()?,
                until: Time::from_nanos(self.number("a time")?),
            },
            "granted" => Event::Granted {
                place: self.place()?,
                member: self.member()?,
                generation: self.number("a generation")?,
            },
            "claimed" => Event::Claimed {
                claim: self.claim()?,
                start: self.offset()?,
                cause: self.cause()?,
                generation: self.generation()?,
            },
            "ended" => Event::Ended {
                claim: self.claim()?,
            },
            "garbled" => {
                let (claim, offset) = (self.claim()?, self.offset()?);
                Event::Garbled { claim, offset }
            }
            "marked" => {
                let (claim, offset) = (self.claim()?, self.offset()?);
                Event::Marked { claim, offset }
            }
            "reset" => {
                let (claim, offset) = (self.claim()?, self.offset()?);
                Event::Reset { claim, offset }
            }
            "sent" => Event::Sent {
                member: self.member()?,
                commit: self.number("a commit")?,
                place: self.place()?,
                offset: self.offset()?,
            },
            "answered" => Event::Answered {
                member: self.member()?,
                commit: self.number("a commit")?,
                place: self.place()?,
                outcome: self.outcome()?,
            },
            "committed" => Event::Committed {
                place: self.place()?,
                offset: self.offset()?,
                by: self.by()?,
            },
            _ => return Err(format!("{what} is nothing that happens")),
        })
    }

    /// An event for each range of a list.
    fn each(
        &mut self,
        at: Time,
        event: impl Fn(RangeInclusive<i64>) -> Event,
    ) -> Result<(Time, Vec<Event>), String> {
        let list = self.word("offsets")?;
        let ranges = list.split(',').map(parse_range);
        let events: Result<Vec<_>, String> = ranges.map(|range| range.map(&event)).collect();
        Ok((at, events?))
    }

    fn word(&mut self, what: &str) -> Result<&'l str, String> {
        let word = self.rest.next().filter(|word| !word.is_empty());
        word.ok_or_else(|| format!("{what} is missing"))
    }

    fn number<T: FromStr>(&mut self, what: &str) -> Result<T, String> {
        let word = self.word(what)?;
        word.parse().map_err(|_| format!("{word} is not {what}"))
    }

    fn offset(&mut self) -> Result<i64, String> {
        self.number("an offset")
    }

    fn member(&mut self) -> Result<Member, String> {
        let name = self.word("a member")?;
        Ok(self.names.member(name))
    }

    fn place(&mut self) -> Result<Place, String> {
        let topic = self.word("a topic")?;
        let partition = self.number("a partition")?;
        Ok(self.names.place(topic, partition))
    }

    fn claim(&mut self) -> Result<Claim, String> {
        Ok(Claim {
            member: self.member()?,
            number: self.number("a claim")?,
            place: self.place()?,
        })
    }

    fn cause(&mut self) -> Result<Cause, String> {
        match self.word("a cause")? {
            "assigned" => Ok(Cause::Assigned),
            "out-of-range" => Ok(Cause::OutOfRange),
            "reoffered" => Ok(Cause::Reoffered),
            "given" => Ok(Cause::Given),
            "untold" => Ok(Cause::Untold),
            word => Err(format!("{word} is no cause")),
        }
    }

    fn generation(&mut self) -> Result<Option<i32>, String> {
        let Some(word) = self.rest.next() else {
            return Ok(None);
        };
        let number = word.parse().map_err(|_| format!("{word} is no generation"));
        number.map(Some)
    }

    fn outcome(&mut self) -> Result<Outcome, String> {
        match self.word("an outcome")? {
            "accepted" => Ok(Outcome::Accepted),
            "refused" => Ok(Outcome::Refused),
            "unanswered" => Ok(Outcome::Unanswered),
            word => Err(format!("{word} is no outcome")),
        }
    }

    fn by(&mut self) -> Result<By, String> {
        match self.word("who committed")? {
            "*" => Ok(By::Somebody),
            "!" => Ok(By::Administrator),
            name => Ok(By::Member(self.names.member(name))),
        }
    }
}

fn parse_range(word: &str) -> Result<RangeInclusive<i64>, String> {
    let strange = || format!("{word} is no range of offsets");
    let number = |word: &str| word.parse::<i64>().map_err(|_| strange());
    let (first, last) = word.split_once('-').unwrap_or((word, word));
    let (first, last) = (number(first)?, number(last)?);
    if first > last || first < 0 || last == i64::MAX {
        return Err(strange());
    }
    Ok(first..=last)
}
