//! A walk through everything that can happen, in any order.

use super::*;

const SEEDS: u64 = 300;
const STEPS: usize = 1_000;

/// The codes that change most.
const FREQUENT: &[ErrorCode] = &[
    ErrorCode::UNKNOWN_MEMBER_ID,
    ErrorCode::ILLEGAL_GENERATION,
    ErrorCode::NOT_COORDINATOR,
    ErrorCode::COORDINATOR_LOAD_IN_PROGRESS,
];

/// Says where a walk went wrong.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the walk of seed {}", self.0);
        }
    }
}

/// What an observer of the actions knows of the membership.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Claims {
    None,
    Live,
    Releasing { deadline: Instant },
}

struct Walk {
    story: Story,
    rng: fastrand::Rng,
    /// Calls that were not answered yet, oldest first.
    open: Vec<Sent>,
    /// Calls that were answered; a late answer may come twice.
    closed: Vec<Token>,
    claims: Claims,
    rebalancing: bool,
    /// When the last sign of life was sent that the group coordinator has confirmed.
    alive_at: Instant,
    join_version: i16,
    generation: i32,
    /// Heartbeats before this one are forgotten: of another coordinator, or another generation.
    heartbeats_since: usize,
    heartbeats: Vec<Token>,
    failed: bool,
    left: bool,
    seen: Seen,
}

/// How often the walk came by.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    assigned: u32,
    released: u32,
    late: u32,
    fenced: u32,
    refused: u32,
}

impl Walk {
    fn new(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let instance_id = (rng.u8(..4) == 0).then(|| "i".to_owned());
        let story = Story::with(Settings {
            instance_id,
            ..settings()
        });
        Self {
            alive_at: story.now,
            story,
            rng,
            open: Vec::new(),
            closed: Vec::new(),
            claims: Claims::None,
            rebalancing: false,
            join_version: 9,
            generation: 0,
            heartbeats_since: 0,
            heartbeats: Vec::new(),
            failed: false,
            left: false,
            seen: Seen::default(),
        }
    }

    fn step(&mut self) {
        match self.rng.u8(..20) {
            0..=7 => self.answer_one(),
            8..=11 => self.pass_time(),
            12 => self.released(),
            13 => self.heard(),
            14 => {
                let sent_at = self.some_time_ago();
                self.story.group.connection_failed(self.story.now, sent_at);
            }
            15 => {
                let topics = [&["a"][..], &["a", "b"], &["a"], &[]];
                let topics = topics[self.rng.usize(..topics.len())];
                self.story.subscribe(topics);
            }
            16 => self.story.group.counted(self.story.now),
            17 => self.describe(),
            18 => self.answer_twice(),
            _ if self.rng.u8(..100) == 0 => self.leave(),
            _ => self.pass_time(),
        }
        self.look();
    }

    fn some_time_ago(&mut self) -> Instant {
        let ago = millis(self.rng.u64(..5_000));
        self.story.now.checked_sub(ago).unwrap_or(self.story.begin)
    }

    /// The clock may be late, too: the process was suspended, or the machine is busy.
    fn pass_time(&mut self) {
        let time = millis(self.rng.u64(..4_000));
        if self.rng.u8(..8) == 0 {
            self.story.now += 4 * time;
            self.wake();
        } else {
            let until = self.story.now + time;
            while let Some(at) = self.deadline().filter(|at| *at <= until) {
                self.story.now = self.story.now.max(at);
                self.wake();
            }
            self.story.now = until;
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let release = match self.claims {
            Claims::Releasing { deadline } => Some(deadline),
            Claims::None | Claims::Live => None,
        };
        self.story
            .group
            .poll_deadline()
            .into_iter()
            .chain(release)
            .min()
    }

    fn wake(&mut self) {
        if let Claims::Releasing { deadline } = self.claims
            && deadline <= self.story.now
        {
            self.seen.late += 1;
            self.released();
        }
        self.story.group.handle_timeout(self.story.now);
        let next = self.story.group.poll_deadline();
        assert!(next.is_none_or(|next| next > self.story.now), "a spin");
        self.look();
        match self.claims {
            Claims::None => {}
            Claims::Live | Claims::Releasing { .. } => {
                assert!(self.story.now < self.alive_at + SESSION);
            }
        }
    }

    fn released(&mut self) {
        if let Claims::Releasing { .. } = self.claims {
            self.claims = Claims::None;
            self.seen.released += 1;
            self.story.group.released(self.story.now);
        }
    }

    fn heard(&mut self) {
        if self.story.group.state.membership().is_none() {
            return;
        }
        let (sent_at, code) = (self.some_time_ago(), self.some_code());
        let apis = [ApiKey::OffsetCommit, ApiKey::OffsetFetch];
        let api = apis[self.rng.usize(..apis.len())];
        let now = self.story.now;
        self.story.group.heard(now, sent_at, api, code);
    }

    fn describe(&mut self) {
        let count = match self.rng.i32(-1..4) {
            -1 => Count::Unknown,
            0 => Count::NoTopic,
            count => Count::Is(count),
        };
        let now = self.story.now;
        self.story.group.metadata_changed(now, &|_| count);
    }

    fn answer_twice(&mut self) {
        if let Some(&token) = self.rng.choice(&self.closed) {
            let answer = refusal(ApiKey::Heartbeat, ErrorCode::UNKNOWN_MEMBER_ID);
            self.story.group.answer(self.story.now, token, Ok(answer));
            assert!(self.story.group.actions.is_empty());
        }
    }

    fn some_code(&mut self) -> ErrorCode {
        match self.rng.u8(..20) {
            0..=15 => ErrorCode::NONE,
            16 | 17 => ErrorCode::REBALANCE_IN_PROGRESS,
            18 => *self.rng.choice(FREQUENT).expect("there are some"),
            // What ends a walk is rare.
            _ => *self.rng.choice(ErrorCode::ALL).expect("there are some"),
        }
    }

    fn answer_one(&mut self) {
        if self.open.is_empty() {
            return;
        }
        // Mostly in order; but connections are several.
        let at = if self.rng.u8(..4) == 0 {
            self.rng.usize(..self.open.len())
        } else {
            0
        };
        let sent = self.open.remove(at);
        self.closed.push(sent.token);
        let api = sent.call.api();
        let code = self.some_code();
        if self.rng.u8(..8) == 0 {
            return self.story.fail(&sent, ErrorKind::Disconnected);
        }
        let awaited = self.story.group.state.waits_for(sent.token);
        if awaited && api == ApiKey::Heartbeat {
            let confirms = code == ErrorCode::NONE
                || code == ErrorCode::REBALANCE_IN_PROGRESS && self.join_version > 0;
            if confirms {
                self.alive_at = self.alive_at.max(sent.at);
            }
        }
        let answer = match (api, code) {
            (ApiKey::FindCoordinator, ErrorCode::NONE) => found(self.rng.i32(1..3)),
            (ApiKey::JoinGroup, ErrorCode::NONE) => self.join_answer(),
            (ApiKey::SyncGroup, ErrorCode::NONE) => {
                let slow = self.story.now - sent.at >= INTERVAL;
                if awaited {
                    self.alive_at = if slow { self.story.now } else { sent.at };
                }
                match self.rng.u8(..6) {
                    0 => synced(&[("a", &[1, 1])]),
                    1 => synced(&[]),
                    _ => synced(&[("a", &[0])]),
                }
            }
            _ => refusal(api, code),
        };
        self.story.answer(&sent, answer);
    }

    fn join_answer(&mut self) -> Answer {
        self.generation += 1;
        self.join_version = self.rng.i16(0..2);
        let leads = self.rng.bool();
        let hostile = self.rng.u8(..10) == 0;
        let blob = if hostile {
            vec![0, 9, 1]
        } else {
            subscription(&["a", "b"])
        };
        let members = vec![join_group::Member {
            id: "m".to_owned(),
            instance_id: None,
            subscription: blob,
        }];
        Answer::JoinGroup(join_group::Answer {
            version: self.join_version,
            leader: if leads { "m" } else { "n" }.to_owned(),
            members,
            skip_assignment: self.rng.u8(..8) == 0,
            ..seat(self.generation)
        })
    }

    /// What the member wants done, and whether it may want that.
    fn look(&mut self) {
        let mut count = 0;
        while let Some(action) = self.story.group.poll_action() {
            count += 1;
            assert!(count < 30, "too much at once: {action:?}");
            assert!(!self.left, "after the end: {action:?}");
            assert!(
                !self.failed || matches!(action, Action::Left),
                "after the end: {action:?}"
            );
            self.check(action);
        }
        let in_generation = self.story.group.state.membership().is_some();
        assert_eq!(in_generation, self.claims != Claims::None);
        assert!(in_generation || self.story.group.session().is_none());
    }

    /// That ends the claims without a word, for who closes has released them.
    fn leave(&mut self) {
        self.claims = Claims::None;
        let now = self.story.now;
        self.story.group.leave(now, now + secs(10));
    }

    fn check(&mut self, action: Action) {
        match action {
            Action::Send {
                token,
                to,
                call,
                timeout,
            } => {
                assert!(timeout > Duration::ZERO);
                let at = self.story.now;
                self.check_call(token, &call);
                self.open.push(Sent {
                    token,
                    to,
                    call,
                    timeout,
                    at,
                });
            }
            Action::Rebalancing => {
                assert!(!self.rebalancing, "a rebalance within a rebalance");
                self.rebalancing = true;
            }
            Action::Assigned { generation, .. } => {
                assert_eq!(self.claims, Claims::None, "claims on top of claims");
                assert!(self.rebalancing, "claims without a rebalance");
                assert_eq!(generation, self.generation);
                self.rebalancing = false;
                self.claims = Claims::Live;
                self.seen.assigned += 1;
            }
            Action::Release { deadline } => {
                assert_eq!(self.claims, Claims::Live);
                assert!(self.rebalancing);
                self.claims = Claims::Releasing { deadline };
            }
            Action::Lost(error) => {
                match error.kind() {
                    ErrorKind::SessionExpired => self.seen.fenced += 1,
                    _ => self.seen.refused += 1,
                }
                assert_ne!(self.claims, Claims::None, "nothing to lose");
                self.claims = Claims::None;
                self.rebalancing = false;
            }
            Action::Fatal(_) => {
                self.failed = true;
                self.claims = Claims::None;
            }
            Action::Left => self.left = true,
            Action::Disconnect(_) | Action::Watch | Action::Report(_) => {}
        }
    }

    fn check_call(&mut self, token: Token, call: &Call) {
        assert!(!self.closed.contains(&token), "a token twice");
        assert!(
            self.open.iter().all(|sent| sent.token != token),
            "a token twice"
        );
        match call {
            Call::FindCoordinator(_) => self.heartbeats_since = self.heartbeats.len(),
            Call::JoinGroup(_) => {
                assert_eq!(self.claims, Claims::None, "a join while there are claims");
                self.heartbeats_since = self.heartbeats.len();
            }
            Call::Heartbeat(ask) => {
                assert_eq!(ask.generation, self.generation);
                let others = &self.heartbeats[self.heartbeats_since..];
                let open = |token| self.open.iter().any(|sent| sent.token == token);
                assert!(
                    !others.iter().any(|token| open(*token)),
                    "two heartbeats at a time"
                );
                self.heartbeats.push(token);
            }
            _ => {}
        }
    }

    /// Whatever has happened, the member leaves in a few seconds.
    fn end(mut self) {
        self.leave();
        self.look();
        self.story.pass(secs(5));
        self.look();
        assert!(self.left);
        assert_eq!(self.story.group.poll_deadline(), None);
    }
}

#[test]
fn whatever_happens_the_rules_hold() {
    let mut seen = Seen::default();
    for seed in 0..SEEDS {
        let _seed = Seed(seed);
        let mut walk = Walk::new(seed);
        walk.story.subscribe(&["a"]);
        walk.look();
        for _ in 0..STEPS {
            walk.step();
        }
        seen.assigned += walk.seen.assigned;
        seen.released += walk.seen.released;
        seen.late += walk.seen.late;
        seen.fenced += walk.seen.fenced;
        seen.refused += walk.seen.refused;
        walk.end();
    }
    // A walk that never gets anywhere would hold all rules.
    let least = [
        seen.assigned,
        seen.released,
        seen.late,
        seen.fenced,
        seen.refused,
    ];
    assert!(least.iter().all(|times| *times >= 50), "{seen:?}");
}
