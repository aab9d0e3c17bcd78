//! The file of users and clients, in TOML.
//!
//! ```toml
//! [[users]]
//! name = "ann"                                # the only member that has to be there
//! roles = ["instructor"]
//! scopes = ["grades:read", "grades:write"]
//! email = "ann@example.com"
//! claims = { tenant = "acme" }
//!
//! [[clients]]
//! id = "billing"
//! secret = "billing-secret"
//! scopes = ["grades:read"]
//! audiences = ["grades"]                      # any audience without it
//! ```

use std::{
    collections::{BTreeMap, HashSet},
    ops::Range,
};

use linchpin_core::ConfigError;
use serde::Deserialize;
use serde_json::{Map, Number, Value};
use toml::Spanned;

use crate::{
    Client, User,
    users::{Problem, check_claim, check_key, check_name, check_scope, check_secret},
};

/// The users and the clients of a file, which may have none of either.
pub(crate) struct UsersFile {
    pub(crate) users: Vec<User>,
    pub(crate) clients: Vec<Client>,
}

impl UsersFile {
    /// Reads the text of the file called `name`.
    ///
    /// A text that is not TOML of the right shape has one error; all others are found together.
    pub(crate) fn read(name: &str, text: &str) -> Result<Self, ConfigError> {
        let document: Document = toml::from_str(text).map_err(|error| {
            // Only what went wrong: the snippet that `Display` adds could show a client's secret.
            let problem = format!("cannot be read: {}", error.message().replace('\n', ", "));
            ConfigError::single(place(name, text, error.span()), problem, FIX_SHAPE)
        })?;

        let mut reader = Reader { name, text, problems: ConfigError::collect() };
        let (mut names, mut ids) = (HashSet::new(), HashSet::new());
        let users = document.users.into_iter().map(|user| reader.user(user, &mut names)).collect();
        let clients = document.clients.into_iter().map(|client| reader.client(client, &mut ids)).collect();
        reader.problems.check()?;
        Ok(Self { users, clients })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    users: Vec<UserTable>,
    #[serde(default)]
    clients: Vec<ClientTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UserTable {
    name: Spanned<String>,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    scopes: Vec<Spanned<String>>,
    email: Option<String>,
    #[serde(default)]
    claims: BTreeMap<Spanned<String>, toml::Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClientTable {
    id: Spanned<String>,
    /// Of any type at first: serde's message about a wrong one would quote the value.
    secret: Option<Spanned<toml::Value>>,
    public_key: Option<Spanned<String>>,
    #[serde(default)]
    scopes: Vec<Spanned<String>>,
    #[serde(default)]
    audiences: Vec<String>,
}

/// Turns tables into users and clients, and collects what is wrong with them.
struct Reader<'t> {
    name: &'t str,
    text: &'t str,
    problems: ConfigError,
}

impl Reader<'_> {
    fn user(&mut self, table: UserTable, seen: &mut HashSet<String>) -> User {
        self.note(table.name.span(), check_name("user", table.name.get_ref(), seen));
        let mut user =
            User::new(table.name.into_inner()).roles(table.roles).scopes(self.scopes(table.scopes));
        user.email = table.email;
        for (name, value) in table.claims {
            self.note(name.span(), check_claim(name.get_ref()));
            match json(value) {
                Some(value) => user = user.claim(name.into_inner(), value),
                None => {
                    let problem = format!("gives the claim `{}` a number that JSON has not", name.get_ref());
                    self.note(name.span(), Err((problem, "give a number other than inf and nan")));
                }
            }
        }
        user
    }

    fn client(&mut self, table: ClientTable, seen: &mut HashSet<String>) -> Client {
        self.note(table.id.span(), check_name("client", table.id.get_ref(), seen));
        let client = match (table.secret, table.public_key) {
            (Some(secret), None) => Client::new(table.id.get_ref(), self.secret(secret)),
            (None, Some(key)) => {
                self.note(key.span(), check_key(key.get_ref()));
                Client::with_public_key(table.id.get_ref(), key.into_inner())
            }
            _ => {
                let problem = "has a client without a secret and a key, or with both".to_owned();
                self.note(table.id.span(), Err((problem, "give it either `secret` or `public_key`, in PEM")));
                Client::new(table.id.get_ref(), "")
            }
        };
        client.scopes(self.scopes(table.scopes)).audiences(table.audiences)
    }

    fn secret(&mut self, secret: Spanned<toml::Value>) -> String {
        let span = secret.span();
        match secret.into_inner() {
            toml::Value::String(secret) => {
                self.note(span, check_secret(&secret));
                secret
            }
            _ => {
                let problem = "has a client whose secret is not a text".to_owned();
                self.note(span, Err((problem, "put the secret between quotes")));
                String::new()
            }
        }
    }

    fn scopes(&mut self, scopes: Vec<Spanned<String>>) -> Vec<String> {
        let checked = scopes.into_iter().map(|scope| {
            self.note(scope.span(), check_scope(scope.get_ref()));
            scope.into_inner()
        });
        checked.collect()
    }

    fn note(&mut self, span: Range<usize>, check: Result<(), Problem>) {
        if let Err((problem, fix)) = check {
            self.problems.report(place(self.name, self.text, Some(span)), problem, fix);
        }
    }
}

/// Where something stands: the file, and the line if it is known.
fn place(name: &str, text: &str, span: Option<Range<usize>>) -> String {
    match span.and_then(|span| text.as_bytes().get(..span.start)) {
        Some(before) => format!("{name}, line {},", before.iter().filter(|byte| **byte == b'\n').count() + 1),
        None => name.to_owned(),
    }
}

/// The same value in JSON; `None` if it holds a number that JSON has not.
fn json(value: toml::Value) -> Option<Value> {
    Some(match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => Value::Number(Number::from_f64(number)?),
        toml::Value::Boolean(truth) => truth.into(),
        toml::Value::Datetime(time) => Value::String(time.to_string()),
        toml::Value::Array(values) => values.into_iter().map(json).collect::<Option<Vec<_>>>()?.into(),
        toml::Value::Table(members) => {
            let members = members.into_iter().map(|(name, value)| Some((name, json(value)?)));
            Value::Object(members.collect::<Option<Map<_, _>>>()?)
        }
    })
}

const FIX_SHAPE: &str = "the file has tables [[users]] with `name` and, if wanted, `roles`, `scopes` (lists of texts), `email` \
     and `claims`, and tables [[clients]] with `id`, `secret` or `public_key` and, if wanted, `scopes` and `audiences`";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn error(text: &str) -> String {
        UsersFile::read("users.toml", text).map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn a_file_gives_users_and_clients() {
        let text = r#"
            [[users]]
            name = "ann"
            roles = ["instructor"]
            scopes = ["grades:read", "grades:write"]
            email = "ann@example.com"
            claims = { tenant = "acme", level = 3, share = 0.5, since = 2026-01-01, tags = ["a", { b = true }] }

            [[users]]
            name = "cleo"

            [[clients]]
            id = "billing"
            secret = "billing-secret"
            scopes = ["grades:read"]
            audiences = ["grades"]

            [[clients]]
            id = "signing"
            public_key = """
-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
-----END PUBLIC KEY-----
"""
        "#;

        let file = UsersFile::read("users.toml", text).unwrap();

        let ann = User::new("ann").roles(["instructor"]).scopes(["grades:read", "grades:write"]);
        let ann = ann
            .email("ann@example.com")
            .claim("tenant", "acme")
            .claim("level", 3)
            .claim("share", 0.5)
            .claim("since", "2026-01-01")
            .claim("tags", json!(["a", {"b": true}]));
        let billing = Client::new("billing", "billing-secret").scopes(["grades:read"]).audiences(["grades"]);
        let signing = Client::with_public_key(
            "signing",
            "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n",
        );
        assert_eq!((file.users, file.clients), (vec![ann, User::new("cleo")], vec![billing, signing]));
    }

    #[test]
    fn an_error_names_the_file_the_line_and_the_way_out() {
        for (text, expected) in [
            (
                "[[users]]\nname = \"ann\"\nrolez = []",
                "users.toml, line 3, cannot be read: unknown field `rolez`",
            ),
            ("[[people]]\nname = \"ann\"", "users.toml, line 1, cannot be read: unknown field `people`"),
            (
                "[[users]]\nname = \"ann\"\nroles = \"admin\"",
                "users.toml, line 3, cannot be read: invalid type",
            ),
            ("[[users]]\nname = 7", "users.toml, line 2, cannot be read: invalid type"),
            ("[[users]]\nroles = []", "users.toml, line 1, cannot be read: missing field `name`"),
            ("[[users]]\nname = \"ann", "users.toml, line 2, cannot be read: "),
            ("[[users]]\nname = \"a\"\nname = \"b\"", "users.toml, line 3, cannot be read: duplicate key"),
        ] {
            let error = error(text);
            assert!(error.contains(expected), "{error}");
            assert!(error.contains("; the file has tables [[users]] with `name`"), "{error}");
        }
    }

    #[test]
    fn all_that_is_wrong_with_the_values_is_told_at_once() {
        let text = r#"[[users]]
name = "ann"
scopes = ["grades:read",
          "grades write"]
[[users]]
name = "ann"
[users.claims]
exp = 1
rate = nan
[[clients]]
id = "a"
secret = 7
[[clients]]
id = "b"
[[clients]]
id = "c"
secret = "s"
public_key = "k"
[[clients]]
id = "d"
public_key = "k"
"#;

        assert_eq!(
            error(text).lines().map(|line| line.split(';').next().unwrap()).collect::<Vec<_>>(),
            [
                "wrong configuration:",
                "  users.toml, line 4, has the scope \"grades write\", which is none",
                "  users.toml, line 6, has the user \"ann\" twice",
                "  users.toml, line 8, sets the claim `exp`, which the provider decides",
                "  users.toml, line 9, gives the claim `rate` a number that JSON has not",
                "  users.toml, line 12, has a client whose secret is not a text",
                "  users.toml, line 14, has a client without a secret and a key, or with both",
                "  users.toml, line 16, has a client without a secret and a key, or with both",
                "  users.toml, line 21, has a client whose key is of no use",
            ]
        );
    }

    #[test]
    fn no_error_quotes_a_secret() {
        for secret in
            ["2026-01-01", "123456789", "\"unterminated-secret", "[\"listed-secret\"]", "bare-secret"]
        {
            let error = error(&format!("[[clients]]\nid = \"a\"\nsecret = {secret}\n"));
            assert!(!error.contains(secret.trim_matches(['"', '[', ']'])), "{error}");
        }
    }
}
