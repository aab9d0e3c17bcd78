//! What must not be logged, in any form in which it could be.

use std::{collections::HashMap, fmt};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};

/// Secrets, and where they leak.
///
/// # Examples
///
/// ```
/// use leaks::Secrets;
///
/// let mut secrets = Secrets::default();
/// secrets.add("password", "correct horse battery staple");
///
/// assert_eq!(secrets.in_line("an orse battery stapl is 16 bytes"), Some("password"));
/// assert_eq!(secrets.in_line("a horse battery"), None);
/// ```
#[derive(Default)]
pub struct Secrets {
    /// Every run of so many bytes of a secret, and its name.
    parts: HashMap<[u8; PART], &'static str>,
}

impl Secrets {
    /// Adds a secret of at least 16 bytes: as it is, in base64 and base64url, and encoded for a URL or a form.
    ///
    /// # Panics
    ///
    /// If it is shorter: a part of it could stand anywhere by chance.
    pub fn add(&mut self, name: &'static str, secret: &str) {
        assert!(secret.len() >= PART, "{name} is too short to be looked for");
        let form = form_urlencoded::byte_serialize(secret.as_bytes()).collect::<String>();
        for text in [secret.to_owned(), STANDARD.encode(secret), URL_SAFE_NO_PAD.encode(secret), form] {
            self.add_text(name, text.as_bytes());
        }
    }

    /// Adds payload and signature of a token; its header is the same for many and no secret.
    pub fn add_token(&mut self, name: &'static str, token: &str) {
        token.split('.').skip(1).for_each(|part| self.add_text(name, part.as_bytes()));
    }

    /// Adds the lines of a private key in PEM, but for those that say what it is.
    pub fn add_pem(&mut self, name: &'static str, pem: &str) {
        let lines = pem.lines().filter(|line| !line.starts_with("-----"));
        lines.for_each(|line| self.add_text(name, line.as_bytes()));
    }

    /// Adds a text as it is; what is shorter than 16 bytes is left out.
    pub fn add_text(&mut self, name: &'static str, text: &[u8]) {
        for part in text.windows(PART) {
            self.parts.insert(part.try_into().expect("windows are of this length"), name);
        }
    }

    /// The name of a secret that a line holds a part of.
    pub fn in_line(&self, line: &str) -> Option<&'static str> {
        line.as_bytes().windows(PART).find_map(|part| self.parts.get(part).copied())
    }

    /// What leaks, with the line where it does.
    pub fn leaks<'a>(&self, lines: impl IntoIterator<Item = &'a String>) -> Vec<String> {
        let leak = |line: &String| self.in_line(line).map(|name| format!("{name} in {line}"));
        lines.into_iter().filter_map(leak).collect()
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").field("parts", &self.parts.len()).finish()
    }
}

const PART: usize = 16;
