//! TCP around the cluster: a thread that accepts for each broker, two for each connection, and one for
//! what is due.

use std::{
    collections::{BTreeMap, HashMap},
    io::{self, ErrorKind, Read, Write},
    mem,
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Instant,
};

use crossbeam_channel::{Receiver, Sender, unbounded};
use parking_lot::{Condvar, Mutex, MutexGuard};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::{
    broker::{Action, Cluster, ConnectionId},
    clock::Clock,
};

/// `socket.request.max.bytes` of a broker. A length beyond it is not from a Kafka client.
const LARGEST_REQUEST: usize = 100 << 20;
const BACKLOG: i32 = 128;

/// What the threads of a cluster share.
pub(super) struct Server {
    state: Mutex<State>,
    /// Something has happened in the cluster.
    changed: Condvar,
    /// Something is due earlier than the timer thread thinks.
    sooner: Condvar,
}

pub(super) struct State {
    pub(super) cluster: Cluster,
    pub(super) clock: Clock,
    links: HashMap<ConnectionId, Link>,
    last_connection: u64,
    doors: BTreeMap<i32, Door>,
    threads: Vec<JoinHandle<()>>,
    /// When the timer thread will wake.
    wakes_at: Option<Instant>,
    is_over: bool,
}

/// A connection. Dropping it lets the writer thread finish and then close the socket.
struct Link {
    broker: i32,
    outbox: Sender<Vec<u8>>,
    socket: TcpStream,
}

/// Where the connections to a broker come in.
struct Door {
    address: SocketAddr,
    state: DoorState,
}

enum DoorState {
    Open {
        is_closing: Arc<AtomicBool>,
        acceptor: JoinHandle<()>,
    },
    /// The port is kept, but nobody listens: connections are refused.
    Shut(Socket),
}

impl Server {
    /// Serves a cluster at these sockets, which are bound but do not listen yet.
    pub(super) fn start(
        cluster: Cluster,
        clock: Clock,
        sockets: BTreeMap<i32, Socket>,
    ) -> io::Result<Arc<Self>> {
        let mut doors = BTreeMap::new();
        for (broker, socket) in sockets {
            let address = address(&socket)?;
            doors.insert(
                broker,
                Door {
                    address,
                    state: DoorState::Shut(socket),
                },
            );
        }
        let brokers = doors.keys().copied().collect::<Vec<_>>();
        let state = State {
            cluster,
            clock,
            links: HashMap::new(),
            last_connection: 0,
            doors,
            threads: Vec::new(),
            wakes_at: None,
            is_over: false,
        };
        let server = Arc::new(Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
            sooner: Condvar::new(),
        });
        for broker in brokers {
            server.open(broker)?;
        }
        let timer = Arc::clone(&server);
        let timer = spawn("timer", move || timer.run_timer())?;
        server.state.lock().threads.push(timer);
        Ok(server)
    }

    /// Looks at the cluster.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Does something to the cluster, and sends what comes out of it.
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut Cluster, Instant) -> T) -> T {
        let mut state = self.state.lock();
        let now = state.clock.now();
        let result = act(&mut state.cluster, now);
        self.after(&mut state);
        result
    }

    /// Moves the clock.
    pub(super) fn advance(&self, by: std::time::Duration) {
        let mut state = self.state.lock();
        state.clock.advance(by);
        let now = state.clock.now();
        state.cluster.handle_timeout(now);
        self.after(&mut state);
        // It sleeps by the old time.
        self.sooner.notify_one();
    }

    /// Waits until something happens, at most until then. Whether something may have.
    pub(super) fn wait(&self, state: &mut MutexGuard<'_, State>, until: Instant) -> bool {
        !self.changed.wait_until(state, until).timed_out()
    }

    /// Sends what the cluster has to say, and wakes who waits for what has happened.
    fn after(&self, state: &mut State) {
        while let Some(output) = state.cluster.poll_output() {
            match output.action {
                Action::Send(bytes) => {
                    if let Some(link) = state.links.get(&output.connection) {
                        // Fails only if the client is gone, and then nobody misses it.
                        let _ = link.outbox.send(bytes);
                    }
                }
                Action::Close => drop(state.links.remove(&output.connection)),
            }
        }
        let is_sooner = match (state.cluster.poll_deadline(), state.wakes_at) {
            (Some(due), Some(wakes_at)) => due < wakes_at,
            (due, None) => due.is_some(),
            (None, Some(_)) => false,
        };
        if is_sooner {
            self.sooner.notify_one();
        }
        self.changed.notify_all();
    }

    fn run_timer(&self) {
        let mut state = self.state.lock();
        while !state.is_over {
            let due = state.cluster.poll_deadline();
            let now = state.clock.now();
            if due.is_some_and(|due| due <= now) {
                state.cluster.handle_timeout(now);
                self.after(&mut state);
                continue;
            }
            state.wakes_at = due;
            match due.and_then(|due| state.clock.sleep_until(due)) {
                Some(sleep) => drop(self.sooner.wait_for(&mut state, sleep)),
                None => self.sooner.wait(&mut state),
            }
            state.wakes_at = None;
        }
    }

    /// Where a broker listens.
    pub(super) fn address(&self, broker: i32) -> Option<SocketAddr> {
        self.state
            .lock()
            .doors
            .get(&broker)
            .map(|door| door.address)
    }

    /// Listens for connections to a broker.
    pub(super) fn open(self: &Arc<Self>, broker: i32) -> io::Result<()> {
        let mut state = self.state.lock();
        let Some(door) = state.doors.get_mut(&broker) else {
            return Ok(());
        };
        let DoorState::Shut(socket) = &door.state else {
            return Ok(());
        };
        socket.listen(BACKLOG)?;
        let listener = TcpListener::from(socket.try_clone()?);
        let is_closing = Arc::new(AtomicBool::new(false));
        let (server, flag) = (Arc::clone(self), Arc::clone(&is_closing));
        let acceptor = spawn("accept", move || server.accept(broker, &listener, &flag))?;
        door.state = DoorState::Open {
            is_closing,
            acceptor,
        };
        Ok(())
    }

    /// Refuses connections to a broker from now on, and ends those there are. The port stays taken.
    pub(super) fn shut(&self, broker: i32) -> io::Result<()> {
        let mut state = self.state.lock();
        let Some(door) = state.doors.remove(&broker) else {
            return Ok(());
        };
        let address = door.address;
        if let DoorState::Open {
            is_closing,
            acceptor,
        } = door.state
        {
            // It takes the lock, too.
            MutexGuard::unlocked(&mut state, || {
                stop_accepting(address, &is_closing, acceptor);
            });
        }
        let (ended, kept): (HashMap<_, _>, HashMap<_, _>) = mem::take(&mut state.links)
            .into_iter()
            .partition(|(_, link)| link.broker == broker);
        state.links = kept;
        for (connection, link) in ended {
            link.end();
            state.cluster.connection_closed(connection);
        }
        let socket = bind(address)?;
        state.doors.insert(
            broker,
            Door {
                address,
                state: DoorState::Shut(socket),
            },
        );
        self.after(&mut state);
        Ok(())
    }

    fn accept(self: &Arc<Self>, broker: i32, listener: &TcpListener, is_closing: &AtomicBool) {
        loop {
            let accepted = listener.accept();
            if is_closing.load(Ordering::Acquire) {
                return;
            }
            match accepted.and_then(|(socket, _)| self.connect(broker, socket)) {
                Ok(()) => {}
                // The client is gone already, or there is no descriptor left for it.
                Err(error) => log::debug!("connection to in-process broker {broker}: {error}"),
            }
        }
    }

    fn connect(self: &Arc<Self>, broker: i32, socket: TcpStream) -> io::Result<()> {
        socket.set_nodelay(true)?;
        let (outbox, sends) = unbounded();
        let mut state = self.state.lock();
        if state.is_over {
            return Ok(());
        }
        state.last_connection += 1;
        let connection = ConnectionId(state.last_connection);
        let (reads, writes) = (socket.try_clone()?, socket.try_clone()?);
        let server = Arc::clone(self);
        let reader = spawn("read", move || server.read(broker, connection, reads))?;
        let writer = spawn("write", move || write(&sends, writes))?;
        state.threads.retain(|thread| !thread.is_finished());
        state.threads.extend([reader, writer]);
        state.links.insert(
            connection,
            Link {
                broker,
                outbox,
                socket,
            },
        );
        Ok(())
    }

    fn read(&self, broker: i32, connection: ConnectionId, mut socket: TcpStream) {
        while let Ok(frame) = read_frame(&mut socket) {
            let mut state = self.state.lock();
            // What comes after the broker has closed the connection never reached it.
            if !state.links.contains_key(&connection) {
                break;
            }
            let now = state.clock.now();
            state.cluster.handle(now, broker, connection, frame);
            self.after(&mut state);
        }
        let mut state = self.state.lock();
        state.cluster.connection_closed(connection);
        if let Some(link) = state.links.remove(&connection) {
            link.end();
        }
    }

    /// Ends all connections and threads.
    pub(super) fn stop(&self) {
        let (doors, threads) = {
            let mut state = self.state.lock();
            state.is_over = true;
            for (_, link) in state.links.drain() {
                link.end();
            }
            (mem::take(&mut state.doors), mem::take(&mut state.threads))
        };
        self.sooner.notify_all();
        self.changed.notify_all();
        for door in doors.into_values() {
            if let DoorState::Open {
                is_closing,
                acceptor,
            } = door.state
            {
                stop_accepting(door.address, &is_closing, acceptor);
            }
        }
        for thread in threads {
            join(thread);
        }
    }
}

impl Link {
    /// Closes the connection now, whatever has not been sent.
    fn end(self) {
        // Fails if it is closed already, which is what is wanted.
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}

/// Binds a socket that does not listen yet: the port is taken, connections are refused.
pub(super) fn bind(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // Connections that have just been closed must not keep the port.
    socket.set_reuse_address(true)?;
    socket.bind(&SockAddr::from(address))?;
    Ok(socket)
}

/// Binds a free port.
pub(super) fn bind_any() -> io::Result<Socket> {
    bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
}

/// Where a socket is bound.
pub(super) fn address(socket: &Socket) -> io::Result<SocketAddr> {
    let bound = socket.local_addr()?.as_socket();
    bound.ok_or_else(|| ErrorKind::AddrNotAvailable.into())
}

fn stop_accepting(address: SocketAddr, is_closing: &AtomicBool, acceptor: JoinHandle<()>) {
    is_closing.store(true, Ordering::Release);
    // Wakes it. If this fails nobody listens any more, and it has woken already.
    drop(TcpStream::connect(address));
    join(acceptor);
}

fn join(thread: JoinHandle<()>) {
    if let Err(panic) = thread.join()
        && !thread::panicking()
    {
        std::panic::resume_unwind(panic);
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    thread::Builder::new()
        .name(format!("fake-kafka-{name}"))
        .spawn(run)
}

fn read_frame(socket: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    socket.read_exact(&mut length)?;
    let length = usize::try_from(i32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > LARGEST_REQUEST {
        return Err(ErrorKind::InvalidData.into());
    }
    let mut frame = Vec::new();
    socket.take(length as u64).read_to_end(&mut frame)?;
    if frame.len() < length {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(frame)
}

/// Sends what there is to send, and closes the connection when there will be no more.
fn write(sends: &Receiver<Vec<u8>>, mut socket: TcpStream) {
    for bytes in sends {
        if socket.write_all(&bytes).is_err() {
            break;
        }
    }
    // Wakes the reader; fails if the client was faster.
    let _ = socket.shutdown(Shutdown::Both);
}
