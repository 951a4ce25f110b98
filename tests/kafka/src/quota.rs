//! Quotas, which are set over the wire since 2.6 (AlterClientQuotas, KIP-546), and which librdkafka cannot set.

use std::{io, net::SocketAddr};

use crate::by_hand;

/// Sets how many bytes a second a broker gives to consumers of this client id.
pub(crate) fn limit_consumer(
    address: SocketAddr,
    client_id: &str,
    bytes_per_second: u32,
) -> io::Result<()> {
    const ALTER_CLIENT_QUOTAS_V0: [i16; 2] = [49, 0];
    const ONE: [u8; 4] = 1_i32.to_be_bytes();
    const NO: [u8; 1] = [0];

    let body = [
        &ONE[..],
        &ONE,
        &string("client-id"),
        &string(client_id),
        &ONE,
        &string("consumer_byte_rate"),
        &f64::from(bytes_per_second).to_be_bytes(),
        // It is neither removed nor a trial.
        &NO,
        &NO,
    ]
    .concat();
    let mut answer = by_hand::ask(address, ALTER_CLIENT_QUOTAS_V0, &body)?;
    let (_throttle_time, _one, error) = (answer.i32()?, answer.i32()?, answer.i16()?);
    match error {
        0 => Ok(()),
        error => Err(io::Error::other(format!("error {error}"))),
    }
}

fn string(text: &str) -> Vec<u8> {
    [&(text.len() as u16).to_be_bytes()[..], text.as_bytes()].concat()
}
