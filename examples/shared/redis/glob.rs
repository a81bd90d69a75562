//! Patterns of `KEYS` and `PSUBSCRIBE`: `*`, `?`, `[a-z]`, `[^a]`, `\*`.

/// Whether all of a text, given by its bytes, is what `pattern` says. Takes time proportional to the two lengths
/// multiplied.
pub(crate) fn matches(pattern: &[u8], text: impl Fn(usize) -> Option<u8>) -> bool {
    let (mut at, mut taken) = (0, 0);
    // Where to go on if it fails: behind the last `*`, which takes one byte more.
    let mut again: Option<(usize, usize)> = None;
    loop {
        if pattern.get(at) == Some(&b'*') {
            at += 1;
            again = Some((at, taken));
            continue;
        }
        let fits = match text(taken) {
            None if at == pattern.len() => return true,
            None => return false,
            Some(byte) => one(&pattern[at..], byte),
        };
        if let Some(length) = fits {
            at += length;
            taken += 1;
        } else if let Some((star, from)) = &mut again {
            *from += 1;
            (at, taken) = (*star, *from);
        } else {
            return false;
        }
    }
}

/// Whether a pattern begins with something that one byte is, and how long that something is.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match *pattern {
        [] => None,
        [b'?', ..] => Some(1),
        [b'\\', escaped, ..] => (escaped == byte).then_some(2),
        [b'[', ref class @ ..] => {
            let (inverted, class) = match class {
                [b'^', class @ ..] => (true, class),
                class => (false, class),
            };
            let mut rest = class;
            let mut found = false;
            loop {
                rest = match *rest {
                    [b'\\', escaped, ref rest @ ..] => {
                        found |= escaped == byte;
                        rest
                    }
                    [b']', ref rest @ ..] => {
                        return (found != inverted).then_some(pattern.len() - rest.len());
                    }
                    [from, b'-', to, ref rest @ ..] => {
                        found |= (from.min(to)..=from.max(to)).contains(&byte);
                        rest
                    }
                    [other, ref rest @ ..] => {
                        found |= other == byte;
                        rest
                    }
                    // Without an end it goes to the end of the pattern.
                    [] => return (found != inverted).then_some(pattern.len()),
                };
            }
        }
        [plain, ..] => (plain == byte).then_some(1),
    }
}
