//! The threads of a consumer.

use std::{
    any::Any,
    cell::Cell,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    thread::{Builder, JoinHandle},
};

thread_local! {
    /// Whether this is a thread of the library, which must never wait for itself.
    static OURS: Cell<bool> = const { Cell::new(false) };
}

/// Starts a named thread. A panic in it is caught and told.
pub(super) fn spawn(
    name: &str,
    work: impl FnOnce() + Send + 'static,
    panicked: impl FnOnce(String) + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    // The system takes no zero byte in a name, which Kafka takes in one of a group.
    let name = name.replace('\0', "");
    Builder::new().name(name).spawn(move || {
        OURS.set(true);
        if let Err(panic) = catch_unwind(AssertUnwindSafe(work)) {
            panicked(panic_message(&*panic));
        }
    })
}

/// Whether the caller runs on a thread of the library, in a callback or a destructor.
pub(super) fn is_ours() -> bool {
    OURS.get()
}

/// What a panic said.
pub(super) fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_named_after_any_group() {
        let thread = spawn("kafka-\0-g", || (), |_| ()).unwrap();
        assert_eq!(thread.thread().name(), Some("kafka--g"));
        thread.join().unwrap();
    }
}
