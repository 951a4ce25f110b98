//! Requests written by hand, for what no client asks, or not of the broker that is meant.

use std::{
    io::{self, Cursor, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// A local broker that does not answer within this is not up.
const ANSWER: Duration = Duration::from_secs(2);

/// Asks one broker with the version of an API; one that is so old that headers have no tags.
pub(crate) fn ask(
    address: SocketAddr,
    [api, version]: [i16; 2],
    body: &[u8],
) -> io::Result<Response> {
    const CORRELATION_ID: [u8; 4] = [0, 0, 0, 7];
    const NO_CLIENT_ID: [u8; 2] = [0xff, 0xff];

    let mut stream = TcpStream::connect_timeout(&address, ANSWER)?;
    stream.set_read_timeout(Some(ANSWER))?;
    let request = [
        &api.to_be_bytes()[..],
        &version.to_be_bytes(),
        &CORRELATION_ID,
        &NO_CLIENT_ID,
        body,
    ]
    .concat();
    stream.write_all(&[&(request.len() as u32).to_be_bytes()[..], &request].concat())?;

    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut response = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut response)?;
    let mut response = Response {
        rest: Cursor::new(response),
    };
    match response.take()? {
        CORRELATION_ID => Ok(response),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// An answer, which is read field by field.
#[derive(Debug)]
pub(crate) struct Response {
    rest: Cursor<Vec<u8>>,
}

impl Response {
    fn take<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.rest.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    pub(crate) fn i16(&mut self) -> io::Result<i16> {
        self.take().map(i16::from_be_bytes)
    }

    pub(crate) fn i32(&mut self) -> io::Result<i32> {
        self.take().map(i32::from_be_bytes)
    }

    pub(crate) fn string(&mut self) -> io::Result<String> {
        let mut bytes = vec![0; usize::from(self.i16()?.cast_unsigned())];
        self.rest.read_exact(&mut bytes)?;
        String::from_utf8(bytes).map_err(io::Error::other)
    }

    pub(crate) fn ids(&mut self) -> io::Result<Vec<i32>> {
        (0..self.i32()?).map(|_| self.i32()).collect()
    }
}
