//! `rd_kafka_consume_batch_queue`, as C programs call it.

use std::{
    ffi::{CStr, CString},
    ptr, slice,
};

use field_contract::{Result, Seen, Watch};
use rdkafka::{ClientConfig, bindings as rd, types::RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR};

/// The most messages of one call.
const BATCH: usize = 10_000;

/// How long a call waits for them.
const WAIT_MS: i32 = 100;

/// `RD_KAFKA_PARTITION_UA`: whichever partition.
const ANY: i32 = -1;

/// Reads to the last record that is wanted.
pub(crate) fn read(config: &ClientConfig, topic: &str, watch: &Watch) -> Result<()> {
    let consumer = Consumer::subscribe(config, topic)?;
    let mut messages = vec![ptr::null_mut::<rd::rd_kafka_message_t>(); BATCH];
    let mut seen = Seen::default();
    let mut is_over = false;
    while !is_over {
        // SAFETY: the queue is valid, and there is room for so many pointers.
        let count = unsafe {
            rd::rd_kafka_consume_batch_queue(consumer.queue, WAIT_MS, messages.as_mut_ptr(), BATCH)
        };
        for &message in &messages[..usize::try_from(count)?] {
            // SAFETY: librdkafka has just given it, and its payload lives until it is destroyed.
            unsafe {
                if (*message).err == RD_KAFKA_RESP_ERR_NO_ERROR {
                    let payload = (*message).payload.cast::<u8>();
                    let value = slice::from_raw_parts(payload, (*message).len);
                    is_over |= watch.deliver(&mut seen, Some(value));
                }
                rd::rd_kafka_message_destroy(message);
            }
        }
    }
    watch.add(seen);
    consumer.commit()
}

/// A consumer that librdkafka itself assigns partitions to.
struct Consumer {
    client: *mut rd::rd_kafka_t,
    queue: *mut rd::rd_kafka_queue_t,
}

impl Consumer {
    fn subscribe(config: &ClientConfig, topic: &str) -> Result<Self> {
        let config = config.create_native_config()?;
        let mut error = [0; 512];
        let topic = CString::new(topic)?;
        // SAFETY: the client takes the configuration over, and each pointer is valid in its call.
        unsafe {
            let kind = rd::rd_kafka_type_t::RD_KAFKA_CONSUMER;
            let client = rd::rd_kafka_new(kind, config.ptr(), error.as_mut_ptr(), error.len());
            if client.is_null() {
                return Err(CStr::from_ptr(error.as_ptr()).to_string_lossy().into());
            }
            std::mem::forget(config);
            rd::rd_kafka_poll_set_consumer(client);
            let topics = rd::rd_kafka_topic_partition_list_new(1);
            rd::rd_kafka_topic_partition_list_add(topics, topic.as_ptr(), ANY);
            check(rd::rd_kafka_subscribe(client, topics))?;
            rd::rd_kafka_topic_partition_list_destroy(topics);
            let queue = rd::rd_kafka_queue_get_consumer(client);
            Ok(Self { client, queue })
        }
    }

    fn commit(&self) -> Result<()> {
        // SAFETY: the client is valid; no offsets stand for all that were handed over.
        check(unsafe { rd::rd_kafka_commit(self.client, ptr::null(), 0) })
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        // SAFETY: nothing uses them any more.
        unsafe {
            rd::rd_kafka_queue_destroy(self.queue);
            rd::rd_kafka_consumer_close(self.client);
            rd::rd_kafka_destroy(self.client);
        }
    }
}

fn check(code: rd::rd_kafka_resp_err_t) -> Result<()> {
    match code {
        RD_KAFKA_RESP_ERR_NO_ERROR => Ok(()),
        code => Err(format!("{code:?}").into()),
    }
}
