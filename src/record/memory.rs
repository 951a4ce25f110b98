//! Memory for the bytes of batches, used again and again.
//!
//! A reader at full speed takes and gives back hundreds of megabytes a second. From the system's
//! allocator such pieces come as fresh pages, each with a fault and a page to zero, which costs more
//! than to copy the records.

use std::{
    fmt,
    ops::{Deref, Range},
    sync::{Arc, Weak},
};

use parking_lot::Mutex;

/// Keeps pieces of memory that nobody holds any more, up to a bound, and gives them out again.
///
/// A clone is the same store. What was given out comes back by itself, from any thread, also when
/// the store is gone.
#[derive(Debug, Clone, Default)]
pub struct Recycler(Arc<Store>);

/// Bytes that many can hold.
#[derive(Clone)]
pub struct Bytes(Holder);

#[derive(Clone)]
enum Holder {
    /// Too few to be kept.
    Few(Arc<[u8]>),
    /// Fewer still. What they are part of lasts as long as any part of it is held.
    Part {
        shared: Arc<[u8]>,
        range: Range<u16>,
    },
    Piece(Arc<Piece>),
}

#[derive(Debug, Default)]
struct Store(Mutex<Free>);

#[derive(Debug, Default)]
struct Free {
    /// What came back last is at the end.
    pieces: Vec<Vec<u8>>,
    bytes: usize,
}

struct Piece {
    /// Initialised as a whole, of which the first `len` bytes count.
    memory: Vec<u8>,
    len: usize,
    home: Weak<Store>,
}

/// Smaller pieces cost the allocator less than they would cost here.
const SMALLEST: usize = 16 * 1024;
/// What is kept at the most: more than what comes back between two answers of a broker.
const MOST_BYTES: usize = 8 << 20;
/// So much is taken before any of it has come.
const AT_ONCE: usize = 1 << 20;
/// So many pieces are looked at for one that fits.
const MOST_PIECES: usize = 128;

impl Recycler {
    /// Keeps nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A copy of these bytes.
    pub(super) fn copy(&self, bytes: &[u8]) -> Bytes {
        let len = bytes.len();
        if len < SMALLEST {
            return Bytes(Holder::Few(bytes.into()));
        }
        let memory = match self.0.take(len) {
            Some(mut memory) => {
                memory[..len].copy_from_slice(bytes);
                memory
            }
            None => bytes.to_vec(),
        };
        self.share(memory, len)
    }
}

impl Recycler {
    /// So many bytes, of which `head` are there and the rest are read by `fill`. Without a piece that
    /// was used before, memory grows with what has come.
    pub(super) fn read<E>(
        &self,
        len: usize,
        head: &[u8],
        mut fill: impl FnMut(&mut [u8]) -> Result<(), E>,
    ) -> Result<Bytes, E> {
        let mut there = head.len();
        let mut memory = self.0.take(len).unwrap_or_default();
        if memory.is_empty() {
            memory.resize(len.min(AT_ONCE), 0);
        }
        memory[..there].copy_from_slice(head);
        while there < len {
            if there == memory.len() {
                memory.resize(len.min(2 * there), 0);
            }
            let end = len.min(memory.len());
            fill(&mut memory[there..end])?;
            there = end;
        }
        Ok(self.share(memory, len))
    }

    fn share(&self, memory: Vec<u8>, len: usize) -> Bytes {
        Bytes(Holder::Piece(Arc::new(Piece {
            memory,
            len,
            home: Arc::downgrade(&self.0),
        })))
    }
}

impl Store {
    /// The smallest piece that holds so many bytes, if there is one that is not much too large.
    fn take(&self, len: usize) -> Option<Vec<u8>> {
        if len < SMALLEST {
            return None;
        }
        let mut free = self.0.lock();
        let fits = len..=len + len / 4;
        // Of equal ones that which was used last: more of it is in the processor's caches.
        let pieces = free.pieces.iter().map(Vec::len).enumerate().rev();
        let (index, size) = pieces
            .filter(|(_, size)| fits.contains(size))
            .min_by_key(|(_, size)| *size)?;
        free.bytes -= size;
        Some(free.pieces.remove(index))
    }

    fn give(&self, piece: Vec<u8>) {
        if !(SMALLEST..=MOST_BYTES).contains(&piece.len()) {
            return;
        }
        let mut free = self.0.lock();
        let mut spilled = Vec::new();
        while free.bytes + piece.len() > MOST_BYTES || free.pieces.len() == MOST_PIECES {
            // Sizes change with what producers send: what nobody has wanted for long goes.
            let oldest = free.pieces.remove(0);
            free.bytes -= oldest.len();
            spilled.push(oldest);
        }
        free.bytes += piece.len();
        free.pieces.push(piece);
        drop(free);
        // Freed behind the lock: that may be a call of the system.
        drop(spilled);
    }
}

impl Bytes {
    /// Some bytes of a piece that others have their parts of.
    pub(super) fn part(shared: &Arc<[u8]>, range: Range<u16>) -> Self {
        let shared = Arc::clone(shared);
        Self(Holder::Part { shared, range })
    }
}

impl Deref for Bytes {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match &self.0 {
            Holder::Few(bytes) => bytes,
            Holder::Part { shared, range } => {
                &shared[usize::from(range.start)..usize::from(range.end)]
            }
            Holder::Piece(piece) => &piece.memory[..piece.len],
        }
    }
}

impl Default for Bytes {
    fn default() -> Self {
        Self(Holder::Few(Arc::default()))
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(memory: Vec<u8>) -> Self {
        Self(Holder::Few(memory.into()))
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.len())
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        if let Some(home) = self.home.upgrade() {
            home.give(std::mem::take(&mut self.memory));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(recycler: &Recycler) -> (usize, usize) {
        let free = recycler.0.0.lock();
        let sizes = free.pieces.iter().map(Vec::len);
        assert_eq!(sizes.sum::<usize>(), free.bytes);
        (free.pieces.len(), free.bytes)
    }

    fn copies(recycler: &Recycler, count: usize, len: usize) -> Vec<Bytes> {
        (0..count)
            .map(|i| recycler.copy(&vec![i as u8; len]))
            .collect()
    }

    #[test]
    fn a_piece_is_used_again_when_the_last_one_has_let_go_of_it() {
        let recycler = Recycler::new();
        let first = recycler.copy(&[1; 20_000]);
        let place = first.as_ptr();
        let other = first.clone();
        drop(first);
        assert_eq!((kept(&recycler), &*other), ((0, 0), &[1; 20_000][..]));
        drop(other);
        assert_eq!(kept(&recycler), (1, 20_000));
        let second = recycler.copy(&[2; 17_000]);
        assert_eq!((second.as_ptr(), &*second), (place, &[2; 17_000][..]));
        assert_eq!(kept(&recycler), (0, 0));
        drop(second);
        assert_eq!(kept(&recycler), (1, 20_000), "its whole size counts");
    }

    #[test]
    fn of_pieces_that_fit_alike_the_one_that_came_back_last_is_used() {
        let recycler = Recycler::new();
        let [first, second] = [1, 2].map(|byte| recycler.copy(&[byte; 20_000]));
        let place = second.as_ptr();
        drop((first, second));
        assert_eq!(recycler.copy(&[3; 20_000]).as_ptr(), place);
    }

    #[test]
    fn a_piece_that_is_much_too_large_or_too_small_is_left() {
        let recycler = Recycler::new();
        drop(copies(&recycler, 1, 100_000));
        for len in [100_001, 70_000, 10] {
            assert_eq!(recycler.copy(&vec![0; len]).len(), len);
        }
        assert_eq!(kept(&recycler), (3, 270_001));
    }

    #[test]
    fn what_is_kept_is_bounded_and_the_oldest_goes() {
        let recycler = Recycler::new();
        drop(copies(&recycler, 3, 3 << 20));
        assert_eq!(kept(&recycler), (2, 6 << 20));
        drop(copies(&recycler, 200, SMALLEST));
        assert_eq!(kept(&recycler), (MOST_PIECES, MOST_PIECES * SMALLEST));
        drop(copies(&recycler, 1, MOST_BYTES + 1));
        assert_eq!(kept(&recycler).0, MOST_PIECES);
    }

    #[test]
    fn bytes_outlive_the_store() {
        let recycler = Recycler::new();
        let bytes = recycler.copy(&[7; 50_000]);
        drop(recycler);
        assert_eq!(&*bytes, &[7; 50_000]);
    }
}
