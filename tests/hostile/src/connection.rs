//! A connection as a whole: dialing, the handshake, exchanges, against a broker whose every byte is chosen.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, OnceLock},
    thread,
    time::{Duration, Instant},
};

use sarama_cluster::{
    Config,
    call::{Broker, Lane, Target, Token},
    crossbeam_channel::unbounded,
    net::{Completion, Pool},
    protocol::{
        ApiKey, ErrorCode,
        api_versions::{self, ApiVersion},
        header::{decode_request_header, encode_response},
    },
};

use crate::{
    answers::{calls, fetch_call},
    input::Input,
};

/// Much longer than anything here takes.
const LONG: Duration = Duration::from_secs(20);

/// The script of a broker: what it does with each request that comes, on whatever connection. When it is
/// over the broker closes every connection. Each call has its one completion then.
pub(crate) fn connection(data: &[u8]) {
    let mut input = Input::new(data);
    let chosen = calls();
    let asked = [input.pick(&chosen), fetch_call(), input.pick(&chosen)];
    let server = Server::get();
    server.play(input.rest());
    let mut config = Config::default();
    config.net.dial_timeout = LONG;
    config.limits.response = 1 << 20;
    let (sender, completions) = unbounded();
    let on_completion = Arc::new(move |completion: Completion| {
        let _ = sender.send(completion);
    });
    let mut pool = Pool::new(Arc::new(config), on_completion);
    let target = Target {
        broker: Broker {
            id: Some(1),
            host: server.address.ip().to_string(),
            port: server.address.port(),
        },
        lane: Lane::Fetch,
    };
    let count = asked.len();
    for (call, token) in asked.into_iter().zip(1..) {
        pool.send(&target, Token(token), call, LONG);
    }
    let mut tokens: Vec<_> = (0..count)
        .map(|_| {
            completions
                .recv_timeout(LONG)
                .expect("each call is completed")
                .token
                .0
        })
        .collect();
    tokens.sort_unstable();
    assert_eq!(tokens, [1, 2, 3], "once");
    pool.close(Instant::now() + LONG);
    assert!(completions.try_recv().is_err(), "and not again");
}

/// One for all runs.
struct Server {
    address: SocketAddr,
    script: Arc<Mutex<Vec<u8>>>,
}

impl Server {
    fn get() -> &'static Self {
        static SERVER: OnceLock<Server> = OnceLock::new();
        SERVER.get_or_init(|| {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
            let address = listener.local_addr().expect("it is bound");
            let script = Arc::new(Mutex::new(Vec::new()));
            let played = Arc::clone(&script);
            thread::spawn(move || {
                for socket in listener.incoming().flatten() {
                    serve(socket, &played);
                }
            });
            Self { address, script }
        })
    }

    fn play(&self, script: &[u8]) {
        *self.script.lock().expect("nobody panics with it") = script.to_vec();
    }
}

/// Answers requests until the script says to close, or the client does. A connection at a time: the pool
/// has one target.
fn serve(mut socket: TcpStream, script: &Mutex<Vec<u8>>) {
    let _ = socket.set_nodelay(true);
    while let Some(request) = read_request(&mut socket) {
        let Some(bytes) = next_answer(script, &request) else {
            break;
        };
        if socket.write_all(&bytes).is_err() {
            break;
        }
    }
}

fn read_request(socket: &mut TcpStream) -> Option<Vec<u8>> {
    let mut length = [0; 4];
    socket.read_exact(&mut length).ok()?;
    let mut frame = vec![0; u32::from_be_bytes(length).min(1 << 20) as usize];
    socket.read_exact(&mut frame).ok()?;
    Some(frame)
}

/// What the next step of the script answers; none closes the connection.
fn next_answer(script: &Mutex<Vec<u8>>, request: &[u8]) -> Option<Vec<u8>> {
    let mut script = script.lock().expect("nobody panics with it");
    let mut input = Input::new(&script);
    if input.is_empty() {
        return None;
    }
    let correlation_id =
        decode_request_header(request).map_or(0, |(header, _)| header.correlation_id);
    let answer = match input.byte() % 5 {
        // The bytes as they are.
        0 => {
            let length = usize::from(input.u16());
            // Nothing more would come, and that would be waited for.
            Some(input.take(length).to_vec()).filter(|bytes| !is_unfinished(bytes))
        }
        // A frame around them, to this request.
        1 => {
            let length = usize::from(input.u16());
            let body = input.take(length);
            let size = (body.len() + 4) as u32;
            Some([&size.to_be_bytes()[..], &correlation_id.to_be_bytes(), body].concat())
        }
        2 => Some(versions(&mut input, request, correlation_id)),
        // To another one.
        3 => Some([0, 0, 0, 4, 9, 9, 9, input.byte()].to_vec()),
        _ => None,
    };
    let rest = input.rest().to_vec();
    *script = rest;
    answer
}

/// Whether the client would wait for more.
fn is_unfinished(bytes: &[u8]) -> bool {
    match bytes.split_first_chunk() {
        Some((length, rest)) => i32::from_be_bytes(*length) as i64 > rest.len() as i64,
        None => true,
    }
}

/// Ranges of versions, in the version that was asked for or the oldest.
fn versions(input: &mut Input<'_>, request: &[u8], correlation_id: i32) -> Vec<u8> {
    let (lowest, span) = (input.byte() % 8, input.byte() % 20);
    let code = input.pick(&[
        ErrorCode::NONE,
        ErrorCode::NONE,
        ErrorCode::UNSUPPORTED_VERSION,
        ErrorCode::UNKNOWN_SERVER_ERROR,
    ]);
    let range = |api: &ApiKey| ApiVersion {
        api_key: api.key(),
        min_version: lowest.into(),
        max_version: (lowest + span).into(),
    };
    let response = api_versions::Response {
        error_code: code,
        api_keys: ApiKey::ALL.iter().map(range).collect(),
        ..Default::default()
    };
    let asked = decode_request_header(request).map_or(0, |(header, _)| header.api_version);
    let version = match code {
        ErrorCode::UNSUPPORTED_VERSION => 0,
        _ => asked.clamp(0, *ApiKey::ApiVersions.versions().end()),
    };
    encode_response::<api_versions::Request>(&response, version, correlation_id)
        .expect("a small message")
}
