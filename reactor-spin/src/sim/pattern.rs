//! [`Pattern`]: hosts, or texts, that are meant by stars, alternatives or a regular expression.

use alloc::format;
use alloc::string::String;
use core::fmt;

use regex_lite::Regex;

/// Names that a text stands for: `*` in it is any text, be it none, and `|` is between several; one between two `/` is a
/// regular expression.
#[derive(Clone)]
pub(crate) struct Pattern {
    text: String,
    regex: Option<Regex>,
}

impl Pattern {
    /// Reads one.
    ///
    /// # Errors
    ///
    /// What is wrong with a regular expression.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let inner = text
            .strip_prefix('/')
            .and_then(|rest| rest.strip_suffix('/'));
        let regex = inner.map(Regex::new).transpose();
        Ok(Self {
            text: text.into(),
            regex: regex.map_err(|error| format!("{text} is no regular expression: {error}"))?,
        })
    }

    /// As [`parse`](Self::parse), for what a test gives.
    ///
    /// # Panics
    ///
    /// If it is a regular expression that is wrong.
    #[track_caller]
    pub(crate) fn new(text: &str) -> Self {
        match Self::parse(text) {
            Ok(pattern) => pattern,
            Err(error) => panic!("{error}"),
        }
    }

    /// As it was given.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Its text, if that is one name that stands for itself.
    pub(crate) fn as_name(&self) -> Option<&str> {
        let is_one = self.regex.is_none() && !self.text.contains(['*', '|']);
        is_one.then_some(&self.text)
    }

    /// Whether it is this name, or one of several of which one is.
    pub(crate) fn names(&self, name: &str) -> bool {
        self.regex.is_none() && self.text.split('|').any(|one| one == name)
    }

    /// Whether a name is one that it stands for.
    pub(crate) fn matches(&self, name: &str) -> bool {
        match &self.regex {
            Some(regex) => regex.is_match(name),
            None => self.text.split('|').any(|stars| matches(stars, name)),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

/// Whether a name is one that this stands for, in which each `*` is any text.
fn matches(stars: &str, name: &str) -> bool {
    let mut parts = stars.split('*');
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
    use alloc::string::ToString;

    fn matches(pattern: &str, name: &str) -> bool {
        Pattern::new(pattern).matches(name)
    }

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

    #[test]
    fn what_is_between_slashes_is_a_regular_expression() {
        for (pattern, name) in [
            ("//", "a"),
            ("/od/", "node-1"),
            ("/^node-[0-9]+$/", "node-12"),
            ("/^(node|store)-1$/", "store-1"),
            ("/a|b/", "xbx"),
            (r"/^\d{2}\.example$/", "42.example"),
            ("/^/", "/a/"),
            ("/", "/"),
            ("/a", "/a"),
            ("a/*", "a/b"),
            ("/a/|b", "b"),
            ("/a/|b", "/a/"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("/^node-[0-9]+$/", "node-x"),
            ("/^node-[0-9]+$/", "a node-1"),
            ("/a/", "/"),
            ("/", "a"),
            ("/a/|b", "a"),
            ("/x*y/", "xz"),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
        let error = Pattern::parse("/(/").unwrap_err();
        assert!(
            error.starts_with("/(/ is no regular expression: "),
            "{error}"
        );
        assert_eq!(Pattern::new("/a/").to_string(), "/a/");
    }

    #[test]
    fn a_name_stands_for_itself() {
        for (pattern, is_name) in [
            ("a", true),
            ("/", true),
            ("a/b", true),
            ("/a/", false),
            ("*", false),
            ("a|b", false),
        ] {
            assert_eq!(
                Pattern::new(pattern).as_name().is_some(),
                is_name,
                "{pattern}"
            );
        }
    }
}
