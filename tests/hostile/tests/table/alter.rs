//! Ways to change an answer.

use sarama_cluster::protocol::{
    Request, fetch,
    header::{decode_response, encode_response},
    join_group,
};

/// Changes an answer on its way: given its version, and the frame with its length in front.
pub(crate) type Alter = Box<dyn Fn(i16, Vec<u8>) -> Vec<u8> + Send + Sync>;

/// The whole frame, as it likes.
pub(crate) fn frame(change: impl Fn(Vec<u8>) -> Vec<u8> + Send + Sync + 'static) -> Alter {
    Box::new(move |_, frame| change(frame))
}

/// What is behind the correlation id; the length is made right.
pub(crate) fn body(change: impl Fn(&mut Vec<u8>) + Send + Sync + 'static) -> Alter {
    frame(move |frame| {
        let mut body = frame[8..].to_vec();
        change(&mut body);
        let length = (body.len() + 4) as u32;
        [&length.to_be_bytes(), &frame[4..8], &body].concat()
    })
}

/// What the answer says.
pub(crate) fn answer<R: Request>(
    change: impl Fn(&mut R::Response) + Send + Sync + 'static,
) -> Alter {
    Box::new(move |version, frame| {
        let (id, mut response) = read::<R>(version, &frame);
        change(&mut response);
        write::<R>(version, id, &response)
    })
}

/// The answer to a JoinGroup, of a flexible version, with so many members that have no bytes of their own.
pub(crate) fn crowded(members: u32) -> Alter {
    Box::new(move |version, frame| {
        let (id, mut response) = read::<join_group::Request>(version, &frame);
        response.members.clear();
        let mut frame = write::<join_group::Request>(version, id, &response);
        // The number of members and that of tagged fields.
        frame.truncate(frame.len() - 2);
        let mut count = members + 1;
        while count >= 0x80 {
            frame.push(count as u8 | 0x80);
            count >>= 7;
        }
        frame.push(count as u8);
        // An empty id, no instance id, empty metadata, no tagged fields.
        frame.extend([1, 0, 1, 0].repeat(members as usize));
        frame.push(0);
        let length = frame.len() as u32 - 4;
        frame[..4].copy_from_slice(&length.to_be_bytes());
        frame
    })
}

/// What a fetch says of one partition, if it is in the answer.
pub(crate) fn fetched(
    partition: i32,
    change: impl Fn(&mut fetch::ResponseTopic, usize) + Send + Sync + 'static,
) -> Alter {
    Box::new(move |version, frame| {
        let (id, mut response) = read::<fetch::Request>(version, &frame);
        for topic in &mut response.responses {
            for told in &mut topic.partitions {
                told.records = told.records.to_owned(&frame[4..]);
            }
            let place = topic
                .partitions
                .iter()
                .position(|told| told.partition_index == partition);
            if let Some(place) = place {
                change(topic, place);
            }
        }
        write::<fetch::Request>(version, id, &response)
    })
}

/// The whole frame, if there is something of this partition in it.
pub(crate) fn frame_of(
    partition: i32,
    change: impl Fn(Vec<u8>) -> Vec<u8> + Send + Sync + 'static,
) -> Alter {
    Box::new(move |version, frame| {
        let (_, response) = read::<fetch::Request>(version, &frame);
        let mut told = response
            .responses
            .iter()
            .flat_map(|topic| &topic.partitions);
        match told.any(|told| told.partition_index == partition) {
            true => change(frame),
            false => frame,
        }
    })
}

/// The records that a fetch brings of one partition, if it brings some.
pub(crate) fn records(
    partition: i32,
    change: impl Fn(Vec<u8>) -> Vec<u8> + Send + Sync + 'static,
) -> Alter {
    fetched(partition, move |topic, place| {
        let records = &mut topic.partitions[place].records;
        if !records.is_empty() {
            *records = change(records.slice(&[]).to_vec()).into();
        }
    })
}

fn read<R: Request>(version: i16, frame: &[u8]) -> (i32, R::Response) {
    decode_response::<R>(&frame[4..], version).expect("it is the cluster's own")
}

fn write<R: Request>(version: i16, id: i32, response: &R::Response) -> Vec<u8> {
    encode_response::<R>(response, version, id).expect("it can be written")
}
