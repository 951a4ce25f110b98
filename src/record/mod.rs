//! Record batches: reading, checking and writing them.
