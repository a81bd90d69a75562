//! What strangers send to the file server, and what is on its command line: the line with the
//! name, the way from a name to a file, the options.
#![no_main]

#[allow(dead_code)]
#[path = "../../examples/shared/folder.rs"]
mod folder;
#[path = "../../examples/shared/line.rs"]
mod line;
#[allow(dead_code)]
#[path = "../../examples/shared/options.rs"]
mod options;

use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use line::{Line, MAX_NAME};

/// A folder with something to find in it, and something beside it that must not be found.
static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
    let place = std::env::temp_dir().join(format!("polliwog-fuzz-{}", std::process::id()));
    fs::create_dir_all(place.join("a/b")).expect("a folder");
    fs::write(place.join("c"), "secret").expect("a file");
    for name in ["a/c", "a/b/c"] {
        fs::write(place.join(name), "public").expect("a file");
    }
    #[cfg(unix)]
    for (target, name) in [("../c", "a/d"), ("b", "a/e"), ("..", "a/b/f"), ("g", "a/g")] {
        let _ = std::os::unix::fs::symlink(target, place.join(name));
    }
    place.join("a").canonicalize().expect("just made")
});

/// The line, in pieces of the given size, is what it is as a whole.
fn line(data: &[u8], piece: usize) -> Option<String> {
    let expected = match data.iter().position(|&byte| byte == b'\n') {
        Some(end) => {
            let line = data[..end].strip_suffix(b"\r").unwrap_or(&data[..end]);
            (line.len() <= MAX_NAME).then_some(line)
        }
        None => None,
    };
    let mut read = Line::default();
    let mut whole = false;
    for chunk in data.chunks(piece) {
        match read.push(chunk) {
            Ok(false) => {}
            Ok(true) => {
                whole = true;
                break;
            }
            Err(_) => {
                assert!(expected.is_none() && data.len() > MAX_NAME);
                return None;
            }
        }
    }
    assert_eq!(whole, expected.is_some());
    let name = expected.and_then(|_| read.name().ok());
    let valid = expected
        .and_then(|line| std::str::from_utf8(line).ok())
        .filter(|name| !name.is_empty() && !name.contains('\0'));
    assert_eq!(name.as_deref(), valid);
    name
}

/// Whatever the name: only what lies inside is given out.
fn open(root: &Path, name: &str) {
    if let Ok(mut file) = folder::open(root, name) {
        let mut contents = String::new();
        file.read_to_string(&mut contents).expect("text");
        assert_eq!(contents, "public", "{name:?}");
        assert!(!name.contains(".."), "{name:?}");
    }
}

/// Options are passed on in order, and none is made up.
fn options(data: &[u8]) {
    let arguments: Vec<OsString> = data
        .split(|&byte| byte == 0)
        .take(16)
        .map(|argument| String::from_utf8_lossy(argument).into_owned().into())
        .collect();
    let mut seen = 0;
    let asked = options::parse(arguments.iter().cloned(), |name, value| {
        seen += 1;
        let value = options::text(value)?;
        let written = arguments.iter().any(|argument| {
            let argument = argument.to_string_lossy();
            argument == format!("--{name}") || argument == format!("--{name}={value}")
        });
        assert!(written, "--{name} {value:?}");
        if let Ok(address) = options::address(value.clone().into()) {
            let (host, port) = value.rsplit_once(':').expect("a port");
            assert!(!host.is_empty() && port.parse::<u16>().is_ok() && address == value);
        }
        Ok(!name.starts_with('x'))
    });
    if asked == Ok(options::Asked::Run) {
        assert!(seen <= arguments.len() && 2 * seen >= arguments.len());
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((&first, rest)) = data.split_first() else {
        return;
    };
    if let Some(name) = line(rest, 1 + usize::from(first)) {
        open(&ROOT, &name);
    }
    // Long lines by few bytes.
    let long: Vec<u8> = rest
        .iter()
        .flat_map(|&byte| [byte; 1500])
        .take(6000)
        .collect();
    let _ = line(&long, 512);
    options(rest);
});
