//! The group consumer and the threads behind it.
