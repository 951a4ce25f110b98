//! Starting a consumer: its channels and its threads.

use std::{sync::Arc, thread::JoinHandle, time::Instant};

use crossbeam_channel::{Receiver, Sender};

use super::{
    closer::Closer,
    coordinator::{Coordinator, Message, Tick},
    decoder,
    desk::{Desk, REPORTS_KEPT, Reports},
    lossy,
    messages::Messages,
    notification::Notification,
    offers::{self, Partitions},
    outlet::Outlet,
    shared::Shared,
    threads::{self, panic_message},
    user_side::UserSide,
    waker::Waker,
};
use crate::{
    client::Lease,
    config::{Config, ConsumerMode, Subscription},
    core::{
        ChannelId,
        engine::{self, Engine, Settings},
        fetch::Job,
    },
    error::{Error, ErrorKind, Result},
    net::Pool,
    record::Limits,
};

/// What a consumer's handle is made of.
pub(super) struct Parts {
    pub(super) messages: Messages,
    pub(super) partitions: Partitions,
    pub(super) errors: Receiver<Error>,
    pub(super) notifications: Receiver<Notification>,
    pub(super) user_side: Arc<UserSide>,
    pub(super) shared: Arc<Shared>,
    pub(super) inbox: Sender<Message>,
    pub(super) closer: Closer,
}

/// Starts the threads of a consumer.
pub(super) fn start(lease: Lease, group_id: &str, subscription: Subscription) -> Result<Parts> {
    let config = Arc::clone(lease.config());
    let settings = Settings::of(&config, group_id, subscription);
    let (inbox, outside) = crossbeam_channel::unbounded();
    let kicks = inbox.clone();
    // Late kicks find nobody: the coordinator has ended.
    let user_side = UserSide::new(Waker::new(move || drop(kicks.send(Message::Kick))));
    let shared = Arc::new(Shared::default());

    // Channels that are switched off are real, and end with the coordinator, too.
    let (errors, errors_out) = lossy::channel(REPORTS_KEPT);
    let (notifications, notifications_out) = lossy::channel(REPORTS_KEPT);
    let (offers, partitions) = offers::channel(&user_side);
    let (outlet, messages) = Outlet::new(match settings.delivery {
        engine::Delivery::Shared(capacity) => capacity,
        engine::Delivery::PerClaim(_) => 1,
    });

    let (decoder, decoder_thread) = spawn_decoder(group_id, &config, &inbox)?;
    let now = Instant::now();
    let engine = Engine::new(
        now,
        settings,
        lease.bootstrap(),
        lease.description(),
        fastrand::u64(..),
    );
    let completions = inbox.clone();
    let mut desk = Desk::new(
        engine,
        Arc::clone(&user_side),
        Arc::clone(&shared),
        Reports {
            group_id: group_id.to_owned(),
            errors: None,
            notifications: None,
        },
        config.close_timeout,
    );
    desk.outlets.insert(ChannelId::Shared, outlet);
    // What is switched off is kept all the same: it disconnects with the rest.
    let mut unused = (None, None, None);
    match config.group.mode {
        ConsumerMode::Multiplex => unused.0 = Some(offers),
        ConsumerMode::Partitions => desk.offers = Some(offers),
    }
    match config.consumer.returns.errors {
        true => desk.reports.errors = Some(errors),
        false => unused.1 = Some(errors),
    }
    match config.group.returns.notifications {
        true => desk.reports.notifications = Some(notifications),
        false => unused.2 = Some(notifications),
    }
    // Late answers find nobody: the coordinator has ended.
    let on_completion =
        Arc::new(move |completion| drop(completions.send(Message::Completion(completion))));
    let coordinator = Coordinator {
        desk,
        pool: Pool::new(Arc::clone(&config), on_completion),
        decoder,
        inbox: outside,
        tick: Tick::new(),
    };

    let (end, ended) = crossbeam_channel::bounded(0);
    let thread = {
        let shared = Arc::clone(&shared);
        let work = move || {
            run(coordinator, &shared, decoder_thread);
            drop((unused, lease, end));
        };
        threads::spawn(format!("kafka-{group_id}"), work, |panic| {
            log::error!("coordinator: {panic}");
        })?
    };
    let closer = Closer::new(inbox.clone(), Arc::clone(&shared), ended, thread);
    Ok(Parts {
        messages,
        partitions,
        errors: errors_out,
        notifications: notifications_out,
        user_side,
        shared,
        inbox,
        closer,
    })
}

/// The coordinator's life. Whatever happens in it, the rest is given back and the cause is told.
fn run(mut coordinator: Coordinator, shared: &Shared, decoder: JoinHandle<()>) {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    let (result, by_itself) = match catch_unwind(AssertUnwindSafe(|| coordinator.run())) {
        Ok(engine::End::Closed(result)) => (result, false),
        Ok(engine::End::Failed(error)) => (Err(error), true),
        Err(panic) => (
            Err(Error::new(
                ErrorKind::Panicked(panic_message(&*panic)),
                "coordinator",
            )),
            true,
        ),
    };
    if let Err(error) = &result {
        log::error!("{error:?}");
    }
    shared.finish(result, by_itself);
    let deadline = Instant::now() + coordinator.desk.close_timeout;
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| coordinator.finish(deadline))) {
        log::error!("coordinator: {}", panic_message(&*panic));
    }
    // The channels of the users end here, and so do the jobs of the decoder.
    drop(coordinator);
    // Its panics are caught inside.
    let _ = decoder.join();
}

fn spawn_decoder(
    group_id: &str,
    config: &Config,
    inbox: &Sender<Message>,
) -> Result<(Sender<Job>, JoinHandle<()>)> {
    let (sender, jobs) = crossbeam_channel::unbounded();
    let limits = Limits {
        batch_bytes: config.limits.response,
        decoded_bytes: config.limits.decompressed_batch,
        ..Limits::default()
    };
    let (done, panicked) = (inbox.clone(), inbox.clone());
    let work = move || {
        decoder::run(&jobs, limits, |decoded| {
            drop(done.send(Message::Decoded(decoded)));
        });
    };
    let panicked = move |panic| drop(panicked.send(Message::DecoderPanicked(panic)));
    Ok((
        sender,
        threads::spawn(format!("kafka-{group_id}-decoder"), work, panicked)?,
    ))
}
