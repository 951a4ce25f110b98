//! Starting a consumer: its channels and its threads.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use crossbeam_channel::{Receiver, Sender};

use super::{
    closer::Closer,
    coordinator::{Coordinator, Message, Tick},
    decoder, lossy,
    messages::Messages,
    notification::Notification,
    offers::{self, Partitions},
    outlet::Outlet,
    shared::Shared,
    threads,
    waker::Waker,
};
use crate::{
    client::Lease,
    config::{ConsumerMode, Subscription},
    core::{
        ChannelId,
        engine::{Delivery, Engine, Settings},
    },
    error::{Error, Result},
    net::Pool,
    record::Limits,
};

/// What a consumer's handle is made of.
pub(super) struct Parts {
    pub(super) messages: Messages,
    pub(super) partitions: Partitions,
    pub(super) errors: Receiver<Error>,
    pub(super) notifications: Receiver<Notification>,
    pub(super) shared: Arc<Shared>,
    pub(super) inbox: Sender<Message>,
    pub(super) closer: Closer,
    pub(super) group_id: String,
}

/// Errors and notifications that nobody reads are kept up to so many.
const KEPT: usize = 256;

/// Starts the threads of a consumer.
pub(super) fn start(lease: Lease, group_id: String, subscription: Subscription) -> Result<Parts> {
    let config = Arc::clone(lease.config());
    let settings = Settings::of(&config, &group_id, subscription);
    let (inbox, messages_in) = crossbeam_channel::unbounded();
    let waker = {
        let inbox = inbox.clone();
        // Nobody to wake: the coordinator has ended.
        Arc::new(Waker::new(move || drop(inbox.send(Message::Kick))))
    };
    let shared = Arc::new(Shared::default());
    let (errors_out, errors) = lossy::channel(KEPT);
    let (notifications_out, notifications) = lossy::channel(KEPT);
    let (offers, partitions) = offers::channel(&waker);

    let mut outlets = BTreeMap::new();
    let (messages_out, messages) = match settings.delivery {
        Delivery::Shared(capacity) => {
            let (sender, receiver) = crossbeam_channel::bounded(capacity);
            (Some(sender), receiver)
        }
        Delivery::PerClaim(_) => {
            // Silent, and ends with the coordinator, which keeps the sender.
            let (sender, receiver) = crossbeam_channel::bounded(0);
            (Some(sender), receiver)
        }
    };
    let _ = (messages_out, &mut outlets, errors_out, notifications_out, offers);
    unimplemented!()
}
