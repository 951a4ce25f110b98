//! Bytes as a hostile or broken peer sends them.

use super::*;

const CLASSIC: bool = false;
const FLEXIBLE: bool = true;

fn decoder(bytes: &[u8], flexible: bool) -> Decoder<'_> {
    Decoder::new(bytes, 0, flexible)
}

fn read<T: Wire + std::fmt::Debug>(bytes: &[u8], flexible: bool) -> Result<T, ErrorKind> {
    decoder(bytes, flexible)
        .decode_whole()
        .map_err(|error| error.kind())
}

fn write(value: &impl Wire, flexible: bool) -> Vec<u8> {
    let mut encoder = Encoder::new(0, flexible);
    value.encode(&mut encoder).unwrap();
    encoder.into_bytes()
}

#[track_caller]
fn refusal<T: Wire + std::fmt::Debug>(bytes: &[u8], flexible: bool) -> ErrorKind {
    read::<T>(bytes, flexible).unwrap_err()
}

#[track_caller]
fn round_trip<T: Wire + PartialEq + std::fmt::Debug>(value: &T, classic: &[u8], flexible: &[u8]) {
    assert_eq!(write(value, CLASSIC), classic);
    assert_eq!(write(value, FLEXIBLE), flexible);
    assert_eq!(read::<T>(classic, CLASSIC).as_ref(), Ok(value));
    assert_eq!(read::<T>(flexible, FLEXIBLE).as_ref(), Ok(value));
}

#[test]
fn values_have_the_bytes_that_the_protocol_guide_gives_them() {
    round_trip(&true, &[1], &[1]);
    round_trip(&-2_i8, &[0xfe], &[0xfe]);
    round_trip(&0x0102_i16, &[1, 2], &[1, 2]);
    round_trip(&0xfffe_u16, &[0xff, 0xfe], &[0xff, 0xfe]);
    round_trip(
        &-2_i32,
        &[0xff, 0xff, 0xff, 0xfe],
        &[0xff, 0xff, 0xff, 0xfe],
    );
    round_trip(&0x0102_0304_u32, &[1, 2, 3, 4], &[1, 2, 3, 4]);
    round_trip(
        &(1_i64 << 32),
        &[0, 0, 0, 1, 0, 0, 0, 0],
        &[0, 0, 0, 1, 0, 0, 0, 0],
    );
    round_trip(
        &1.5_f64,
        &[0x3f, 0xf8, 0, 0, 0, 0, 0, 0],
        &[0x3f, 0xf8, 0, 0, 0, 0, 0, 0],
    );
    round_trip(&"é".to_owned(), &[0, 2, 0xc3, 0xa9], &[3, 0xc3, 0xa9]);
    round_trip(&None::<String>, &[0xff, 0xff], &[0]);
    round_trip(&vec![7_u8], &[0, 0, 0, 1, 7], &[2, 7]);
    round_trip(&None::<Vec<u8>>, &[0xff; 4], &[0]);
    round_trip(&vec![7_i16, 8], &[0, 0, 0, 2, 0, 7, 0, 8], &[3, 0, 7, 0, 8]);
    round_trip(&None::<Vec<i16>>, &[0xff; 4], &[0]);
    round_trip(&Some(vec![true]), &[0, 0, 0, 1, 1], &[2, 1]);
}

#[test]
fn any_byte_but_zero_is_true() {
    assert_eq!(read::<bool>(&[0x80], CLASSIC), Ok(true));
}

#[test]
fn a_uuid_is_shown_in_hexadecimal_groups() {
    let uuid = Uuid(std::array::from_fn(|index| index as u8));
    assert_eq!(uuid.to_string(), "00010203-0405-0607-0809-0a0b0c0d0e0f");
    assert!(Uuid::ZERO.is_zero() && !uuid.is_zero());
}

#[test]
fn varints_reach_the_ends_of_their_types() {
    for value in [0, 1, -1, 63, -64, 64, i32::MAX, i32::MIN] {
        let mut encoder = Encoder::new(0, CLASSIC);
        encoder.write_varint(value);
        assert_eq!(
            decoder(&encoder.into_bytes(), CLASSIC).read_varint(),
            Ok(value)
        );
    }
    for value in [0, -1, i64::MAX, i64::MIN] {
        let mut encoder = Encoder::new(0, CLASSIC);
        encoder.write_varlong(value);
        assert_eq!(
            decoder(&encoder.into_bytes(), CLASSIC).read_varlong(),
            Ok(value)
        );
    }
    let mut encoder = Encoder::new(0, CLASSIC);
    encoder.write_unsigned_varint(300);
    encoder.write_varint(-64);
    assert_eq!(encoder.into_bytes(), [0xac, 0x02, 0x7f]);
}

#[test]
fn a_varint_that_is_too_wide_or_does_not_end_is_an_error() {
    let unsigned = |bytes| {
        decoder(bytes, CLASSIC)
            .read_unsigned_varint()
            .map_err(|e| e.kind())
    };
    assert_eq!(unsigned(&[0xff, 0xff, 0xff, 0xff, 0x0f]), Ok(u32::MAX));
    assert_eq!(
        unsigned(&[0xff, 0xff, 0xff, 0xff, 0x1f]),
        Err(ErrorKind::VarintOverflow)
    );
    assert_eq!(
        unsigned(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x00]),
        Err(ErrorKind::VarintOverflow)
    );
    assert_eq!(
        unsigned(&[0x80]),
        Err(ErrorKind::Truncated {
            needed: 1,
            remaining: 0
        })
    );

    let varlong = |last| {
        let bytes = [&[0xff; 9][..], &[last]].concat();
        decoder(&bytes, CLASSIC)
            .read_varlong()
            .map_err(|e| e.kind())
    };
    assert_eq!(varlong(0x01), Ok(i64::MIN));
    assert_eq!(varlong(0x02), Err(ErrorKind::VarintOverflow));
    assert_eq!(varlong(0x81), Err(ErrorKind::VarintOverflow));
}

#[test]
fn a_count_that_the_rest_cannot_hold_is_refused_before_anything_is_reserved() {
    let refused = |count, remaining| ErrorKind::CountBeyondInput { count, remaining };
    let max = i32::MAX as usize;
    assert_eq!(
        refusal::<Vec<i64>>(&[0x7f, 0xff, 0xff, 0xff, 0, 0], CLASSIC),
        refused(max, 2)
    );
    assert_eq!(
        refusal::<Vec<i64>>(&[0xff, 0xff, 0xff, 0xff, 0x0f], FLEXIBLE),
        refused(0xffff_fffe, 0)
    );
    // Fifteen bytes are not two elements of eight.
    let two = [&[0, 0, 0, 2][..], &[0; 15]].concat();
    assert_eq!(refusal::<Vec<i64>>(&two, CLASSIC), refused(2, 15));
    // A classic string takes two bytes at least, a compact one one.
    assert_eq!(
        refusal::<Vec<String>>(&[0, 0, 0, 2, 0, 0, 0], CLASSIC),
        refused(2, 3)
    );
    assert_eq!(refusal::<Vec<String>>(&[4, 1, 1], FLEXIBLE), refused(3, 2));
}

#[test]
fn an_array_may_be_longer_than_what_is_reserved_for_it() {
    let elements: Vec<i16> = (0..1000).collect();
    const { assert!(PREALLOCATED < 1000) };
    let read: Vec<i16> = read(&write(&elements, FLEXIBLE), FLEXIBLE).unwrap();
    assert_eq!(read, elements);
    assert_eq!(read.capacity(), 1000, "it has room for no more");
}

fn within<T: Wire>(bytes: &[u8], array_bytes: usize) -> Result<T, ErrorKind> {
    let input = Input {
        array_bytes,
        ..bytes.into()
    };
    let read = Decoder::of(input, 0, FLEXIBLE).decode_whole();
    read.map_err(|error| error.kind())
}

#[test]
fn arrays_have_so_much_memory_and_not_a_byte_more() {
    let elements: Vec<i64> = vec![1, 2, 3];
    let bytes = write(&elements, FLEXIBLE);
    assert_eq!(within(&bytes, 24), Ok(elements));
    let refused = ErrorKind::ArraysTooLarge {
        bytes: 24,
        room: 23,
    };
    assert_eq!(within::<Vec<i64>>(&bytes, 23), Err(refused));
    // What is refused is not read: these bytes hold no element.
    let nothing = [&[101][..], &[0; 100]].concat();
    let string = size_of::<String>();
    let refused = ErrorKind::ArraysTooLarge {
        bytes: 100 * string,
        room: 99 * string,
    };
    assert_eq!(within::<Vec<String>>(&nothing, 99 * string), Err(refused));
}

#[test]
fn arrays_in_arrays_share_the_memory() {
    let nested: Vec<Vec<i32>> = vec![vec![1, 2], vec![], vec![3]];
    let bytes = write(&nested, FLEXIBLE);
    let needed = 3 * size_of::<Vec<i32>>() + 3 * size_of::<i32>();
    assert_eq!(within(&bytes, needed), Ok(nested));
    let refused = ErrorKind::ArraysTooLarge { bytes: 4, room: 3 };
    assert_eq!(within::<Vec<Vec<i32>>>(&bytes, needed - 1), Err(refused));
}

#[test]
fn arrays_in_tagged_fields_share_the_memory() {
    // Two tagged fields, each an array of two numbers.
    let bytes = [2, 0, 5, 3, 0, 1, 0, 2, 1, 5, 3, 0, 3, 0, 4];
    let read = |array_bytes| {
        let input = Input {
            array_bytes,
            ..bytes[..].into()
        };
        Decoder::of(input, 0, FLEXIBLE)
            .read_tagged_fields(|_, value| value.read_array::<i16>().map(|_| true))
            .map_err(|error| error.kind())
    };
    assert_eq!(read(8), Ok(()));
    let refused = ErrorKind::ArraysTooLarge { bytes: 4, room: 3 };
    assert_eq!(read(7), Err(refused));
}

#[test]
fn a_length_beyond_the_rest_is_refused() {
    let truncated = |needed, remaining| ErrorKind::Truncated { needed, remaining };
    assert_eq!(
        refusal::<String>(&[0x7f, 0xff, b'a'], CLASSIC),
        truncated(0x7fff, 1)
    );
    assert_eq!(refusal::<String>(&[5, b'a'], FLEXIBLE), truncated(4, 1));
    assert_eq!(
        refusal::<Vec<u8>>(&[0x7f, 0xff, 0xff, 0xff], CLASSIC),
        truncated(0x7fff_ffff, 0)
    );
    let max = [0xff, 0xff, 0xff, 0xff, 0x0f];
    assert_eq!(
        refusal::<Vec<u8>>(&max, FLEXIBLE),
        truncated(0xffff_fffe, 0)
    );
}

#[test]
fn a_negative_length_is_null_or_an_error() {
    assert_eq!(read::<Option<String>>(&[0xff, 0xff], CLASSIC), Ok(None));
    let minus_two = [0xff, 0xff, 0xff, 0xfe];
    assert_eq!(
        read::<Option<String>>(&minus_two[2..], CLASSIC),
        Err(ErrorKind::NegativeLength(-2))
    );
    assert_eq!(
        read::<Option<Vec<u8>>>(&minus_two, CLASSIC),
        Err(ErrorKind::NegativeLength(-2))
    );
    assert_eq!(
        read::<Option<Vec<i32>>>(&minus_two, CLASSIC),
        Err(ErrorKind::NegativeLength(-2))
    );
}

#[test]
fn null_is_an_error_for_a_type_that_has_none() {
    assert_eq!(
        read::<String>(&[0xff, 0xff], CLASSIC),
        Err(ErrorKind::UnexpectedNull)
    );
    assert_eq!(
        read::<Vec<u8>>(&[0], FLEXIBLE),
        Err(ErrorKind::UnexpectedNull)
    );
    assert_eq!(
        read::<Vec<i32>>(&[0], FLEXIBLE),
        Err(ErrorKind::UnexpectedNull)
    );
}

#[test]
fn a_string_is_utf_8() {
    assert_eq!(
        read::<String>(&[0, 1, 0xff], CLASSIC),
        Err(ErrorKind::InvalidUtf8)
    );
}

#[test]
fn unknown_tagged_fields_are_skipped() {
    let mut decoder = decoder(&[2, 9, 3, 1, 2, 3, 1, 2, 0, 42], FLEXIBLE);
    let mut found = None;
    let read = decoder.read_tagged_fields(|tag, value| match tag {
        1 => {
            found = Some(value.read_i16()?);
            Ok(true)
        }
        _ => Ok(false),
    });
    assert_eq!(read, Ok(()));
    assert_eq!(found, Some(42));
    assert_eq!(decoder.finish(), Ok(()));
}

#[test]
fn a_tagged_field_cannot_reach_beyond_its_size() {
    let read = |bytes: &[u8]| {
        decoder(bytes, FLEXIBLE)
            .read_tagged_fields(|_, value| value.read_i16().map(|_| true))
            .map_err(|error| error.kind())
    };
    assert_eq!(
        read(&[1, 0, 1, 7, 7]),
        Err(ErrorKind::Truncated {
            needed: 2,
            remaining: 1
        })
    );
    assert_eq!(read(&[1, 0, 3, 7, 7, 7]), Err(ErrorKind::TrailingBytes(1)));
    assert_eq!(
        read(&[1, 0, 9, 7]),
        Err(ErrorKind::Truncated {
            needed: 9,
            remaining: 1
        })
    );
}

#[test]
fn a_count_of_tagged_fields_that_lies_ends_with_the_bytes() {
    let read = decoder(&[0xff, 0xff, 0xff, 0xff, 0x0f, 1, 0], FLEXIBLE)
        .read_tagged_fields(|_, _| Ok(false));
    assert_eq!(
        read.unwrap_err().kind(),
        ErrorKind::Truncated {
            needed: 1,
            remaining: 0
        }
    );
}

#[test]
fn a_string_that_its_prefix_cannot_express_is_not_written() {
    let long = "x".repeat(i16::MAX as usize + 1);
    let error = long.encode(&mut Encoder::new(0, CLASSIC)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLong(0x8000));
    assert_eq!(read::<String>(&write(&long, FLEXIBLE), FLEXIBLE), Ok(long));
}

#[test]
fn spans_count_from_the_start_of_the_frame_also_in_a_tagged_field() {
    let frame = [1, 0, 3, 3, b'o', b'k'];
    let mut span = None;
    decoder(&frame, FLEXIBLE)
        .read_tagged_fields(|_, value| {
            span = value.read_nullable_span()?;
            Ok(true)
        })
        .unwrap();
    assert_eq!(&frame[span.unwrap()], b"ok");
}
