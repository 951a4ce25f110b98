//! CreateTopics, DeleteTopics, CreatePartitions, DeleteRecords.

use super::Reply;
use crate::{
    protocol::{
        ErrorCode, create_partitions, create_topics,
        create_topics::{RequestTopic, ResponseTopic},
        delete_records, delete_topics,
    },
    testing::broker::{
        Cluster,
        exchange::Call,
        topics::{TopicRef, is_valid_topic_name},
    },
};

/// Stands for the broker's default in CreateTopics, and for the high watermark in DeleteRecords.
const UNSAID: i32 = -1;

impl Cluster {
    pub(crate) fn serve_create_topics(
        &mut self,
        call: &Call<'_>,
        request: create_topics::Request,
    ) -> Reply<create_topics::Response> {
        let topics = request.topics.into_iter().map(|topic| {
            let error_code = self.create_or_refuse(call, &topic, request.validate_only);
            let created = self
                .topics
                .get(&topic.name)
                .filter(|_| !error_code.is_error());
            let partitions = created.map_or(&[][..], |topic| &topic.partitions);
            ResponseTopic {
                topic_id: created.map(|topic| topic.id).unwrap_or_default(),
                error_code,
                error_message: message(error_code),
                num_partitions: if created.is_some() {
                    partitions.len() as i32
                } else {
                    UNSAID
                },
                replication_factor: partitions
                    .first()
                    .map_or(-1, |partition| partition.replicas.len() as i16),
                configs: Some(Vec::new()),
                name: topic.name,
                ..ResponseTopic::default()
            }
        });
        let topics = topics.collect();
        Reply::Now(create_topics::Response {
            topics,
            ..create_topics::Response::default()
        })
    }

    fn create_or_refuse(
        &mut self,
        call: &Call<'_>,
        topic: &RequestTopic,
        validate_only: bool,
    ) -> ErrorCode {
        let brokers = self.running().len();
        // Assigning replicas by hand is not offered; the number of partitions is taken from it.
        let count = match (topic.num_partitions, topic.assignments.len()) {
            (UNSAID, 0) => self.settings.auto_create_topics.unwrap_or(1),
            (UNSAID, assigned) => assigned as i32,
            (count, _) => count,
        };
        let replication = match topic.replication_factor {
            -1 => self.settings.replication_factor.min(brokers),
            factor => usize::try_from(factor).unwrap_or(0),
        };
        if let Some(code) = call.plan().topic_error(&topic.name) {
            return code;
        }
        if self.controller() != Some(call.broker()) {
            return ErrorCode::NOT_CONTROLLER;
        }
        if !is_valid_topic_name(&topic.name) {
            return ErrorCode::INVALID_TOPIC_EXCEPTION;
        }
        if self.topics.get(&topic.name).is_some() {
            return ErrorCode::TOPIC_ALREADY_EXISTS;
        }
        if count < 1 {
            return ErrorCode::INVALID_PARTITIONS;
        }
        if replication < 1 || replication > brokers {
            return ErrorCode::INVALID_REPLICATION_FACTOR;
        }
        if !validate_only {
            let brokers = self.running().into_iter().collect::<Vec<_>>();
            self.topics
                .create(&topic.name, count, replication, &brokers);
        }
        ErrorCode::NONE
    }

    pub(crate) fn serve_delete_topics(
        &mut self,
        call: &Call<'_>,
        request: delete_topics::Request,
    ) -> Reply<delete_topics::Response> {
        let named = request
            .topic_names
            .into_iter()
            .map(|name| (Some(name), Default::default()));
        let asked = named.chain(
            request
                .topics
                .into_iter()
                .map(|topic| (topic.name, topic.topic_id)),
        );
        let responses = asked.map(|(name, topic_id)| {
            let by = name
                .as_deref()
                .map_or(TopicRef::Id(topic_id), TopicRef::Name);
            let known = self.topics.name(by).map(str::to_owned);
            let unknown = match by {
                TopicRef::Name(_) => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
                TopicRef::Id(_) => ErrorCode::UNKNOWN_TOPIC_ID,
            };
            let error_code = match &known {
                None => unknown,
                Some(name) => {
                    call.plan()
                        .topic_error(name)
                        .unwrap_or_else(|| match self.controller() {
                            Some(id) if id == call.broker() => ErrorCode::NONE,
                            _ => ErrorCode::NOT_CONTROLLER,
                        })
                }
            };
            let mut topic_id = topic_id;
            if let (ErrorCode::NONE, Some(name)) = (error_code, &known) {
                topic_id = self
                    .topics
                    .get(name)
                    .map(|topic| topic.id)
                    .unwrap_or_default();
                self.delete_topic(call.now, name);
            }
            let error_message = message(error_code);
            delete_topics::ResponseTopic {
                name: known.or(name),
                topic_id,
                error_code,
                error_message,
            }
        });
        let responses = responses.collect();
        Reply::Now(delete_topics::Response {
            responses,
            ..delete_topics::Response::default()
        })
    }

    pub(crate) fn serve_create_partitions(
        &mut self,
        call: &Call<'_>,
        request: create_partitions::Request,
    ) -> Reply<create_partitions::Response> {
        let results = request.topics.into_iter().map(|topic| {
            let present = self
                .topics
                .get(&topic.name)
                .map(|topic| topic.partitions.len() as i32);
            let error_code = match present {
                _ if self.controller() != Some(call.broker()) => ErrorCode::NOT_CONTROLLER,
                None => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
                Some(present) if topic.count <= present => ErrorCode::INVALID_PARTITIONS,
                Some(_) => ErrorCode::NONE,
            };
            let error_code = call.plan().topic_error(&topic.name).unwrap_or(error_code);
            if !error_code.is_error() && !request.validate_only {
                self.add_partitions(call.now, &topic.name, topic.count);
            }
            create_partitions::ResponseTopic {
                name: topic.name,
                error_code,
                error_message: message(error_code),
            }
        });
        let results = results.collect();
        Reply::Now(create_partitions::Response {
            results,
            ..create_partitions::Response::default()
        })
    }

    pub(crate) fn serve_delete_records(
        &mut self,
        call: &Call<'_>,
        request: delete_records::Request,
    ) -> Reply<delete_records::Response> {
        let topics = request.topics.into_iter().map(|topic| {
            let partitions = topic.partitions.iter().map(|asked| {
                let index = asked.partition_index;
                let result = self.delete_before(call, &topic.name, index, asked.offset);
                delete_records::ResponsePartition {
                    partition_index: index,
                    low_watermark: result.unwrap_or(-1),
                    error_code: result.err().unwrap_or(ErrorCode::NONE),
                }
            });
            let partitions = partitions.collect();
            delete_records::ResponseTopic {
                name: topic.name.clone(),
                partitions,
            }
        });
        let topics = topics.collect();
        Reply::Now(delete_records::Response {
            topics,
            ..delete_records::Response::default()
        })
    }

    fn delete_before(
        &mut self,
        call: &Call<'_>,
        topic: &str,
        index: i32,
        offset: i64,
    ) -> Result<i64, ErrorCode> {
        let log = &self
            .led_partition(call, TopicRef::Name(topic), index, -1)?
            .log;
        let offset = if offset == i64::from(UNSAID) {
            log.end()
        } else {
            offset
        };
        if !(log.start()..=log.end()).contains(&offset) {
            return Err(ErrorCode::OFFSET_OUT_OF_RANGE);
        }
        self.delete_records_before(call.now, topic, index, offset);
        Ok(offset)
    }
}

fn message(code: ErrorCode) -> Option<String> {
    code.is_error().then(|| code.meaning().to_owned())
}
