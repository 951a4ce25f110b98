//! Names that are never used twice.

use crate::call::Token;

/// One turn at one partition. A partition that comes back is another claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClaimId(pub u64);

/// Gives out the tokens of one engine.
#[derive(Debug, Default)]
pub struct Tokens(u64);

impl Tokens {
    /// A range of its own for a part that names its calls by itself.
    pub fn above(token: Token) -> Self {
        Self(token.0)
    }

    /// A token that was not given before.
    pub fn fresh(&mut self) -> Token {
        self.0 += 1;
        Token(self.0)
    }
}
