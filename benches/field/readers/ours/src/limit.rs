//! The loops that everything else is measured by: they do what nobody can do without, and no more.
//!
//! One thread, one connection, buffers that are kept. The next fetch is on the wire before the records of
//! the last one are looked at.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use field_contract::{Job, Result, Seen, Watch};
use sarama_cluster::protocol::{fetch, header};

use crate::records::{Batch, Unpacker};

/// Named topics, and no flexible fields yet.
const VERSION: i16 = 11;

/// Bytes of a partition and of all, as consumers ask.
const PARTITION_BYTES: i32 = 1 << 20;
const ANSWER_BYTES: i32 = 50 << 20;

const CLIENT_ID: &str = "limit";

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// The headers of the batches, for the next offset; the records are thrown away.
    Headers,
    /// Every record, behind checksum and decompression.
    Records,
}

/// Reads the topic to the last record that is asked for.
pub(crate) fn read(job: &Job, watch: &Watch, depth: Depth) -> Result<()> {
    let mut connection = Connection::open(&job.brokers)?;
    let mut offsets = vec![0; job.partitions];
    let mut turn = 0;
    let mut unpacker = Unpacker::default();
    let mut seen = Seen::default();
    let mut is_over = false;
    connection.ask(&request(&job.topic, &offsets, turn))?;
    while !is_over {
        let frame = connection.answer()?;
        let (_, answer) = header::decode_response::<fetch::Request>(&frame, VERSION)?;
        let partitions = answer.responses.iter().flat_map(|topic| &topic.partitions);
        let mut batches = Vec::new();
        for partition in partitions {
            let mut records = partition.records.slice(&frame);
            while let Some(batch) = Batch::take_first(&mut records) {
                offsets[partition.partition_index as usize] = batch.next_offset();
                batches.push(batch);
            }
        }
        // Who was served goes to the end: an answer may be full before the last one's turn.
        turn += 1;
        connection.ask(&request(&job.topic, &offsets, turn))?;
        for batch in &batches {
            is_over |= match depth {
                Depth::Headers => {
                    watch.deliver_unseen(&mut seen, batch.record_count(), batch.size())
                }
                Depth::Records => {
                    let mut is_last = false;
                    batch.read(&mut unpacker, |value| {
                        is_last |= watch.deliver(&mut seen, value);
                    })?;
                    is_last
                }
            };
        }
        connection.reuse(frame);
    }
    watch.add(seen);
    Ok(())
}

/// All partitions, each from its offset, beginning with the one whose turn it is.
fn request(topic: &str, offsets: &[i64], turn: usize) -> fetch::Request {
    let order = (0..offsets.len()).map(|place| (place + turn) % offsets.len());
    let partition = |partition| fetch::RequestPartition {
        partition: partition as i32,
        fetch_offset: offsets[partition],
        partition_max_bytes: PARTITION_BYTES,
        ..Default::default()
    };
    fetch::Request {
        max_wait_ms: 500,
        min_bytes: 1,
        max_bytes: ANSWER_BYTES,
        topics: vec![fetch::RequestTopic {
            topic: topic.to_owned(),
            partitions: order.map(partition).collect(),
            ..Default::default()
        }],
        ..Default::default()
    }
}

struct Connection {
    stream: TcpStream,
    /// Empty, but keeps its memory.
    spare: Vec<u8>,
}

impl Connection {
    fn open(broker: &str) -> Result<Self> {
        let stream = TcpStream::connect(broker)?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            spare: Vec::new(),
        })
    }

    fn ask(&mut self, request: &fetch::Request) -> Result<()> {
        let frame = header::encode_request(request, VERSION, 0, Some(CLIENT_ID))?;
        Ok(self.stream.write_all(&frame)?)
    }

    /// The frame of the answer, without its length.
    fn answer(&mut self) -> Result<Vec<u8>> {
        let mut length = [0; size_of::<i32>()];
        self.stream.read_exact(&mut length)?;
        let mut frame = std::mem::take(&mut self.spare);
        // Only what it grows by is zeroed.
        frame.resize(i32::from_be_bytes(length).try_into()?, 0);
        self.stream.read_exact(&mut frame)?;
        Ok(frame)
    }

    fn reuse(&mut self, frame: Vec<u8>) {
        self.spare = frame;
    }
}
