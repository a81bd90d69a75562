//! Options of the command line: `--name value` and `--name=value`.

use std::ffi::OsString;

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// To run, with the options that were set.
    Run,
    /// To say how the program is used.
    Help,
}

/// Calls `set` with the name (without `--`) and value of each option.
///
/// # Errors
///
/// What is wrong, as a sentence for the user. `set` returns `Ok(false)` for a name that it does
/// not know.
pub(crate) fn parse(
    arguments: impl IntoIterator<Item = OsString>,
    mut set: impl FnMut(&str, OsString) -> Result<bool, String>,
) -> Result<Asked, String> {
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        if argument == "--help" || argument == "-h" {
            return Ok(Asked::Help);
        }
        let text = argument.to_str().and_then(|text| text.strip_prefix("--"));
        let Some(option) = text else {
            return Err(format!("unexpected argument {argument:?}"));
        };
        let (name, value) = match option.split_once('=') {
            Some((name, value)) => (name, Some(OsString::from(value))),
            None => (option, arguments.next()),
        };
        // A name that is unknown is the better message where a value is missing, too.
        let missing = value.is_none();
        match set(name, value.unwrap_or_default()) {
            Ok(false) => return Err(format!("unknown option --{name}")),
            _ if missing => return Err(format!("--{name} needs a value")),
            Ok(true) => {}
            Err(error) => return Err(format!("--{name}: {error}")),
        }
    }
    Ok(Asked::Run)
}

/// The value as text.
///
/// # Errors
///
/// If it is not UTF-8.
pub(crate) fn text(value: OsString) -> Result<String, String> {
    value
        .into_string()
        .map_err(|value| format!("{value:?} is not UTF-8"))
}

/// The value as an address to listen at: `host:port`.
///
/// # Errors
///
/// If it has no port, or the port is not a number.
pub(crate) fn address(value: OsString) -> Result<String, String> {
    let text = text(value)?;
    match text.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(text),
        _ => Err(format!(
            "{text:?} is not an address with a port, such as 127.0.0.1:7878"
        )),
    }
}
