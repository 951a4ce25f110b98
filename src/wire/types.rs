use std::fmt;

use super::{Decoder, Encoder, Result, Wire};

/// A topic id (KIP-516) or another 128-bit id of the protocol.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Uuid(pub [u8; 16]);

impl Uuid {
    /// The id that stands for none.
    pub const ZERO: Self = Self([0; 16]);

    /// Whether this stands for no id.
    pub fn is_zero(&self) -> bool {
        *self == Self::ZERO
    }
}

/// As in RFC 9562. Kafka's tools print the same bytes in base64.
impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

macro_rules! fixed_size {
    ($($type:ty, $size:literal, $write:ident, $read:ident;)+) => {$(
        impl Wire for $type {
            fn encode(&self, encoder: &mut Encoder) -> Result<()> {
                encoder.$write(*self);
                Ok(())
            }

            fn decode(decoder: &mut Decoder<'_>) -> Result<Self> {
                decoder.$read()
            }

            fn min_size(_: i16, _: bool) -> usize {
                $size
            }
        }
    )+};
}

// There is no u8, on purpose: a `Vec<u8>` is bytes, any other `Vec` an array.
fixed_size! {
    bool, 1, write_bool, read_bool;
    i8, 1, write_i8, read_i8;
    i16, 2, write_i16, read_i16;
    u16, 2, write_u16, read_u16;
    i32, 4, write_i32, read_i32;
    u32, 4, write_u32, read_u32;
    i64, 8, write_i64, read_i64;
    f64, 8, write_f64, read_f64;
    Uuid, 16, write_uuid, read_uuid;
}

impl Wire for String {
    fn encode(&self, encoder: &mut Encoder) -> Result<()> {
        encoder.write_nullable_string(Some(self))
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self> {
        decoder.read_string().map(str::to_owned)
    }

    fn min_size(_: i16, flexible: bool) -> usize {
        if flexible { 1 } else { 2 }
    }
}

impl Wire for Option<String> {
    fn encode(&self, encoder: &mut Encoder) -> Result<()> {
        encoder.write_nullable_string(self.as_deref())
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self> {
        Ok(decoder.read_nullable_string()?.map(str::to_owned))
    }

    fn min_size(version: i16, flexible: bool) -> usize {
        String::min_size(version, flexible)
    }

    fn is_null(&self) -> bool {
        self.is_none()
    }
}

impl Wire for Vec<u8> {
    fn encode(&self, encoder: &mut Encoder) -> Result<()> {
        encoder.write_nullable_bytes(Some(self))
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self> {
        decoder.read_bytes().map(<[u8]>::to_vec)
    }

    fn min_size(_: i16, flexible: bool) -> usize {
        if flexible { 1 } else { 4 }
    }
}

impl Wire for Option<Vec<u8>> {
    fn encode(&self, encoder: &mut Encoder) -> Result<()> {
        encoder.write_nullable_bytes(self.as_deref())
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self> {
        Ok(decoder.read_nullable_bytes()?.map(<[u8]>::to_vec))
    }

    fn min_size(version: i16, flexible: bool) -> usize {
        Vec::<u8>::min_size(version, flexible)
    }

    fn is_null(&self) -> bool {
        self.is_none()
    }
}

impl<T: Wire> Wire for Vec<T> {
    fn encode(&self, encoder: &mut Encoder) -> Result<()> {
        encoder.write_nullable_array(Some(self))
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self> {
        decoder.read_array()
    }

    fn min_size(_: i16, flexible: bool) -> usize {
        if flexible { 1 } else { 4 }
    }
}

impl<T: Wire> Wire for Option<Vec<T>> {
    fn encode(&self, encoder: &mut Encoder) -> Result<()> {
        encoder.write_nullable_array(self.as_deref())
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self> {
        decoder.read_nullable_array()
    }

    fn min_size(version: i16, flexible: bool) -> usize {
        Vec::<T>::min_size(version, flexible)
    }

    fn is_null(&self) -> bool {
        self.is_none()
    }
}
