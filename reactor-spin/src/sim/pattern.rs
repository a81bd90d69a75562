//! Names of hosts with stars in them.

/// Whether a name is one that a pattern stands for, in which each `*` is any text, be it none, and `|` is between several.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    pattern.split('|').any(|pattern| matches_one(pattern, name))
}

fn matches_one(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let Some(last) = parts.next_back() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_any_text() {
        for (pattern, name) in [
            ("*", ""),
            ("*", "a"),
            ("a", "a"),
            ("node-*", "node-1"),
            ("*-1", "node-1"),
            ("n*d*1", "node-1"),
            ("a*a", "aa"),
            ("**", "a"),
            ("a|b", "b"),
            ("a|b*", "a"),
            ("x|b*", "bc"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("", "a"),
            ("a", "ab"),
            ("node-*", "nod-1"),
            ("*-1", "node-12"),
            ("a*a", "a"),
            ("n*x*1", "node-1"),
            ("a|b", "a|b"),
            ("a|b*", "ab"),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }
}
