//! A broker that does what a test says.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    panic::resume_unwind,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use parking_lot::Mutex;

use crate::protocol::{
    ApiKey, ErrorCode, Request,
    api_versions::{self, ApiVersion},
    header::{self, RequestHeader},
    heartbeat, metadata,
};

/// Accepts connections and runs the script for each, on a thread of its own. Dropping it closes all
/// and passes on what a script panicked with.
pub(super) struct Broker {
    pub(super) address: SocketAddr,
    state: Arc<State>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    closing: AtomicBool,
    connections: Mutex<Vec<TcpStream>>,
    scripts: Mutex<Vec<JoinHandle<()>>>,
}

/// The broker's end of one connection.
pub(super) struct Peer {
    pub(super) stream: TcpStream,
}

/// The broker keeps a handle of the socket, so dropping the stream alone would not close it.
impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

/// A request that was read.
pub(super) struct Asked {
    pub(super) header: RequestHeader,
    frame: Vec<u8>,
}

impl Broker {
    /// The script is given the number of the connection, from 0.
    pub(super) fn start(script: impl Fn(usize, Peer) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::<State>::default();
        let script = Arc::new(script);
        let acceptor = thread::spawn({
            let state = Arc::clone(&state);
            move || {
                for (number, stream) in listener.incoming().enumerate() {
                    let stream = stream.unwrap();
                    if state.closing.load(Ordering::SeqCst) {
                        break;
                    }
                    state.connections.lock().push(stream.try_clone().unwrap());
                    let script = Arc::clone(&script);
                    let run = move || script(number, Peer { stream });
                    state.scripts.lock().push(thread::spawn(run));
                }
            }
        });
        Self {
            address,
            state,
            acceptor: Some(acceptor),
        }
    }

    /// How many connections there were.
    pub(super) fn connections(&self) -> usize {
        self.state.connections.lock().len()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.state.closing.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        self.acceptor.take().unwrap().join().unwrap();
        for connection in self.state.connections.lock().drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
        for script in self.state.scripts.lock().drain(..) {
            let end = script.join();
            if let Err(panic) = end
                && !thread::panicking()
            {
                resume_unwind(panic);
            }
        }
    }
}

impl Peer {
    /// The next request; `None` at the end of the stream.
    pub(super) fn read(&mut self) -> Option<Asked> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).ok()?;
        let mut frame = vec![0; u32::from_be_bytes(length) as usize];
        self.stream.read_exact(&mut frame).ok()?;
        let (header, _) = header::decode_request_header(&frame).unwrap();
        Some(Asked { header, frame })
    }

    /// The next request, which must be of this API. The first connection of a client asks for the age
    /// of the broker before its versions; that is answered here.
    #[track_caller]
    pub(super) fn expect(&mut self, api: ApiKey) -> Asked {
        let mut asked = self.read().expect("a request comes");
        if api == ApiKey::ApiVersions && asked.header.api() == Some(ApiKey::Metadata) {
            self.show_age(&asked);
            asked = self.read().expect("a request comes");
        }
        assert_eq!(asked.header.api(), Some(api));
        asked
    }

    /// Answers the question for the age as brokers since 0.10 do.
    pub(super) fn show_age(&mut self, asked: &Asked) {
        assert_eq!(asked.header.api_version, 1);
        assert_eq!(asked.body::<metadata::Request>().topics, Some(Vec::new()));
        self.answer::<metadata::Request>(asked, &metadata::Response::default());
    }

    /// Nothing more comes.
    #[track_caller]
    pub(super) fn expect_end(&mut self) {
        let asked = self.read().map(|asked| asked.header);
        assert!(asked.is_none(), "the connection ends, not {asked:?}");
    }

    pub(super) fn answer<R: Request>(&mut self, asked: &Asked, response: &R::Response) {
        let RequestHeader {
            api_version,
            correlation_id,
            ..
        } = asked.header;
        let frame = header::encode_response::<R>(response, api_version, correlation_id).unwrap();
        self.send(&frame);
    }

    /// The client may be gone.
    pub(super) fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Answers ApiVersions as a broker that knows all that we do.
    pub(super) fn greet(&mut self) {
        let asked = self.expect(ApiKey::ApiVersions);
        self.answer::<api_versions::Request>(&asked, &all_versions());
    }

    /// Answers a heartbeat with this code, which a test tells answers apart by.
    #[track_caller]
    pub(super) fn beat(&mut self, code: i16) {
        let asked = self.expect(ApiKey::Heartbeat);
        self.answer::<heartbeat::Request>(&asked, &beaten(code));
    }

    /// Is silent for so long, and the client does not go.
    pub(super) fn is_waited_for(&mut self, time: Duration) {
        self.stream.set_read_timeout(Some(time)).unwrap();
        let said = loop {
            match self.stream.read(&mut [0]) {
                // The process was stopped, and goes on.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                said => break said.map_err(|error| error.kind()),
            }
        };
        self.stream.set_read_timeout(None).unwrap();
        assert_eq!(said, Err(ErrorKind::WouldBlock));
    }

    /// Is silent, until the client goes.
    pub(super) fn wait_for_end(&mut self) {
        while self.read().is_some() {}
    }
}

impl Asked {
    pub(super) fn body<R: Request>(&self) -> R {
        let (_, body) = header::decode_request_header(&self.frame).unwrap();
        header::decode_body(body).unwrap()
    }
}

pub(super) fn all_versions() -> api_versions::Response {
    let all = ApiKey::ALL.iter().map(|api| ApiVersion {
        api_key: api.key(),
        min_version: *api.versions().start(),
        max_version: *api.versions().end(),
    });
    api_versions::Response {
        api_keys: all.collect(),
        ..Default::default()
    }
}

pub(super) fn beaten(code: i16) -> heartbeat::Response {
    heartbeat::Response {
        error_code: ErrorCode(code),
        ..Default::default()
    }
}
