//! The network between the members and the brokers: connections through this process, which can be cut,
//! silenced in one direction, or left half open.
//!
//! A connection is known by the broker it goes to and by the client id in its first request, which names the
//! member. What a silenced link holds back is delivered when it heals, unless the sender has closed the
//! connection meanwhile: then it is lost, as TCP would lose it.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    os::fd::AsRawFd,
    sync::{
        Arc, Condvar, Mutex, Weak,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use nix::{
    errno::Errno,
    sys::socket::{self, MsgFlags},
};

use super::{
    journal::Journal,
    tap::{Tap, TopicIds},
};

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    ToBroker,
    ToMember,
}

/// What is silenced: all that matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Silence {
    /// The broker; all, if none is named.
    pub(crate) broker: Option<i32>,
    /// The slot of the member; all, if none is named.
    pub(crate) slot: Option<usize>,
    /// The direction; both, if none is named.
    pub(crate) way: Option<Way>,
}

/// What is told of the commits that pass.
pub(crate) struct Taps {
    pub(crate) journal: Arc<Journal>,
    pub(crate) topics: Arc<TopicIds>,
}

/// The network of a soak. Dropping it closes all connections.
pub(crate) struct Proxy {
    net: Arc<Net>,
    addresses: Vec<SocketAddr>,
}

struct Net {
    taps: Taps,
    state: Mutex<State>,
    changed: Condvar,
    over: AtomicBool,
}

#[derive(Default)]
struct State {
    silences: Vec<(u64, Silence)>,
    silences_made: u64,
    pairs: Vec<Weak<Pair>>,
}

/// One connection: the member's end and the broker's.
struct Pair {
    broker: i32,
    slot: Mutex<Option<usize>>,
    member: TcpStream,
    upstream: TcpStream,
    /// The broker's end is gone, and the member is not to know.
    half_open: AtomicBool,
    tap: Tap,
}

/// How long a silenced connection waits before it looks whether its sender has gone.
const LOOK: Duration = Duration::from_millis(100);

impl Proxy {
    /// Listens for each broker, the first of which has id 1, at the port given for it.
    pub(crate) fn start(brokers: &[(u16, SocketAddr)], taps: Taps) -> Self {
        let net = Arc::new(Net {
            taps,
            state: Mutex::default(),
            changed: Condvar::new(),
            over: AtomicBool::new(false),
        });
        let mut addresses = Vec::new();
        for (id, &(port, upstream)) in (1..).zip(brokers) {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port));
            let listener = listener.expect("the port was free a moment ago");
            addresses.push(listener.local_addr().expect("it is bound"));
            let net = Arc::clone(&net);
            thread::spawn(move || net.listen(id, &listener, upstream));
        }
        Self { net, addresses }
    }

    /// Holds back what matches, until it is healed by the number that is given.
    pub(crate) fn silence(&self, silence: Silence) -> u64 {
        let mut state = self.net.lock();
        state.silences_made += 1;
        let number = state.silences_made;
        state.silences.push((number, silence));
        number
    }

    /// Lets what was held back go on.
    pub(crate) fn heal(&self, number: u64) {
        self.net.lock().silences.retain(|(of, _)| *of != number);
        self.net.changed.notify_all();
    }

    /// Closes the connections of a member and a broker: both ends, or the broker's only, which leaves the
    /// member's half open. All brokers, or all members, if none is named.
    pub(crate) fn cut(&self, broker: Option<i32>, slot: Option<usize>, half_open: bool) {
        let pairs: Vec<_> = {
            let state = self.net.lock();
            state.pairs.iter().filter_map(Weak::upgrade).collect()
        };
        for pair in pairs {
            let is_meant = broker.is_none_or(|id| id == pair.broker)
                && slot.is_none_or(|slot| pair.slot() == Some(slot));
            if !is_meant {
                continue;
            }
            if half_open {
                pair.half_open();
            } else {
                pair.close();
            }
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.net.over.store(true, Relaxed);
        self.net.lock().silences.clear();
        self.net.changed.notify_all();
        for address in &self.addresses {
            // The listener sees that it is over.
            let _ = TcpStream::connect(address);
        }
        self.cut(None, None, false);
    }
}

impl Net {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no holder panics")
    }

    fn listen(self: &Arc<Self>, broker: i32, listener: &TcpListener, upstream: SocketAddr) {
        for stream in listener.incoming() {
            if self.over.load(Relaxed) {
                return;
            }
            let Ok(stream) = stream else { continue };
            let net = Arc::clone(self);
            // A broker that is not there makes the member's connection end at once.
            thread::spawn(move || drop(net.serve(broker, stream, upstream)));
        }
    }

    fn serve(self: Arc<Self>, broker: i32, member: TcpStream, to: SocketAddr) -> io::Result<()> {
        let upstream = TcpStream::connect(to)?;
        for stream in [&member, &upstream] {
            stream.set_nodelay(true)?;
        }
        let pair = Arc::new(Pair {
            broker,
            slot: Mutex::new(None),
            member,
            upstream,
            half_open: AtomicBool::new(false),
            tap: Tap::new(&self.taps.journal, &self.taps.topics),
        });
        {
            let mut state = self.lock();
            state.pairs.retain(|pair| pair.strong_count() > 0);
            state.pairs.push(Arc::downgrade(&pair));
        }
        let (net, other) = (Arc::clone(&self), Arc::clone(&pair));
        thread::spawn(move || {
            net.carry(&other, Way::ToMember);
        });
        self.carry(&pair, Way::ToBroker);
        Ok(())
    }

    /// Carries bytes one way until an end is closed.
    fn carry(&self, pair: &Pair, way: Way) {
        let (mut from, mut to) = match way {
            Way::ToBroker => (&pair.member, &pair.upstream),
            Way::ToMember => (&pair.upstream, &pair.member),
        };
        let mut bytes = vec![0; 1 << 16];
        loop {
            let count = match from.read(&mut bytes) {
                Ok(count) if count > 0 => count,
                _ => break,
            };
            match way {
                Way::ToBroker => {
                    pair.learn_slot(&bytes[..count]);
                    pair.tap.to_broker(&bytes[..count]);
                }
                Way::ToMember => pair.tap.to_member(&bytes[..count]),
            }
            if !self.await_silence(pair, way, from) {
                break;
            }
            if to.write_all(&bytes[..count]).is_err() && !pair.half_open.load(Relaxed) {
                break;
            }
        }
        if way == Way::ToMember {
            // No answer comes any more.
            pair.tap.closed();
        }
        if way == Way::ToBroker || !pair.half_open.load(Relaxed) {
            pair.close();
        }
    }

    /// Waits until a link is not silenced any more. False if the sender has gone meanwhile: what it sent last
    /// is lost.
    fn await_silence(&self, pair: &Pair, way: Way, from: &TcpStream) -> bool {
        let mut state = self.lock();
        let mut was_silent = false;
        loop {
            let is_silenced = state
                .silences
                .iter()
                .any(|(_, silence)| silence.holds(pair, way));
            if !is_silenced {
                drop(state);
                return !(was_silent && has_gone(from));
            }
            was_silent = true;
            let (again, _) = self
                .changed
                .wait_timeout(state, LOOK)
                .expect("no holder panics");
            drop(again);
            if has_gone(from) {
                return false;
            }
            state = self.lock();
        }
    }
}

/// Whether the other end has closed a connection, as far as can be seen without taking bytes from it.
fn has_gone(stream: &TcpStream) -> bool {
    let mut byte = [0];
    let look = MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT;
    match socket::recv(stream.as_raw_fd(), &mut byte, look) {
        Ok(count) => count == 0,
        Err(error) => error != Errno::EAGAIN,
    }
}

impl Silence {
    fn holds(&self, pair: &Pair, way: Way) -> bool {
        self.broker.is_none_or(|broker| broker == pair.broker)
            && self.slot.is_none_or(|slot| pair.slot() == Some(slot))
            && self.way.is_none_or(|of| of == way)
    }
}

impl Pair {
    fn slot(&self) -> Option<usize> {
        *self.slot.lock().expect("no holder panics")
    }

    /// The first request names the member.
    fn learn_slot(&self, bytes: &[u8]) {
        let mut slot = self.slot.lock().expect("no holder panics");
        if slot.is_none() {
            *slot = client_id(bytes).and_then(super::slot_of);
        }
    }

    fn close(&self) {
        // It may be closed already.
        let _ = self.member.shutdown(Shutdown::Both);
        let _ = self.upstream.shutdown(Shutdown::Both);
    }

    /// The broker's end goes, and the member is not told.
    fn half_open(&self) {
        self.half_open.store(true, Relaxed);
        // It may be closed already.
        let _ = self.upstream.shutdown(Shutdown::Both);
    }
}

/// The client id in a request: behind the length, the API and its version, and the correlation id.
fn client_id(request: &[u8]) -> Option<&str> {
    let length = u16::from_be_bytes(request.get(12..14)?.try_into().ok()?);
    std::str::from_utf8(request.get(14..14 + usize::from(length))?).ok()
}
