//! The group consumer and the thread behind it.
