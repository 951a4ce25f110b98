//! The `message!` macro: a struct of the protocol, said once, read and written from that.
//!
//! ```text
//! message! {
//!     /// Asks for a seat in the group.
//!     pub struct Request {
//!         group_id: String,
//!         rebalance_timeout_ms: i32 [1.., ignorable] = -1,
//!         group_instance_id: Option<String> [5..],
//!         metadata: Option<String> [2.., nullable 5..],
//!         cluster_id: Option<String> [12.., tag 0],
//!     }
//! }
//! ```
//!
//! Fields stand in the order of the wire. In brackets: the versions that have the field (all, if there is
//! no bracket) and what else is to say of it, see the methods of [`Spec`]. Behind `=` stands the value that a
//! field has when it is absent, if that is not the default of its type.

use std::{
    fmt,
    ops::{Bound, RangeBounds},
};

use crate::wire::{Decoder, Encoder, ErrorKind, Result, TaggedFields, Wire};

/// A struct that `message!` has declared.
pub trait Message: Wire + Clone + Default + PartialEq + fmt::Debug + Send + 'static {}

/// Which versions carry a field, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spec {
    name: &'static str,
    versions: Versions,
    nullable: Versions,
    tag: Option<u32>,
    ignorable: bool,
}

#[derive(Debug, Clone, Copy)]
struct Versions {
    first: i16,
    last: i16,
}

impl Spec {
    /// A field that `versions` have, nullable wherever its type is an `Option`.
    pub(super) fn new(name: &'static str, versions: impl RangeBounds<i16>) -> Self {
        let versions = Versions::new(&versions);
        Self {
            name,
            versions,
            nullable: versions,
            tag: None,
            ignorable: false,
        }
    }

    /// Only these versions can say null.
    pub(super) fn nullable(self, versions: impl RangeBounds<i16>) -> Self {
        Self {
            nullable: Versions::new(&versions),
            ..self
        }
    }

    /// The field stands in the tag section, and only if its value is not the default.
    pub(super) fn tag(self, tag: u32) -> Self {
        Self {
            tag: Some(tag),
            ..self
        }
    }

    /// A value is dropped in silence where the version has no place for it. Without this it is an error,
    /// because the receiver would act as if it had not been said.
    pub(super) fn ignorable(self) -> Self {
        Self {
            ignorable: true,
            ..self
        }
    }

    /// The tag, if the version has the field in its tag section.
    pub(super) fn tag_in(&self, version: i16) -> Option<u32> {
        self.tag.filter(|_| self.versions.contain(version))
    }

    /// Whether the version has the field in its fixed place.
    pub(super) fn is_in_place(&self, version: i16) -> bool {
        self.tag.is_none() && self.versions.contain(version)
    }

    /// Writes the field, or lays it aside for the tag section.
    pub(super) fn encode<T: Wire + PartialEq>(
        &self,
        value: &T,
        absent: impl FnOnce() -> T,
        encoder: &mut Encoder,
        tagged: &mut TaggedFields,
    ) -> Result<()> {
        let version = encoder.version();
        let outcome = if !self.versions.contain(version) {
            if self.ignorable || *value == absent() {
                Ok(())
            } else {
                Err(ErrorKind::NotInVersion(version).into())
            }
        } else if value.is_null() && !self.nullable.contain(version) {
            Err(ErrorKind::UnexpectedNull.into())
        } else if let Some(tag) = self.tag {
            if *value == absent() {
                Ok(())
            } else {
                encoder.write_tagged(tagged, tag, value)
            }
        } else {
            value.encode(encoder)
        };
        outcome.map_err(|error| error.at(self.name))
    }

    /// Reads the field where the cursor stands.
    pub(super) fn decode<T: Wire>(&self, decoder: &mut Decoder<'_>) -> Result<T> {
        let value = T::decode(decoder).and_then(|value| {
            if value.is_null() && !self.nullable.contain(decoder.version()) {
                return Err(ErrorKind::UnexpectedNull.into());
            }
            Ok(value)
        });
        value.map_err(|error| error.at(self.name))
    }

    /// The fewest bytes the field takes in its fixed place.
    pub(super) fn min_size<T: Wire>(&self, version: i16, flexible: bool) -> usize {
        if self.is_in_place(version) {
            T::min_size(version, flexible)
        } else {
            0
        }
    }

    /// A value for tests, the absent one where the version has none.
    #[cfg(any(test, feature = "testing"))]
    pub(super) fn sample<T>(&self, absent: T, sampler: &mut super::sample::Sampler) -> T
    where
        T: Wire + PartialEq + super::sample::Sample,
    {
        let version = sampler.version();
        let is_forbidden = |value: &T| value.is_null() && !self.nullable.contain(version);
        if !self.versions.contain(version) || (sampler.is_absent() && !is_forbidden(&absent)) {
            return absent;
        }
        loop {
            let value = T::sample(sampler);
            if value != absent && !is_forbidden(&value) {
                return value;
            }
        }
    }
}

impl Versions {
    fn new(range: &impl RangeBounds<i16>) -> Self {
        let first = match range.start_bound() {
            Bound::Included(&first) => first,
            Bound::Excluded(&before) => before + 1,
            Bound::Unbounded => 0,
        };
        let last = match range.end_bound() {
            Bound::Included(&last) => last,
            Bound::Excluded(&end) => end - 1,
            Bound::Unbounded => i16::MAX,
        };
        Self { first, last }
    }

    fn contain(&self, version: i16) -> bool {
        (self.first..=self.last).contains(&version)
    }
}

/// Declares structs of the protocol; the head of this file says how.
macro_rules! message {
    (@spec $name:expr) => {
        $crate::protocol::message::Spec::new($name, ..)
    };
    (@spec $name:expr, $versions:expr $(, $property:ident $($argument:expr)?)*) => {
        $crate::protocol::message::Spec::new($name, $versions)$(.$property($($argument)?))*
    };
    (@absent) => { Default::default() };
    (@absent $default:expr) => { $default };
    ($(
        $(#[$attribute:meta])*
        pub struct $Name:ident {$(
            $(#[$field_attribute:meta])*
            $field:ident: $type:ty $([$($spec:tt)+])? $(= $default:expr)?
        ),+ $(,)?}
    )+) => {$(
        $(#[$attribute])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $Name {$(
            $(#[$field_attribute])*
            #[allow(missing_docs)]
            pub $field: $type,
        )+}

        const _: () = {
            use $crate::{protocol::message::Spec, wire};

            /// What is declared of each field.
            struct Fields;

            impl Fields {$(
                #[inline]
                fn $field() -> Spec {
                    const NAME: &str =
                        concat!(module_path!(), "::", stringify!($Name), ".", stringify!($field));
                    message!(@spec NAME $(, $($spec)+)?)
                }
            )+}

            impl Default for $Name {
                fn default() -> Self {
                    Self { $($field: message!(@absent $($default)?)),+ }
                }
            }

            impl wire::Wire for $Name {
                fn encode(&self, encoder: &mut wire::Encoder) -> wire::Result<()> {
                    let mut tagged = wire::TaggedFields::default();
                    $(
                        let absent = || message!(@absent $($default)?);
                        Fields::$field().encode(&self.$field, absent, encoder, &mut tagged)?;
                    )+
                    if encoder.is_flexible() {
                        encoder.write_tagged_fields(&tagged)?;
                    }
                    Ok(())
                }

                fn decode(decoder: &mut wire::Decoder<'_>) -> wire::Result<Self> {
                    let version = decoder.version();
                    let mut message = Self::default();
                    $(
                        if Fields::$field().is_in_place(version) {
                            message.$field = Fields::$field().decode(decoder)?;
                        }
                    )+
                    if decoder.is_flexible() {
                        decoder.read_tagged_fields(|tag, decoder| {
                            $(
                                if Fields::$field().tag_in(version) == Some(tag) {
                                    message.$field = Fields::$field().decode(decoder)?;
                                    return Ok(true);
                                }
                            )+
                            Ok(false)
                        })?;
                    }
                    Ok(message)
                }

                fn min_size(version: i16, flexible: bool) -> usize {
                    // In flexible versions the count of tagged fields takes a byte.
                    let size = usize::from(flexible);
                    $(let size = size + Fields::$field().min_size::<$type>(version, flexible);)+
                    size
                }
            }

            impl $crate::protocol::Message for $Name {}

            #[cfg(any(test, feature = "testing"))]
            impl $crate::protocol::sample::Sample for $Name {
                fn sample(sampler: &mut $crate::protocol::sample::Sampler) -> Self {
                    Self { $($field: Fields::$field().sample(message!(@absent $($default)?), sampler)),+ }
                }

                fn own_records(&mut self, frame: &[u8]) {
                    $(self.$field.own_records(frame);)+
                }
            }
        };
    )+};
}
