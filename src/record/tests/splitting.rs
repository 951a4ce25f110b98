//! Walking record sets.
