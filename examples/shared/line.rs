//! The line by which a client of the file server asks for a file: a name and a line feed, with or
//! without a carriage return before it.

/// The longest name, in bytes, without the end of the line.
pub(crate) const MAX_NAME: usize = 4096;

/// What has come of a line.
#[derive(Debug, Default)]
pub(crate) struct Line(Vec<u8>);

impl Line {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds what has come; `true` when the line has its end. What follows it is left out.
    ///
    /// # Errors
    ///
    /// What to tell the client when the line gets too long, as soon as it does.
    pub(crate) fn push(&mut self, chunk: &[u8]) -> Result<bool, String> {
        let end = chunk.iter().position(|&byte| byte == b'\n');
        self.0
            .extend_from_slice(&chunk[..end.unwrap_or(chunk.len())]);
        // One more, which may turn out to be a carriage return.
        if end.is_none() && self.0.len() <= MAX_NAME + 1 {
            return Ok(false);
        }
        if end.is_some() && self.0.last() == Some(&b'\r') {
            self.0.pop();
        }
        if self.0.len() > MAX_NAME {
            return Err(format!("the name is longer than {MAX_NAME} bytes"));
        }
        Ok(true)
    }

    /// The name on a line that has its end.
    ///
    /// # Errors
    ///
    /// What to tell the client.
    pub(crate) fn name(self) -> Result<String, String> {
        match String::from_utf8(self.0) {
            Ok(name) if name.is_empty() => Err("the name is empty".into()),
            Ok(name) if name.contains('\0') => Err("the name has a NUL byte".into()),
            Ok(name) => Ok(name),
            Err(_) => Err("the name is not UTF-8".into()),
        }
    }
}
