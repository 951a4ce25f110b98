//! When the coordinator looks at its users, who tell it of what they do only while it sleeps, and not always then.

use std::time::{Duration, Instant};

/// What users do, as the coordinator can see it.
pub(super) trait Users {
    /// Has what users do from here on told, once.
    fn arm(&self);
    /// Has nothing told any more.
    fn disarm(&self);
    /// Sees which messages were taken. Whether there were any.
    fn look_at_channels(&mut self, now: Instant) -> bool;
    /// Offers handles where others were taken. Whether there were any.
    fn offer_handles(&mut self) -> bool;
    /// Whether something waits for messages to be marked or dropped.
    fn awaits_progress(&self) -> bool;
    /// Has it looked at what is marked and dropped, before the next sleep.
    fn look_at_progress(&mut self, now: Instant);
}

/// Sees to it that nothing is slept through.
///
/// Arms, and only then looks: what a user does after the look is told, what was done before is seen. Both looks go by
/// this rule. That at progress is made before each sleep, and when a user has told something; but for users who go on
/// without end once in a while is enough, for it goes through all claims.
#[derive(Debug)]
pub(super) struct Lookout {
    tick: Tick,
    /// Whether progress was looked at, armed, and nothing was told since.
    has_looked: bool,
    /// When that was, for the last time.
    looked_at: Option<Instant>,
}

/// How long to wait for a user before looking, for users of raw channels do not tell. It grows while
/// nothing happens.
#[derive(Debug)]
struct Tick(Duration);

impl Tick {
    const SHORTEST: Duration = Duration::from_millis(1);
    const LONGEST: Duration = Duration::from_millis(100);
    const LONGEST_IN_RELEASE: Duration = Duration::from_millis(20);

    /// While claims are being released a group waits for what users do: then it stays short.
    fn next(&mut self, in_release: bool) -> Duration {
        let longest = if in_release {
            Self::LONGEST_IN_RELEASE
        } else {
            Self::LONGEST
        };
        let wait = self.0.min(longest);
        self.0 = (wait * 2).min(longest);
        wait
    }
}

impl Lookout {
    pub(super) fn new() -> Self {
        Self {
            tick: Tick(Tick::SHORTEST),
            has_looked: false,
            looked_at: None,
        }
    }

    /// Looks before a sleep. True if there may be something to do because of it.
    pub(super) fn look_once_more(&mut self, users: &mut impl Users) -> bool {
        users.arm();
        let now = Instant::now();
        let has_news = users.look_at_channels(now) | users.offer_handles();
        if has_news {
            self.tick = Tick(Tick::SHORTEST);
        }
        if !users.awaits_progress() {
            if has_news {
                // To be told again and again of what is looked at in any case costs the users time.
                users.disarm();
            }
            self.has_looked = false;
            return has_news;
        }
        // Armed until progress is looked at, and on.
        let is_soon = |at: Instant| now < at + Tick::SHORTEST;
        let may_wait = has_news && self.looked_at.is_some_and(is_soon);
        let must_look = !(self.has_looked || may_wait);
        if must_look {
            self.has_looked = true;
            self.looked_at = Some(now);
            users.look_at_progress(now);
        }
        has_news || must_look
    }

    /// How long to sleep at the most.
    pub(super) fn patience(&mut self, users: &impl Users) -> Duration {
        self.tick.next(users.awaits_progress())
    }

    /// The sleep is over.
    pub(super) fn wake(&mut self, users: &impl Users) {
        users.disarm();
        self.has_looked = false;
    }

    /// Looks after a sleep: users of raw channels tell nothing.
    pub(super) fn look_around(&mut self, users: &mut impl Users, now: Instant) {
        users.look_at_channels(now);
        if users.offer_handles() {
            // The next one may be taken at once. Of messages there are more in the channel.
            self.tick = Tick(Tick::SHORTEST);
        }
        if users.awaits_progress() {
            users.look_at_progress(now);
        }
    }

    /// A user has told that something happened.
    pub(super) fn hear(&mut self) {
        self.tick = Tick(Tick::SHORTEST);
        self.has_looked = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Users who do what the test says.
    #[derive(Default)]
    struct Script {
        has_news: bool,
        has_handles: bool,
        awaits_progress: bool,
        looks_at_progress: u32,
    }

    impl Users for Script {
        fn arm(&self) {}

        fn disarm(&self) {}

        fn look_at_channels(&mut self, _: Instant) -> bool {
            self.has_news
        }

        fn offer_handles(&mut self) -> bool {
            self.has_handles
        }

        fn awaits_progress(&self) -> bool {
            self.awaits_progress
        }

        fn look_at_progress(&mut self, _: Instant) {
            self.looks_at_progress += 1;
        }
    }

    /// As when one is taken from the raw receiver.
    #[test]
    fn a_handle_offered_after_a_sleep_makes_the_next_one_short_and_messages_taken_do_not() {
        let mut users = Script::default();
        let mut lookout = Lookout::new();
        let sleep = |lookout: &mut Lookout, users: &mut Script| {
            assert!(!lookout.look_once_more(users));
            let patience = lookout.patience(users);
            lookout.wake(users);
            patience
        };
        let waits: Vec<_> = (0..10).map(|_| sleep(&mut lookout, &mut users)).collect();
        assert!(waits.is_sorted() && waits[9] == Tick::LONGEST, "{waits:?}");
        let mut after = |users: Script| {
            let mut quiet = Script::default();
            let mut users = users;
            lookout.look_around(&mut users, Instant::now());
            sleep(&mut lookout, &mut quiet)
        };
        let taken = Script {
            has_news: true,
            ..Script::default()
        };
        assert_eq!(after(taken), Tick::LONGEST);
        let offered = Script {
            has_handles: true,
            ..Script::default()
        };
        assert_eq!(after(offered), Tick::SHORTEST);
    }

    #[test]
    fn progress_is_looked_at_once_before_a_sleep_and_whenever_users_have_told_something() {
        let mut users = Script {
            awaits_progress: true,
            ..Script::default()
        };
        let mut lookout = Lookout::new();
        assert!(lookout.look_once_more(&mut users));
        assert!(!lookout.look_once_more(&mut users));
        users.has_news = true;
        assert!(lookout.look_once_more(&mut users));
        assert_eq!(users.looks_at_progress, 1);
        lookout.hear();
        lookout.looked_at = Some(Instant::now() + Duration::from_secs(3600));
        assert!(lookout.look_once_more(&mut users));
        assert_eq!(
            users.looks_at_progress, 1,
            "they go on, and it was just now"
        );
        users.has_news = false;
        assert!(lookout.look_once_more(&mut users));
        assert_eq!(users.looks_at_progress, 2);
        assert!(!lookout.look_once_more(&mut users));
        lookout.wake(&users);
        assert!(lookout.look_once_more(&mut users));
        assert_eq!(users.looks_at_progress, 3);
    }
}
