//! Atomics and locks that users' threads share with the coordinator. `models` puts others in their place, which
//! try every order of events.

#[cfg(not(all(test, shuttle)))]
pub(super) use {
    parking_lot::{Condvar, Mutex, MutexGuard},
    std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, AtomicUsize},
};

#[cfg(all(test, shuttle))]
pub(super) use {
    modelled::{Condvar, Mutex, MutexGuard},
    shuttle::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, AtomicUsize},
};

/// Shuttle's locks, in the manner of `parking_lot`.
#[cfg(all(test, shuttle))]
mod modelled {
    use std::{
        ops::{Deref, DerefMut},
        time::Duration,
    };

    use shuttle::sync;

    #[derive(Debug, Default)]
    pub(crate) struct Mutex<T>(sync::Mutex<T>);

    /// It lacks its lock only while a [`Condvar`] waits with it.
    pub(crate) struct MutexGuard<'a, T>(Option<sync::MutexGuard<'a, T>>);

    #[derive(Default)]
    pub(crate) struct Condvar(sync::Condvar);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            MutexGuard(Some(self.0.lock().expect("no holder panics")))
        }
    }

    impl<T> Deref for MutexGuard<'_, T> {
        type Target = T;

        fn deref(&self) -> &T {
            self.0.as_ref().expect("nobody looks while it waits")
        }
    }

    impl<T> DerefMut for MutexGuard<'_, T> {
        fn deref_mut(&mut self) -> &mut T {
            self.0.as_mut().expect("nobody looks while it waits")
        }
    }

    impl Condvar {
        pub(crate) fn new() -> Self {
            Self::default()
        }

        pub(crate) fn notify_all(&self) {
            self.0.notify_all();
        }

        /// Without the time: a model has no clock.
        pub(crate) fn wait_while_for<T>(
            &self,
            guard: &mut MutexGuard<'_, T>,
            condition: impl FnMut(&mut T) -> bool,
            _: Duration,
        ) {
            let own = guard.0.take().expect("it is waited with once at a time");
            let own = self.0.wait_while(own, condition);
            guard.0 = Some(own.expect("no holder panics"));
        }
    }
}
