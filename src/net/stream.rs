//! A TCP connection whose operations have deadlines, and which another thread can cut off.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpStream},
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use socket2::{SockRef, Socket};

/// An open connection, or one that is being opened. Dropping it closes the socket.
#[derive(Debug)]
pub(super) struct Stream {
    // The type of std, whose writes raise no SIGPIPE in programs that have set it to its default.
    tcp: Arc<TcpStream>,
    cutoff: Arc<Cutoff>,
}

/// Ends a thread's connection from outside. Whatever the thread waits for on its socket returns at
/// once, and it gets no other socket.
#[derive(Debug, Default)]
pub(super) struct Cutoff(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    is_cut: bool,
    /// What is open now. The stream takes it out when it is dropped, which closes the socket.
    tcp: Option<Arc<TcpStream>>,
}

impl Cutoff {
    /// Cuts the connection off, for good.
    pub(super) fn cut(&self) {
        let mut state = self.0.lock();
        state.is_cut = true;
        if let Some(tcp) = &state.tcp {
            // On Linux this ends a connect too, even one that begins after it. Where it does not, the
            // connect ends at its timeout. An error says that the peer was faster.
            let _ = tcp.shutdown(Shutdown::Both);
        }
    }

    /// Whether it was cut off.
    pub(super) fn is_cut(&self) -> bool {
        self.0.lock().is_cut
    }
}

impl Stream {
    /// Puts a socket under the cutoff, which must have no other.
    pub(super) fn new(socket: Socket, cutoff: &Arc<Cutoff>) -> io::Result<Self> {
        let tcp = Arc::new(TcpStream::from(socket));
        let mut state = cutoff.0.lock();
        if state.is_cut {
            return Err(io::ErrorKind::NotConnected.into());
        }
        let before = state.tcp.replace(Arc::clone(&tcp));
        assert!(before.is_none(), "a thread has one socket at a time");
        drop(state);
        Ok(Self {
            tcp,
            cutoff: Arc::clone(cutoff),
        })
    }

    /// The socket, to be set up and connected.
    pub(super) fn socket(&self) -> SockRef<'_> {
        SockRef::from(&*self.tcp)
    }

    /// Reads what there is, at least one byte; 0 is the end of the stream.
    pub(super) fn read(&self, buffer: &mut [u8], deadline: Instant) -> io::Result<usize> {
        loop {
            self.tcp.set_read_timeout(Some(time_left(deadline)?))?;
            match (&*self.tcp).read(buffer) {
                Err(error) if is_retry(&error) => {}
                result => return result,
            }
        }
    }

    /// Writes it all.
    pub(super) fn write_all(&self, mut bytes: &[u8], deadline: Instant) -> io::Result<()> {
        while !bytes.is_empty() {
            self.tcp.set_write_timeout(Some(time_left(deadline)?))?;
            match (&*self.tcp).write(bytes) {
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
        self.cutoff.0.lock().tcp = None;
    }
}

/// What is left until the deadline, as a timeout of a socket, which must not be 0.
pub(super) fn time_left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    Ok(left.max(Duration::from_millis(1)))
}

/// Whether [`time_left`] said that the deadline has passed, and not TCP that it has lost patience.
pub(super) fn is_late(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::TimedOut && error.raw_os_error().is_none()
}

/// A signal, or the socket's timeout: the deadline decides whether to go on.
fn is_retry(error: &io::Error) -> bool {
    match error.kind() {
        io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock => true,
        // Elsewhere this is TCP that has given the connection up.
        io::ErrorKind::TimedOut => cfg!(windows),
        _ => false,
    }
}
