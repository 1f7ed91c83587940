//! Time stamps at the beginning of a text log's lines. Pure; no clock, no regex.
//!
//! Every reader takes the bytes that are left and gives back what lies behind what it took, or
//! nothing.

use jiff::civil::{Date, DateTime, Time as Clock};
use jiff::tz::{Offset, TimeZone};

use crate::model::Time;

/// What a stamp leaves out: the year and the zone.
#[derive(Clone, Debug)]
pub struct Calendar {
    /// A stamp without a year is of the last year in which it lies before `now`, give or take a day.
    pub now: Time,
    /// The zone of stamps that name none.
    pub zone: TimeZone,
}

/// How far a stamp without a year may lie in the future: zones and wrong clocks.
const TOLERANCE: std::time::Duration = std::time::Duration::from_hours(24);
/// How many years back a stamp without a year is looked for: 29 February comes after 8 at the
/// latest.
const YEARS_BACK: i16 = 8;
/// The longest short name of a month in any language, in bytes.
const MONTH_LIMIT: usize = 16;

/// Reads the stamp that `text` begins with, in one of the forms
/// `Mar  7 18:53:20`, `Oct 27 2015 09:24:46` (RFC 3164), `2015-04-16T18:02:50.321974+00:00`
/// (RFC 3339, also with a blank, without zone or with `/`), `[10/Oct/2000:13:55:36 -0700]` and
/// `[Sat Jun 01 11:23:08.123 2013]` (web servers).
pub(super) fn leading<'a>(text: &'a [u8], calendar: &Calendar) -> Option<(Time, &'a [u8])> {
    match text.first()? {
        b'[' => bracketed(text, calendar),
        byte if byte.is_ascii_digit() => iso(text, calendar),
        _ => bsd(text, calendar),
    }
}

/// Where in a line of an access log its stamp may begin: behind host, identity and user, which
/// are the client's to choose but for the host.
const ACCESS_STAMP_WITHIN: usize = 256;

/// Finds the stamp of an access log (`1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] "GET …`).
pub(super) fn access(line: &[u8], calendar: &Calendar) -> Option<Time> {
    let head = &line[..line.len().min(ACCESS_STAMP_WITHIN)];
    let at = memchr::memchr(b'[', head)?;
    clf(&line[at..], calendar).map(|(time, _)| time)
}

/// `2015-04-16T18:02:50.321974+00:00`.
pub(super) fn iso<'a>(text: &'a [u8], calendar: &Calendar) -> Option<(Time, &'a [u8])> {
    let (year, rest) = digits(text, 4)?;
    let separator = *rest.first()?;
    if separator != b'-' && separator != b'/' {
        return None;
    }
    let (month, rest) = digits(&rest[1..], 2)?;
    let (day, rest) = digits(rest.strip_prefix(&[separator])?, 2)?;
    let rest = rest
        .strip_prefix(b"T")
        .or_else(|| rest.strip_prefix(b" "))?;
    let (clock, rest) = clock(rest)?;
    let date = Date::new(small(year)?, small(month)?, small(day)?).ok()?;
    let (offset, rest) = offset(rest);
    Some((instant(date.to_datetime(clock), offset, calendar)?, rest))
}

/// `Mar  7 18:53:20`, `Oct 27 2015 09:24:46`.
fn bsd<'a>(text: &'a [u8], calendar: &Calendar) -> Option<(Time, &'a [u8])> {
    let (month, rest) = month(text)?;
    let (day, rest) = day(rest.strip_prefix(b" ")?)?;
    let rest = rest.strip_prefix(b" ")?;
    let (year, rest) = match digits(rest, 4) {
        Some((year, rest)) => (Some(small(year)?), rest.strip_prefix(b" ")?),
        None => (None, rest),
    };
    let (clock, rest) = clock(rest)?;
    let day = small(day)?;
    let time = match year {
        Some(year) => instant(
            Date::new(year, month, day).ok()?.to_datetime(clock),
            None,
            calendar,
        )?,
        None => without_year(month, day, clock, calendar)?,
    };
    Some((time, rest))
}

fn without_year(month: i8, day: i8, clock: Clock, calendar: &Calendar) -> Option<Time> {
    let latest = calendar.now.after(TOLERANCE);
    let micros = i64::try_from(latest.as_micros()).ok()?;
    let year = calendar
        .zone
        .to_datetime(jiff::Timestamp::from_microsecond(micros).ok()?)
        .year();
    (0..=YEARS_BACK)
        .filter_map(|back| Date::new(year - back, month, day).ok())
        .filter_map(|date| instant(date.to_datetime(clock), None, calendar))
        .find(|time| *time <= latest)
}

fn bracketed<'a>(text: &'a [u8], calendar: &Calendar) -> Option<(Time, &'a [u8])> {
    clf(text, calendar).or_else(|| {
        let text = text.strip_prefix(b"[")?;
        let (time, rest) = iso(text, calendar).or_else(|| ctime(text, calendar))?;
        Some((time, rest.strip_prefix(b"]")?))
    })
}

/// `[10/Oct/2000:13:55:36 -0700]`.
fn clf<'a>(text: &'a [u8], calendar: &Calendar) -> Option<(Time, &'a [u8])> {
    let (day, rest) = digits(text.strip_prefix(b"[")?, 2)?;
    let (month, rest) = month(rest.strip_prefix(b"/")?)?;
    let (year, rest) = digits(rest.strip_prefix(b"/")?, 4)?;
    let (clock, rest) = clock(rest.strip_prefix(b":")?)?;
    let (offset, rest) = offset(rest.strip_prefix(b" ").unwrap_or(rest));
    let date = Date::new(small(year)?, month, small(day)?).ok()?;
    let time = instant(date.to_datetime(clock), offset, calendar)?;
    Some((time, rest.strip_prefix(b"]")?))
}

/// `Sat Jun  1 11:23:08.123 2013` (ctime(3)).
pub(super) fn ctime<'a>(text: &'a [u8], calendar: &Calendar) -> Option<(Time, &'a [u8])> {
    let weekday = text.get(..4)?;
    if !weekday[..3].iter().all(u8::is_ascii_alphabetic) || weekday[3] != b' ' {
        return None;
    }
    let (month, rest) = month(&text[4..])?;
    let (day, rest) = day(rest.strip_prefix(b" ")?)?;
    let (clock, rest) = clock(rest.strip_prefix(b" ")?)?;
    let (year, rest) = digits(rest.strip_prefix(b" ")?, 4)?;
    let date = Date::new(small(year)?, month, small(day)?).ok()?;
    Some((instant(date.to_datetime(clock), None, calendar)?, rest))
}

/// `Mon 2026-01-05 10:00:00 CET`, `1767603600.123456`: journalctl(1) with `-o short-full` and
/// `-o short-unix`.
pub(super) fn journalctl<'a>(text: &'a [u8], calendar: &Calendar) -> Option<(Time, &'a [u8])> {
    if let [weekday @ .., b' '] = text.get(..4)? {
        let named = weekday.iter().all(u8::is_ascii_alphabetic);
        let (time, rest) = iso(&text[4..], calendar).filter(|_| named)?;
        let rest = rest.strip_prefix(b" ").unwrap_or(rest);
        let zone = rest.iter().take_while(|byte| byte.is_ascii_alphabetic());
        return Some((time, &rest[zone.count()..]));
    }
    let (seconds, rest) = text.split_at_checked(10)?;
    let (micros, rest) = rest.strip_prefix(b".")?.split_at_checked(6)?;
    let number = |digits: &[u8]| -> Option<u64> {
        let plain = digits.iter().all(u8::is_ascii_digit);
        std::str::from_utf8(digits)
            .ok()?
            .parse()
            .ok()
            .filter(|_| plain)
    };
    let micros = number(seconds)? * 1_000_000 + number(micros)?;
    Some((Time::from_micros(micros), rest))
}

/// What stands behind `Okt 05 10:00:00 `, the month in a language that journalctl(1) was asked in.
pub(super) fn behind_foreign(text: &[u8]) -> Option<&[u8]> {
    let end = text
        .iter()
        .take(MONTH_LIMIT)
        .position(|byte| *byte == b' ')?;
    let letters = |byte: &u8| byte.is_ascii_alphabetic() || !byte.is_ascii() || *byte == b'.';
    let (_, rest) = day(&text[end + 1..]).filter(|_| text[..end].iter().all(letters))?;
    let (_, rest) = clock(rest.strip_prefix(b" ")?)?;
    rest.strip_prefix(b" ")
}

/// ` 7`, `07`, `7`, `17`.
fn day(text: &[u8]) -> Option<(u16, &[u8])> {
    match text.strip_prefix(b" ") {
        Some(text) => digits(text, 1),
        None => digits(text, 2).or_else(|| digits(text, 1)),
    }
}

/// `18:53:20`, `18:53:20.123456`, `18:53:20,123`.
fn clock(text: &[u8]) -> Option<(Clock, &[u8])> {
    let (hour, rest) = digits(text, 2)?;
    let (minute, rest) = digits(rest.strip_prefix(b":")?, 2)?;
    let (second, mut rest) = digits(rest.strip_prefix(b":")?, 2)?;
    let mut nanos = 0;
    if let [b'.' | b',', fraction @ ..] = rest
        && fraction.first().is_some_and(u8::is_ascii_digit)
    {
        let mut scale = 100_000_000;
        rest = fraction;
        while let [digit @ b'0'..=b'9', behind @ ..] = rest {
            nanos += i32::from(digit - b'0') * scale;
            scale /= 10;
            rest = behind;
        }
    }
    // A leap second is the last one of its minute: the clock that counts ours has none.
    let second = second.min(59);
    let clock = Clock::new(small(hour)?, small(minute)?, small(second)?, nanos).ok()?;
    Some((clock, rest))
}

/// `Z`, `+02:00`, `-0700`, or nothing.
fn offset(text: &[u8]) -> (Option<Offset>, &[u8]) {
    let signed = |sign: i32, text| {
        let (hours, rest) = digits(text, 2)?;
        let (minutes, rest) = digits(rest.strip_prefix(b":").unwrap_or(rest), 2)?;
        let seconds = i32::from(hours) * 3600 + i32::from(minutes) * 60;
        Some((Offset::from_seconds(sign * seconds).ok()?, rest))
    };
    let found = match text {
        [b'Z', rest @ ..] => Some((Offset::UTC, rest)),
        [b'+', rest @ ..] => signed(1, rest),
        [b'-', rest @ ..] => signed(-1, rest),
        _ => None,
    };
    match found {
        Some((offset, rest)) => (Some(offset), rest),
        None => (None, text),
    }
}

fn instant(when: DateTime, offset: Option<Offset>, calendar: &Calendar) -> Option<Time> {
    let timestamp = match offset {
        Some(offset) => offset.to_timestamp(when),
        None => calendar.zone.to_timestamp(when),
    };
    let micros = u64::try_from(timestamp.ok()?.as_microsecond()).ok()?;
    Some(Time::from_micros(micros))
}

fn month(text: &[u8]) -> Option<(i8, &[u8])> {
    let name = text.get(..3)?;
    let names = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    let month = (1..)
        .zip(names.chunks(3))
        .find(|(_, month)| *month == name)?
        .0;
    Some((month, &text[3..]))
}

/// Exactly `count` digits, which must not go on, as a number.
fn digits(text: &[u8], count: usize) -> Option<(u16, &[u8])> {
    let (head, rest) = text.split_at_checked(count)?;
    let mut number = 0;
    for byte in head {
        if !byte.is_ascii_digit() {
            return None;
        }
        number = number * 10 + u16::from(byte - b'0');
    }
    Some((number, rest))
}

fn small<T: TryFrom<u16>>(number: u16) -> Option<T> {
    T::try_from(number).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar(now: &str) -> Calendar {
        let now: jiff::Timestamp = now.parse().expect("a stamp");
        let micros = u64::try_from(now.as_microsecond()).expect("after 1970");
        Calendar {
            now: Time::from_micros(micros),
            zone: TimeZone::UTC,
        }
    }

    fn read(text: &str, now: &str) -> Option<(String, String)> {
        let (time, rest) = leading(text.as_bytes(), &calendar(now))?;
        Some((time.to_string(), String::from_utf8_lossy(rest).into_owned()))
    }

    #[test]
    fn stamps_are_read_in_all_their_forms() {
        for (text, time) in [
            ("Mar  7 18:53:20 x", "2024-03-07T18:53:20.000000Z"),
            ("Mar 07 18:53:20.5 x", "2024-03-07T18:53:20.500000Z"),
            ("Oct 27 2015 09:24:46 x", "2015-10-27T09:24:46.000000Z"),
            (
                "2015-04-16T18:02:50.321974+02:00 x",
                "2015-04-16T16:02:50.321974Z",
            ),
            ("2015-04-16T18:02:50Z x", "2015-04-16T18:02:50.000000Z"),
            ("2013-11-16 21:59:30,121 x", "2013-11-16T21:59:30.121000Z"),
            ("2016/09/30 08:36:06 x", "2016-09-30T08:36:06.000000Z"),
            (
                "2016-11-20T00:04:00.110+0100 x",
                "2016-11-19T23:04:00.110000Z",
            ),
            (
                "[10/Oct/2000:13:55:36 -0700] x",
                "2000-10-10T20:55:36.000000Z",
            ),
            (
                "[Sat Jun 01 11:23:08 2013] x",
                "2013-06-01T11:23:08.000000Z",
            ),
            (
                "[Wed Dec 18 15:23:15.495667 2024] x",
                "2024-12-18T15:23:15.495667Z",
            ),
            ("[2024-08-31 02:11:28.562] x", "2024-08-31T02:11:28.562000Z"),
            ("2016-12-31T23:59:60Z x", "2016-12-31T23:59:59.000000Z"),
        ] {
            let read = read(text, "2024-06-01T00:00:00Z");
            assert_eq!(read, Some((time.to_owned(), " x".to_owned())), "{text}");
        }
        for text in [
            "",
            "Mar",
            "Mar 7",
            "Foo  7 18:53:20",
            "Mar 32 18:53:20",
            "Feb 30 00:00:00",
            "2015-04-16",
            "2015-13-16T18:02:50Z",
            "[",
            "[]",
            "[Sat Jun 01]",
            "20150416T180250",
        ] {
            assert_eq!(read(text, "2024-06-01T00:00:00Z"), None, "{text}");
        }
    }

    #[test]
    fn a_stamp_without_a_year_is_of_the_last_one_that_fits() {
        for (text, now, time) in [
            (
                "Dec 31 23:59:59",
                "2024-01-01T00:00:01Z",
                "2023-12-31T23:59:59.000000Z",
            ),
            (
                "Jan  1 00:00:01",
                "2023-12-31T23:59:59Z",
                "2024-01-01T00:00:01.000000Z",
            ),
            (
                "Mar  3 00:00:00",
                "2024-03-01T12:00:00Z",
                "2023-03-03T00:00:00.000000Z",
            ),
            (
                "Feb 29 00:00:00",
                "2023-06-01T00:00:00Z",
                "2020-02-29T00:00:00.000000Z",
            ),
        ] {
            assert_eq!(
                read(text, now).map(|read| read.0).as_deref(),
                Some(time),
                "{text} {now}"
            );
        }
    }

    #[test]
    fn an_access_log_has_its_stamp_inside() {
        let calendar = calendar("2024-06-01T00:00:00Z");
        let line = br#"192.0.2.1 - bob [10/Oct/2000:13:55:36 +0000] "GET / HTTP/1.1" 200 5"#;
        let time = access(line, &calendar).expect("a stamp");
        assert_eq!(time.to_string(), "2000-10-10T13:55:36.000000Z");
        assert_eq!(access(b"192.0.2.1 - - \"GET /\"", &calendar), None);
    }
}
