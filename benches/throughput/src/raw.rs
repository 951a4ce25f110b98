//! The loop that everything else is measured by: it does what nobody can do without, and no more.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use sarama_cluster::{
    KafkaVersion,
    call::{Answer, Call, Versions, fetch, metadata},
    protocol::{api_versions, header},
    record::{self, Decoded, Decompressor, Limits},
};

use crate::{
    Result,
    run::{Job, Seen, Watch},
};

/// Bytes of a partition asked for at a time, as the consumer asks.
const FETCH_BYTES: i32 = 1 << 20;

const CLIENT_ID: &str = "throughput";

/// Reads the topic to its end.
pub(crate) fn read(job: &Job, watch: &Watch) -> Result<()> {
    let mut connection = Connection::open(job)?;
    let mut ask = connection.first_ask(job)?;
    let limits = Limits::default();
    let mut decompressor = Decompressor::new();
    let mut seen = Seen::default();
    let mut is_over = false;
    while !is_over {
        let answer = connection.ask(&Call::Fetch(ask.clone()))?.into_fetch();
        for fetched in answer.partitions {
            let asked = ask.partitions.iter_mut();
            let asked = asked.filter(|asked| asked.partition == fetched.partition);
            for asked in asked {
                for batch in &fetched.batches {
                    let decoded = record::decode(batch, asked.offset, &limits, &mut decompressor)?;
                    let Decoded::Records(blocks) = decoded else {
                        continue;
                    };
                    for record in blocks.iter().flat_map(|block| block.records()) {
                        let (offset, value) = (record.offset(), record.value());
                        is_over |= watch.deliver(&mut seen, fetched.partition, offset, value);
                    }
                    asked.offset = batch.next_offset();
                }
            }
        }
        // Who was served goes to the end: an answer may be full before the last one's turn.
        ask.partitions.rotate_left(1);
    }
    watch.add(&seen);
    Ok(())
}

struct Connection {
    stream: TcpStream,
    versions: Versions,
    correlation_id: i32,
    frame: Vec<u8>,
}

impl Connection {
    fn open(job: &Job) -> Result<Self> {
        let stream = TcpStream::connect(&job.brokers[0])?;
        stream.set_nodelay(true)?;
        let mut connection = Self {
            stream,
            versions: Versions::of_release(KafkaVersion::V2_4_0),
            correlation_id: 0,
            frame: Vec::new(),
        };
        let question = api_versions::Request::default();
        let request = header::encode_request(&question, 0, 0, Some(CLIENT_ID))?;
        let frame = connection.exchange(&request)?;
        let (_, answer) = header::decode_response::<api_versions::Request>(frame, 0)?;
        connection.versions = Versions::negotiate(&answer.api_keys, KafkaVersion::MAX);
        Ok(connection)
    }

    /// All partitions from their beginnings. They must be led by the broker of this connection.
    fn first_ask(&mut self, job: &Job) -> Result<fetch::Ask> {
        let topics = metadata::Ask {
            topics: Some(vec![job.topic.clone()]),
            allow_auto_topic_creation: false,
        };
        let answer = self.ask(&Call::Metadata(topics))?.into_metadata();
        let topic = answer
            .topics
            .first()
            .ok_or("the broker has no such topic")?;
        if answer.brokers.len() != 1 {
            return Err("the raw loop reads from one broker only".into());
        }
        let partition = |partition| fetch::Partition {
            topic: job.topic.clone(),
            topic_id: topic.id,
            partition,
            leader_epoch: None,
            offset: 0,
            max_bytes: FETCH_BYTES,
        };
        Ok(fetch::Ask {
            max_wait_ms: 500,
            min_bytes: 1,
            max_bytes: 50 << 20,
            read_committed: false,
            rack_id: String::new(),
            partitions: (0..job.partitions).map(partition).collect(),
        })
    }

    fn ask(&mut self, call: &Call) -> Result<Answer> {
        let request = call.encode(&self.versions, self.correlation_id, CLIENT_ID)?;
        self.correlation_id += 1;
        let frame = self.exchange(&request.frame)?;
        Ok(call.decode(request.version, frame, &Limits::default())?)
    }

    /// The frame of the answer, without its length.
    fn exchange(&mut self, request: &[u8]) -> Result<&[u8]> {
        self.stream.write_all(request)?;
        let mut length = [0; size_of::<i32>()];
        self.stream.read_exact(&mut length)?;
        self.frame.resize(i32::from_be_bytes(length).try_into()?, 0);
        self.stream.read_exact(&mut self.frame)?;
        Ok(&self.frame)
    }
}
