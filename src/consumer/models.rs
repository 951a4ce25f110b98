//! Users and the coordinator in every order of events. What runs is the code of the library, with atomics and
//! locks that hand over to another thread wherever they are used; a channel's operations are events as well, each
//! of them whole. All orders are sequentially consistent, as are all atomics that matter here.
//!
//! A wait that nothing ends is a failure: a wake-up was lost.

use std::{
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Instant,
};

use shuttle::{
    check_dfs, check_random,
    sync::{Condvar, Mutex},
    thread,
};

use super::{
    claim::Claim,
    coordinator::drain,
    deliveries::Messages,
    lookout::{Lookout, Users},
    message::ConsumerMessage,
    outlet::Outlet,
    sample::{Consumer, block},
    sync::AtomicBool,
    user_side::UserSide,
    waker::Waker,
};
use crate::core::{ClaimId, engine::Progress};

/// So many orders are tried, by chance, of what has too many to try all.
const ORDERS: usize = 4_000;

/// Rung to wake the coordinator.
#[derive(Default)]
struct Bell {
    rung: Mutex<bool>,
    changed: Condvar,
}

impl Bell {
    /// A bell, and a waker that rings it.
    fn with_waker() -> (Arc<Self>, Waker) {
        let bell = Arc::new(Self::default());
        let rung = Arc::clone(&bell);
        (bell, Waker::new(move || rung.ring()))
    }

    fn ring(&self) {
        *self.rung.lock().unwrap() = true;
        self.changed.notify_all();
    }

    fn wait(&self) {
        let rung = self.rung.lock().unwrap();
        let mut rung = self.changed.wait_while(rung, |rung| !*rung).unwrap();
        *rung = false;
    }

    /// Whether it was rung since the last look.
    fn is_rung(&self) -> bool {
        std::mem::take(&mut *self.rung.lock().unwrap())
    }
}

/// A claim with messages in its channel, and the coordinator's part of it.
struct Scene {
    bell: Arc<Bell>,
    consumer: Consumer,
    claim: Arc<Claim>,
    outlet: Outlet,
    messages: Messages,
}

impl Scene {
    /// The blocks have so many messages each.
    fn with(blocks: &[i64]) -> Self {
        let (bell, waker) = Bell::with_waker();
        let consumer = Consumer::with_waker(waker);
        let claim = consumer.claim_alone(0);
        let (mut outlet, messages) = Outlet::new(8);
        let mut next = 0;
        for count in blocks {
            outlet.push(&claim, block(next..next + count));
            next += count;
        }
        Self {
            bell,
            consumer,
            claim,
            outlet,
            messages,
        }
    }

    /// A thread that does something to every message that it is given. Gives their offsets.
    fn reader(&self, finish: Finish) -> thread::JoinHandle<Vec<i64>> {
        let (messages, bell) = (self.messages.clone(), Arc::clone(&self.bell));
        let user_side = Arc::clone(&self.consumer.user_side);
        thread::spawn(move || {
            let mut given = Vec::new();
            while let Ok(message) = messages.try_recv() {
                given.push(message.offset());
                finish.apply(&user_side, &message);
                thread::yield_now();
                drop(message);
            }
            // The coordinator looks again after a while in any case.
            bell.ring();
            given
        })
    }

    /// Releases the claim and waits until its users have finished. Gives the last look.
    fn release(&mut self) -> Progress {
        self.outlet.release(&self.claim);
        loop {
            self.consumer.user_side.waker().arm();
            let progress = self.outlet.observe(&self.claim);
            if progress.all_marked || !progress.alive {
                return progress;
            }
            self.bell.wait();
        }
    }
}

#[derive(Clone, Copy)]
enum Finish {
    Mark,
    MarkWithMetadata,
    Ack,
    AckAndMark,
}

impl Finish {
    fn apply(self, user_side: &UserSide, message: &ConsumerMessage) {
        match self {
            Self::Mark => user_side.mark(message, ""),
            Self::MarkWithMetadata => user_side.mark(message, "m"),
            Self::Ack => user_side.ack(message),
            Self::AckAndMark => {
                user_side.ack(message);
                user_side.mark(message, "");
            }
        }
    }
}

const FINISHES: [Finish; 4] = [
    Finish::Mark,
    Finish::MarkWithMetadata,
    Finish::Ack,
    Finish::AckAndMark,
];

#[test]
fn what_happens_while_the_coordinator_goes_to_sleep_wakes_it() {
    let model = || {
        let (bell, waker) = Bell::with_waker();
        let waker = Arc::new(waker);
        let done = Arc::new(AtomicBool::new(false));
        let user = {
            let (waker, done) = (Arc::clone(&waker), Arc::clone(&done));
            thread::spawn(move || {
                done.store(true, SeqCst);
                waker.wake();
            })
        };
        loop {
            waker.arm();
            if done.load(SeqCst) {
                break;
            }
            bell.wait();
        }
        user.join().unwrap();
    };
    check_dfs(model, None);
}

#[test]
fn what_is_said_of_a_handle_is_heard_with_its_kick() {
    let model = || {
        let (bell, _) = Bell::with_waker();
        let (sender, inbox) = crossbeam_channel::unbounded();
        let kick = {
            let bell = Arc::clone(&bell);
            Waker::new(move || {
                sender.send(()).expect("the model keeps the inbox");
                bell.ring();
            })
        };
        let user_side = UserSide::new(kick);
        let user = {
            let user_side = Arc::clone(&user_side);
            thread::spawn(move || {
                for paused in [true, false] {
                    user_side.tell_of_handle(ClaimId(1), |news| news.paused = Some(paused));
                }
            })
        };
        let mut last = None;
        while last != Some(false) {
            let first = loop {
                match inbox.try_recv() {
                    Ok(kick) => break kick,
                    Err(_) => bell.wait(),
                }
            };
            drain(Some(first), &inbox, || {
                thread::yield_now();
                let news = user_side.take_handle_news();
                last = news.into_values().find_map(|news| news.paused).or(last);
                thread::yield_now();
            });
        }
        user.join().unwrap();
    };
    check_dfs(model, None);
}

#[test]
fn a_reader_that_races_a_release_commits_all_that_it_was_given_and_no_more() {
    for finish in FINISHES {
        let model = move |blocks: &[i64]| {
            let mut scene = Scene::with(blocks);
            let reader = scene.reader(finish);
            let last = scene.release();
            scene.claim.end();
            let given = reader.join().unwrap();
            let expected: Vec<i64> = (0..given.len() as i64).collect();
            assert_eq!(given, expected, "in order, no hole, nothing twice");
            assert_eq!(last.mark.0, expected.len() as i64);
            assert_eq!(
                scene.claim.progress(0, false).mark.0,
                last.mark.0,
                "nothing was marked later"
            );
        };
        check_random(move || model(&[1]), ORDERS);
        check_random(move || model(&[2]), ORDERS);
        check_random(move || model(&[1, 2]), ORDERS);
    }
}

#[test]
fn two_readers_that_race_a_release_commit_nothing_beyond_what_nobody_was_given() {
    let model = || {
        let mut scene = Scene::with(&[1, 2]);
        let readers = [scene.reader(Finish::Ack), scene.reader(Finish::Ack)];
        let last = scene.release();
        scene.claim.end();
        let mut given = Vec::new();
        for reader in readers {
            given.extend(reader.join().unwrap());
        }
        given.sort_unstable();
        let run = (0..).zip(&given).take_while(|(at, offset)| at == *offset);
        assert_eq!(last.mark.0, run.count() as i64);
    };
    check_random(model, ORDERS);
}

#[test]
fn the_last_message_of_a_block_wakes_the_coordinator() {
    let model = || {
        let mut scene = Scene::with(&[1]);
        let message = scene.messages.try_recv().expect("it is there");
        let user = thread::spawn(move || drop(message));
        // Nobody rings but the library.
        scene.release();
        user.join().unwrap();
    };
    check_random(model, ORDERS);
}

#[test]
fn a_mark_of_a_message_that_is_kept_wakes_the_coordinator() {
    for finish in FINISHES {
        let model = move || {
            let mut scene = Scene::with(&[1]);
            let message = scene.messages.try_recv().expect("it is there");
            let user_side = Arc::clone(&scene.consumer.user_side);
            let user = thread::spawn(move || {
                finish.apply(&user_side, &message);
                message
            });
            // Nobody rings but the library.
            assert_eq!(scene.release().mark.0, 1);
            drop(user.join().unwrap());
        };
        check_random(model, ORDERS);
    }
}

/// What the coordinator has of a claim that it has released.
struct Released {
    scene: Scene,
    /// Whether progress is to be looked at, as soon as what has come is taken in.
    must_look: bool,
    is_finished: bool,
}

impl Users for Released {
    fn arm(&self) {
        self.scene.consumer.user_side.waker().arm();
    }

    fn disarm(&self) {
        self.scene.consumer.user_side.waker().disarm();
    }

    fn look_at_channels(&mut self, _: Instant) -> bool {
        self.scene.outlet.poll_taken().is_some()
    }

    fn offer_handles(&mut self) -> bool {
        false
    }

    fn awaits_progress(&self) -> bool {
        !self.is_finished
    }

    fn look_at_progress(&mut self, _: Instant) {
        self.must_look = true;
    }
}

impl Released {
    fn look(&mut self) {
        if std::mem::take(&mut self.must_look) {
            let progress = self.scene.outlet.observe(&self.scene.claim);
            self.is_finished = progress.all_marked || !progress.alive;
        }
    }
}

/// The coordinator's loop, but that no sleep of it ends by itself.
#[test]
fn no_progress_is_slept_through() {
    for finish in FINISHES {
        let model = move || {
            let mut scene = Scene::with(&[1, 1]);
            let messages = [(); 2].map(|()| scene.messages.try_recv().expect("it is there"));
            let user_side = Arc::clone(&scene.consumer.user_side);
            let user = thread::spawn(move || {
                for message in messages {
                    finish.apply(&user_side, &message);
                }
            });
            scene.outlet.release(&scene.claim);
            let bell = Arc::clone(&scene.bell);
            let mut released = Released {
                scene,
                must_look: false,
                is_finished: false,
            };
            let mut lookout = Lookout::new();
            loop {
                released.look();
                if released.is_finished {
                    break;
                }
                let has_news = lookout.look_once_more(&mut released);
                let is_rung = match has_news {
                    true => bell.is_rung(),
                    false => {
                        bell.wait();
                        lookout.wake(&released);
                        true
                    }
                };
                if is_rung {
                    lookout.hear();
                }
                if !has_news {
                    lookout.look_around(&mut released, Instant::now());
                }
            }
            user.join().unwrap();
        };
        check_random(model, ORDERS);
    }
}
