//! No record allocates memory by itself: decoding and pushing allocate by the batch, and taking,
//! marking and dropping nothing, whatever the number of messages.

use std::{io::Read as _, sync::Arc};

use allocation_counter::measure;
use sarama_cluster::{
    Batches, ConsumerMessage, MessageBatch, Messages,
    consumer::{
        claim::Claim,
        outlet::{Form, Outlet},
        user_side::UserSide,
        waker::Waker,
    },
    core::{ChannelId, ClaimId, engine::Opened},
    record::{
        Batch, Block, Codec, Decoded, Decompressor, Limits, Recycler, Split,
        build::{BatchBuilder, NewRecord},
        decode, split, split_as_read,
    },
};

const BLOCK: usize = 256;

/// Enough for a block or a batch as such, and far less than there are records.
const FEW: u64 = 8;

struct Delivery {
    user_side: Arc<UserSide>,
    claim: Arc<Claim>,
    outlet: Outlet,
    messages: Messages,
    batches: Batches,
    next_offset: i64,
}

impl Delivery {
    fn new(form: Form) -> Self {
        let user_side = UserSide::new(Waker::new(|| ()));
        let opened = Opened {
            claim: ClaimId(1),
            channel: ChannelId::Shared,
            capacity: 4 * BLOCK,
            topic: "topic".into(),
            topic_id: None,
            partition: 0,
            start: 0,
            metadata: String::new(),
            commit_start: false,
        };
        let claim = Claim::new(&opened, Arc::clone(&user_side));
        let (outlet, messages, batches) = Outlet::open(opened.capacity, form);
        Self {
            user_side,
            claim,
            outlet,
            messages,
            batches,
            next_offset: 0,
        }
    }

    /// How often memory is allocated while a block of so many messages is pushed.
    fn push(&mut self, records: usize) -> u64 {
        let block = block(self.next_offset, records);
        self.next_offset += records as i64;
        measure(|| self.outlet.push(&self.claim, block)).count_total
    }

    /// How often memory is allocated while a block of messages is taken and each one worked on.
    fn allocations(&mut self, work: impl Fn(&UserSide, ConsumerMessage)) -> u64 {
        self.push(BLOCK);
        let read = || {
            let mut count = 0;
            for message in self.messages.try_iter() {
                work(&self.user_side, message);
                count += 1;
            }
            assert_eq!(count, BLOCK);
        };
        measure(read).count_total
    }

    /// The same where it is taken as one batch.
    fn allocations_of_batch(&mut self, work: impl Fn(&UserSide, MessageBatch)) -> u64 {
        self.push(BLOCK);
        let read = || {
            let batch = self.batches.try_recv().expect("it was just pushed");
            assert_eq!(batch.len(), BLOCK);
            work(&self.user_side, batch);
        };
        measure(read).count_total
    }
}

fn record_set(base: i64, records: usize, codec: Codec) -> Vec<u8> {
    let mut batch = BatchBuilder::new(base).codec(codec);
    for _ in 0..records {
        batch.push(&NewRecord {
            key: Some(b"key"),
            value: Some(b"value"),
            ..NewRecord::default()
        });
    }
    batch.build()
}

fn block(base: i64, records: usize) -> Block {
    let limits = Limits::default();
    let batches = split(&record_set(base, records, Codec::None), &limits).batches;
    match decode(&batches[0], 0, &limits, &mut Decompressor::new()) {
        Ok(Decoded::Records(mut blocks)) => blocks.remove(0),
        other => panic!("{other:?}"),
    }
}

/// How often memory is allocated while a batch of so many records is cut out of what was fetched,
/// and decoded.
fn allocations_of_decoding(records: usize, codec: Codec, decompressor: &mut Decompressor) -> u64 {
    let limits = Limits::default();
    let bytes = record_set(0, records, codec);
    let read = || {
        let batches = split(&bytes, &limits).batches;
        let decoded = decode(&batches[0], 0, &limits, decompressor);
        let Ok(Decoded::Records(blocks)) = decoded else {
            panic!("{decoded:?}")
        };
        assert_eq!(blocks.len(), 1);
        assert_eq!(blocks[0].len(), records);
    };
    measure(read).count_total
}

#[test]
fn the_way_of_a_message_through_a_users_hands_allocates_nothing() {
    let mut delivery = Delivery::new(Form::Single);
    let works: [fn(&UserSide, ConsumerMessage); 7] = [
        |_, message| drop(message),
        |user_side, message| user_side.mark(&message, ""),
        |user_side, message| user_side.mark(&message.clone(), "metadata"),
        |user_side, message| user_side.mark_offset(None, message.offset(), ""),
        |user_side, message| user_side.reset(&message, ""),
        |user_side, message| user_side.ack(&message),
        |_, message| {
            assert!(message.is_current() && message.headers().next().is_none());
            assert_eq!((message.topic(), message.partition()), ("topic", 0));
            assert_eq!(message.value(), Some(&b"value"[..]));
        },
    ];
    for (number, work) in works.into_iter().enumerate() {
        // What is allocated once, as for the first metadata, is allocated here.
        delivery.allocations(work);
        assert_eq!(delivery.allocations(work), 0, "work {number}");
    }
}

#[test]
fn the_way_of_a_batch_through_a_users_hands_allocates_nothing() {
    let mut delivery = Delivery::new(Form::Batched);
    let works: [fn(&UserSide, MessageBatch); 4] = [
        |_, batch| {
            batch
                .iter()
                .for_each(|one| assert_eq!(one.key(), Some(&b"key"[..])));
        },
        |user_side, batch| user_side.mark(&batch, ""),
        |user_side, batch| {
            batch
                .iter()
                .for_each(|message| user_side.mark(&message, ""));
        },
        |user_side, batch| user_side.ack(&batch),
    ];
    for (number, work) in works.into_iter().enumerate() {
        delivery.allocations_of_batch(work);
        assert_eq!(delivery.allocations_of_batch(work), 0, "work {number}");
    }
}

#[test]
fn a_block_is_pushed_with_few_allocations_whatever_its_length() {
    for form in [Form::Single, Form::Batched] {
        let mut delivery = Delivery::new(form);
        // The memory of the messages of a block is kept for the next one.
        delivery.push(BLOCK);
        for records in [BLOCK, 1, BLOCK] {
            let allocations = delivery.push(records);
            assert!(allocations <= FEW, "{form:?}, {records}: {allocations}");
        }
    }
}

#[test]
fn a_batch_is_decoded_with_few_allocations_whatever_its_length() {
    for codec in [
        Codec::None,
        Codec::Lz4,
        Codec::Snappy,
        Codec::Gzip,
        Codec::Zstd,
    ] {
        let mut decompressor = Decompressor::new();
        // The decompressor keeps its memory from batch to batch.
        allocations_of_decoding(BLOCK, codec, &mut decompressor);
        for records in [1, BLOCK] {
            let allocations = allocations_of_decoding(records, codec, &mut decompressor);
            assert!(allocations <= FEW, "{codec:?}, {records}: {allocations}");
        }
    }
}

/// Batches of one record of ten bytes share memory. Besides its bytes each takes its place in a vector that may have grown
/// to twice what it holds, and a part of the allocator's; the documentation of `consumer.fetch.budget` names the sum.
#[test]
fn small_batches_take_little_memory_besides_their_bytes() {
    const BATCHES: i64 = 10_000;
    const BESIDES: usize = 2 * size_of::<Batch>() + 40;
    const _: () = assert!(BESIDES <= 220);
    let limits = Limits::default();
    let small = |offset| {
        let record = NewRecord {
            value: Some(b"ten bytes."),
            ..NewRecord::default()
        };
        BatchBuilder::new(offset).push(&record).build()
    };
    let bytes: Vec<u8> = (0..BATCHES).flat_map(small).collect();
    let as_read = || {
        let mut rest = &*bytes;
        let fill = |slice: &mut [u8]| rest.read_exact(slice);
        split_as_read(bytes.len(), &limits, &Recycler::new(), fill).expect("all is there")
    };
    let whole = || split(&bytes, &limits);
    let ways: [&dyn Fn() -> Split; 2] = [&whole, &as_read];
    for way in ways {
        let mut found = None;
        let taken = measure(|| found = Some(way()));
        let batches = found.expect("it was just split").batches;
        assert!(batches.iter().map(Batch::bytes).eq(bytes.chunks(78)));
        assert!(taken.count_total < BATCHES as u64 / 40, "{taken:?}");
        let held: usize = batches.iter().map(|b| b.encoded_len() + BESIDES).sum();
        assert!(taken.bytes_current <= held as i64, "{taken:?}, {held}");
        assert!(held < 4 * bytes.len(), "{held}");
    }
}

#[test]
fn the_counter_counts() {
    let mut delivery = Delivery::new(Form::Single);
    let detach = |_: &UserSide, message: ConsumerMessage| drop(message.detach());
    assert!(delivery.allocations(detach) >= BLOCK as u64);
}
