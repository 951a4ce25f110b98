//! Starting a consumer: its channels and its threads.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crossbeam_channel::Sender;

use super::{
    closer::Closer,
    coordinator::{Coordinator, Message},
    decoders::Decoders,
    desk::{Desk, Ends, Origin},
    lookout::Lookout,
    shared::Shared,
    threads::{self, panic_message},
    waker::Waker,
};
use crate::{
    call,
    client::Lease,
    config::Subscription,
    core::engine,
    error::{Error, ErrorKind, Result},
    record::Decompressor,
};

/// What a consumer's handle is made of.
pub(super) struct Parts {
    pub(super) ends: Ends,
    pub(super) inbox: Sender<Message>,
    pub(super) closer: Closer,
}

/// Starts the threads of a consumer.
pub(super) fn start(lease: Lease, group_id: &str, subscription: Subscription) -> Result<Parts> {
    let config = Arc::clone(lease.config());
    let (inbox, outside) = crossbeam_channel::unbounded();
    let origin = Origin {
        bootstrap: lease.bootstrap(),
        description: lease.description(),
        seed: fastrand::u64(..),
    };
    // Late kicks and answers find nobody: the coordinator has ended.
    let (kicks, completions) = (inbox.clone(), inbox.clone());
    let waker = Waker::new(move || drop(kicks.send(Message::Kick)));
    let on_completion =
        Arc::new(move |completion| drop(completions.send(Message::Completion(completion))));
    let (desk, ends) = Desk::open(
        Instant::now(),
        &config,
        group_id,
        subscription,
        origin,
        waker,
    );
    let pool = lease.pool(on_completion);
    let memory = pool.memory().clone();
    let limits = call::Limits::of(&config.limits).records;
    let decoders = Decoders::start(group_id, limits, memory, inbox.clone())?;
    let coordinator = Coordinator {
        desk,
        pool,
        decoders,
        inbox: outside,
        lookout: Lookout::new(),
        limits,
        decompressor: Decompressor::new(),
    };
    let (end, ended) = crossbeam_channel::bounded(0);
    let shared = Arc::clone(&ends.shared);
    let work = move || {
        run(coordinator, &shared, config.close_timeout);
        drop((lease, end));
    };
    let panicked = |panic| log::error!("coordinator: {panic}");
    let thread = threads::spawn(&format!("kafka-{group_id}"), work, panicked)?;
    let closer = Closer::new(inbox.clone(), Arc::clone(&ends.shared), ended, thread);
    Ok(Parts {
        ends,
        inbox,
        closer,
    })
}

/// The coordinator's life. Whatever happens in it, the rest is given back and the cause is told.
fn run(mut coordinator: Coordinator, shared: &Shared, close_timeout: Duration) {
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
    let deadline = Instant::now() + close_timeout;
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| coordinator.finish(deadline))) {
        log::error!("coordinator: {}", panic_message(&*panic));
    }
    // The channels of the users end here.
    coordinator.into_decoders().finish();
}
