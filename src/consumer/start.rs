//! Starting a consumer: its channels and its threads.

use std::{
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crossbeam_channel::Sender;

use super::{
    closer::Closer,
    coordinator::{Coordinator, Message, Tick},
    decoder,
    desk::{Desk, Ends, Origin},
    shared::Shared,
    threads::{self, panic_message},
    waker::Waker,
};
use crate::{
    call,
    client::Lease,
    config::Subscription,
    core::{engine, fetch::Job},
    error::{Error, ErrorKind, Result},
    record::{Decompressor, Limits, Recycler},
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
    let (decoder, decoder_thread) = spawn_decoder(group_id, limits, memory, &inbox)?;
    let coordinator = Coordinator {
        desk,
        pool,
        decoder,
        inbox: outside,
        tick: Tick::new(),
        limits,
        decompressor: Decompressor::new(),
        has_looked: false,
    };
    let (end, ended) = crossbeam_channel::bounded(0);
    let shared = Arc::clone(&ends.shared);
    let work = move || {
        run(coordinator, &shared, decoder_thread, config.close_timeout);
        drop((lease, end));
    };
    let panicked = |panic| log::error!("coordinator: {panic}");
    let thread = threads::spawn(format!("kafka-{group_id}"), work, panicked)?;
    let closer = Closer::new(inbox.clone(), Arc::clone(&ends.shared), ended, thread);
    Ok(Parts {
        ends,
        inbox,
        closer,
    })
}

/// The coordinator's life. Whatever happens in it, the rest is given back and the cause is told.
fn run(
    mut coordinator: Coordinator,
    shared: &Shared,
    decoder: JoinHandle<()>,
    close_timeout: Duration,
) {
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
    // The channels of the users end here, and so do the jobs of the decoder.
    drop(coordinator);
    // Its panics are caught inside.
    let _ = decoder.join();
}

fn spawn_decoder(
    group_id: &str,
    limits: Limits,
    memory: Recycler,
    inbox: &Sender<Message>,
) -> Result<(Sender<Job>, JoinHandle<()>)> {
    let (sender, jobs) = crossbeam_channel::unbounded();
    let (done, panicked) = (inbox.clone(), inbox.clone());
    let work = move || {
        decoder::run(&jobs, &limits, memory, |decoded| {
            drop(done.send(Message::Decoded(decoded)));
        });
    };
    let panicked = move |panic| drop(panicked.send(Message::DecoderPanicked(panic)));
    Ok((
        sender,
        threads::spawn(format!("kafka-{group_id}-decoder"), work, panicked)?,
    ))
}
