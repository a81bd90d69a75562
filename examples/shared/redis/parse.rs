//! Commands as clients send them.

use core::str;

/// A command, all of it there.
#[derive(Clone, Copy)]
pub(crate) struct Command<'a> {
    bytes: &'a [u8],
    /// How many words there are; `None`: a line of text.
    count: Option<usize>,
}

impl<'a> Command<'a> {
    pub(crate) fn words(&self) -> impl Iterator<Item = &'a [u8]> + Clone {
        let mut rest = self.bytes;
        let mut left = self.count.unwrap_or(usize::MAX);
        let inline = self.count.is_none();
        core::iter::from_fn(move || {
            left = left.checked_sub(1)?;
            if inline {
                let blank = |byte: &u8| byte.is_ascii_whitespace();
                let start = rest.iter().position(|byte| !blank(byte))?;
                rest = &rest[start..];
                let end = rest.iter().position(blank).unwrap_or(rest.len());
                let (word, behind) = rest.split_at(end);
                rest = behind;
                return Some(word);
            }
            let (head, start) = line(rest, 0)?;
            let length = usize::try_from(integer(head.get(1..)?)?).ok()?;
            let word = rest.get(start..start + length)?;
            rest = rest.get(start + length + 2..)?;
            Some(word)
        })
    }
}

/// What is no command, in the words of Redis.
pub(crate) enum Wrong {
    Says(&'static str),
    Expected(u8),
}

/// Takes the first command of `input`, and says how many bytes it was; `None`: it is not all here. It cannot
/// be longer than `most`.
pub(crate) fn parse(input: &[u8], most: usize) -> Result<Option<(Command<'_>, usize)>, Wrong> {
    let too_big = |what| {
        if input.len() < most {
            Ok(None)
        } else {
            Err(Wrong::Says(what))
        }
    };
    let Some((head, mut at)) = line(input, 0) else {
        return too_big(match input.first() {
            Some(b'*') => "too big mbulk count string",
            _ => "too big inline request",
        });
    };
    let Some(count) = head.strip_prefix(b"*") else {
        let (bytes, count) = (head, None);
        return Ok(Some((Command { bytes, count }, at)));
    };
    // None is shorter than this one.
    let shortest = b"$0\r\n\r\n".len() as i64;
    let count = integer(count).filter(|count| *count <= most as i64 / shortest);
    let count = count.ok_or(Wrong::Says("invalid multibulk length"))?;
    // Nothing, which Redis does not mind.
    let count = usize::try_from(count).unwrap_or(0);
    let first = at;
    for _ in 0..count {
        let Some((head, start)) = line(input, at) else {
            return match input.get(at) {
                Some(&other) if other != b'$' => Err(Wrong::Expected(other)),
                _ => too_big("too big bulk count string"),
            };
        };
        let length = match head.split_first() {
            Some((b'$', length)) => integer(length),
            other => return Err(Wrong::Expected(other.map_or(b'\r', |(first, _)| *first))),
        };
        let length = length.and_then(|length| usize::try_from(length).ok());
        let end = length.and_then(|length| start.checked_add(length)?.checked_add(2));
        let end = end.filter(|end| *end <= most);
        let end = end.ok_or(Wrong::Says("invalid bulk length"))?;
        match input.get(end - 2..end) {
            None => return Ok(None),
            Some(b"\r\n") => {}
            Some(_) => return Err(Wrong::Says("a word has no end")),
        }
        at = end;
    }
    let (bytes, count) = (&input[first..at], Some(count));
    Ok(Some((Command { bytes, count }, at)))
}

/// The line that begins at `start`, and where the next one does.
fn line(input: &[u8], start: usize) -> Option<(&[u8], usize)> {
    let rest = input.get(start..)?;
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    let line = &rest[..end];
    Some((line.strip_suffix(b"\r").unwrap_or(line), start + end + 1))
}

/// A number as Redis takes it: no sign but a minus, no zeros in front, no blanks.
pub(crate) fn integer(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let plain = match digits {
        [b'0'] => text.len() == 1,
        [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    let text = str::from_utf8(text).ok().filter(|_| plain);
    text.and_then(|text| text.parse().ok())
}
