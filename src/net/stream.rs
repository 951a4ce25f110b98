//! A TCP connection whose operations have deadlines, and which another thread can cut off.

use std::{
    io::{self, Read, Write},
    net::Shutdown,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use socket2::Socket;

/// An open connection, or one that is being opened. Dropping it closes the socket.
#[derive(Debug)]
pub(super) struct Stream {
    socket: Arc<Socket>,
    cutoff: Arc<Cutoff>,
}

/// Ends a thread's connection from outside. Whatever the thread waits for on its socket returns at
/// once, and it gets no other socket.
#[derive(Debug, Default)]
pub(super) struct Cutoff(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    cut: bool,
    /// The socket that is open now. The stream takes it out when it is dropped, so that a thread that
    /// is slow to end holds no file.
    socket: Option<Arc<Socket>>,
}

impl Cutoff {
    /// Cuts the connection off, for good.
    pub(super) fn cut(&self) {
        let mut state = self.0.lock();
        state.cut = true;
        if let Some(socket) = &state.socket {
            // On Linux this also ends a pending connect, and one that begins later. Where it does not,
            // connecting is bounded by its timeout. The error says that the peer was faster.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }

    /// Whether it was cut off.
    pub(super) fn is_cut(&self) -> bool {
        self.0.lock().cut
    }
}

impl Stream {
    /// Puts the socket under the cutoff.
    pub(super) fn new(socket: Socket, cutoff: &Arc<Cutoff>) -> io::Result<Self> {
        let socket = Arc::new(socket);
        let mut state = cutoff.0.lock();
        if state.cut {
            return Err(io::ErrorKind::NotConnected.into());
        }
        let before = state.socket.replace(Arc::clone(&socket));
        assert!(before.is_none(), "a thread has one socket at a time");
        drop(state);
        Ok(Self {
            socket,
            cutoff: Arc::clone(cutoff),
        })
    }

    /// The socket, to be set up and connected.
    pub(super) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Reads what there is, at least one byte; 0 is the end of the stream.
    pub(super) fn read(&self, buffer: &mut [u8], deadline: Instant) -> io::Result<usize> {
        loop {
            self.socket.set_read_timeout(Some(time_left(deadline)?))?;
            match (&*self.socket).read(buffer) {
                Err(error) if is_retry(&error) => {}
                result => return result,
            }
        }
    }

    /// Writes it all.
    pub(super) fn write_all(&self, mut bytes: &[u8], deadline: Instant) -> io::Result<()> {
        while !bytes.is_empty() {
            self.socket.set_write_timeout(Some(time_left(deadline)?))?;
            match (&*self.socket).write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => bytes = &bytes[count..],
                Err(error) if is_retry(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.cutoff.0.lock().socket = None;
    }
}

/// What is left until the deadline, as a socket timeout, which must not be 0.
pub(super) fn time_left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    // Sockets count in microseconds.
    Ok(left.max(Duration::from_millis(1)))
}

/// A signal, or the socket's timeout; the deadline decides whether to go on.
fn is_retry(error: &io::Error) -> bool {
    match error.kind() {
        io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock => true,
        // Elsewhere it means that TCP has given the connection up.
        io::ErrorKind::TimedOut => cfg!(windows),
        _ => false,
    }
}

/// Whether the deadline has passed, and not TCP's own patience with the peer.
pub(super) fn is_late(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::TimedOut && error.raw_os_error().is_none()
}
