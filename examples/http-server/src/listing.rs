//! The page that lists a folder.

use std::fmt::Write;

use crate::folder::Entry;

// A long name has no place where it would be broken, and spaces that stand for themselves.
const STYLE: &str = ":root{color-scheme:light dark}\
body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:50rem;padding:0 1rem}\
h1,a{overflow-wrap:anywhere;white-space:pre-wrap}\
table{border-collapse:collapse;width:100%}td{padding:.2rem .5rem;border-bottom:1px solid #8884}\
td+td{text-align:right;white-space:nowrap;color:#888}a{text-decoration:none}a:hover{text-decoration:underline}\
@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}a{color:#8bf}}";

/// Folders first, then files, each by name. `path` is that of the request, decoded.
pub(crate) fn page(path: &str, mut entries: Vec<Entry>) -> String {
    entries.sort_by(|(one, about), (other, others)| {
        (!about.is_dir(), one).cmp(&(!others.is_dir(), other))
    });
    let title = Escaped(path);
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>{title}</title><style>{STYLE}</style></head>\n<body><h1>{title}</h1><table>\n"
    );
    if path != "/" {
        page.push_str("<tr><td><a href=\"../\">../</a></td><td></td></tr>\n");
    }
    for (name, about) in entries {
        // What is no text has no URL that would find it again.
        let Some(name) = name.to_str() else { continue };
        let (slash, size) = match about.is_dir() {
            true => ("/", String::new()),
            false => ("", size(about.len())),
        };
        let (href, shown) = (Encoded(name), Escaped(name));
        let _ = writeln!(
            page,
            "<tr><td><a href=\"./{href}{slash}\">{shown}{slash}</a></td><td>{size}</td></tr>"
        );
    }
    page.push_str("</table></body></html>\n");
    page
}

fn size(bytes: u64) -> String {
    let mut amount = bytes as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if amount < 1024.0 {
            return match unit {
                "B" => format!("{bytes} B"),
                _ => format!("{amount:.1} {unit}"),
            };
        }
        amount /= 1024.0;
    }
    format!("{amount:.1} TiB")
}

/// For HTML, in text and in attributes.
struct Escaped<'a>(&'a str);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for char in self.0.chars() {
            match char {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                char => f.write_char(char)?,
            }
        }
        Ok(())
    }
}

/// For an element of a URL's path. What is left as it is needs no escape in HTML either.
struct Encoded<'a>(&'a str);

impl std::fmt::Display for Encoded<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for byte in self.0.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    f.write_char(byte.into())?;
                }
                byte => write!(f, "%{byte:02X}")?,
            }
        }
        Ok(())
    }
}

/// The path as it was before somebody has encoded it for a URL, or `None` if it is no text, has a NUL, or an
/// escape that is none.
pub(crate) fn decode(path: &str) -> Option<String> {
    let mut bytes = path.bytes();
    let mut decoded = Vec::with_capacity(path.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(decoded)
        .ok()
        .filter(|path| !path.contains('\0'))
}

/// Names in URLs, for folders that are moved: the path of a request with a slash at its end. Two slashes at its
/// beginning would be the name of another server.
pub(crate) fn with_slash(path: &str) -> String {
    format!("/{}/", path.trim_matches('/'))
}
