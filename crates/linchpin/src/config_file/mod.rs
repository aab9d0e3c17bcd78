//! The reader of the file that `AUTH_CONFIG` names: one issuer or several, with all of their settings.
//!
//! Members are named like the variables, in lower case and without `AUTH_`. Every problem is reported, under the file's name
//! and the place in it.

mod table;
mod tree;

use std::path::Path;

use linchpin_core::ConfigError;
use linchpin_jwt::Profile;

use self::{table::Table, tree::Tree};
use crate::{
    Auth, AuthBuilder, SETTINGS,
    reader::{Settings, configure},
};

/// Reads the file and builds what it says.
pub(crate) fn auth(path: &Path) -> Result<Auth, ConfigError> {
    let tree = Tree::read(path)?;
    let file = path.display().to_string();
    let directory = path.parent().unwrap_or(Path::new(""));

    let mut top = Table::new(format!("{file}: "), directory, tree);
    let (realm, names_roles) = (top.text("realm"), top.flag("name_roles"));
    let issuers = top.tables("issuer");
    top.complain_about_the_rest(&["realm", "name_roles", "issuer"]);
    let mut problems = top.problems;

    let mut builders = Vec::new();
    for (index, tree) in issuers.into_iter().enumerate() {
        let mut table = Table::new(format!("{file}: issuer[{index}]."), directory, tree);
        builders.push(issuer(&mut table));
        problems.absorb(table.problems);
    }
    if builders.is_empty() {
        problems.check()?;
        return Err(ConfigError::single(
            format!("{file}: issuer"),
            "is missing",
            "declare at least one, under [[issuer]]",
        ));
    }

    let mut several = Auth::several(builders);
    if let Some(realm) = realm {
        several = several.realm(realm);
    }
    if names_roles == Some(true) {
        several = several.name_roles();
    }
    match several.build() {
        Ok(auth) => problems.check().map(|()| auth),
        Err(error) => {
            for found in error.problems() {
                let place = match found.setting.split_once("].") {
                    Some((issuer, setting)) => format!("{file}: {issuer}].{}", member_of(setting)),
                    None => format!("{file}: {}", found.setting),
                };
                // A value that could not be read was left out, and the builder may have missed it: once is enough.
                if !problems.problems().iter().any(|told| is_about(&told.setting, &place)) {
                    problems.report(place, &found.problem, &found.fix);
                }
            }
            Err(problems)
        }
    }
}

/// Whether a problem in one place explains one in the other.
fn is_about(told: &str, found: &str) -> bool {
    let explains = |member: &str, explained: &str| {
        told.strip_suffix(member).is_some_and(|issuer| found.strip_suffix(explained) == Some(issuer))
    };
    told == found
        || explains("].client_ids", "].audience")
        // Whatever of the name is wrong, there is no issuer then.
        || PROVIDERS.iter().flat_map(|provider| provider.members).any(|member| {
            explains(&format!("].{member}"), "].issuer")
        })
        || explains("].provider", "].issuer")
}

/// The name in the file of what a builder reports.
fn member_of(setting: &str) -> String {
    match setting {
        "pem" => "pem_files".to_owned(),
        "jwk_set" => "jwks".to_owned(),
        "secret" => "secret_file".to_owned(),
        _ => SETTINGS
            .iter()
            .find(|known| known.builder == setting)
            .map_or_else(|| setting.to_owned(), |known| member(known.name)),
    }
}

/// The name in the file of a variable's setting.
fn member(variable: &str) -> String {
    variable.strip_prefix("AUTH_").unwrap_or(variable).to_ascii_lowercase()
}

/// A provider that is known by name, and the members that make its issuer.
struct Provider {
    name: &'static str,
    members: &'static [&'static str],
}

const PROVIDERS: &[Provider] = &[
    Provider { name: "keycloak", members: &["base", "realm"] },
    Provider { name: "auth0", members: &["domain"] },
    Provider { name: "entra_id", members: &["tenants"] },
    Provider { name: "okta", members: &["domain", "server"] },
    Provider { name: "cognito", members: &["region", "user_pool"] },
    Provider { name: "google", members: &[] },
    Provider { name: "open_edx", members: &["issuer"] },
];

/// The members of every issuer beside those that variables have too.
const KEYS: [&str; 3] = ["pem_files", "jwks", "secret_file"];

fn issuer(table: &mut Table<'_>) -> AuthBuilder {
    let provider = table.provider();
    let name = provider.map_or("", |provider| provider.name);
    let auth = match name {
        "keycloak" => Auth::keycloak(table.required("base"), table.required("realm")),
        "auth0" => Auth::auth0(table.required("domain")),
        "entra_id" => {
            if !table.has("tenants") {
                table.report(
                    "tenants",
                    "are missing".to_owned(),
                    "list the ids of the tenants whose users may call",
                );
            }
            Auth::entra_id_tenants(Vec::<String>::new())
        }
        "okta" => Auth::okta(table.required("domain"), table.required("server")),
        "cognito" => Auth::cognito(table.required("region"), table.required("user_pool")),
        "google" => Auth::google(),
        "open_edx" => {
            if !KEYS.iter().any(|member| table.has(member)) {
                let fix = "give the LMS's JWT_PUBLIC_SIGNING_JWK_SET, or pem_files: it publishes no metadata";
                table.report("jwks", "are missing".to_owned(), fix);
            }
            Auth::issuer(table.required("issuer")).profile(Profile::OpenEdx)
        }
        // A provider that is not known has been told; what else it may need, nobody knows.
        _ if table.provider_is_unknown => Auth::issuer(table.text("issuer").unwrap_or_default()),
        _ => Auth::issuer(table.required("issuer")),
    };
    let mut auth = configure(table, auth);
    for (index, path) in table.list("pem_files").iter().enumerate() {
        if let Some(pem) = table.pem(&format!("pem_files[{index}]"), path) {
            auth = auth.pem(pem);
        }
    }
    if let Some(jwks) = table.json("jwks") {
        auth = auth.jwk_set(jwks);
    }
    let fix = "name a file with the secret that this process may read";
    if let Some(mut secret) = table.file("secret_file", fix) {
        let line_ends = secret.iter().rev().take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
        secret.truncate(secret.len() - line_ends);
        auth = auth.secret(secret);
    }

    let mut known: Vec<String> = SETTINGS.iter().map(|setting| member(setting.name)).collect();
    known.retain(|member| !matches!(&**member, "realm" | "name_roles" | "config" | "issuer"));
    known.extend(KEYS.map(str::to_owned));
    known.push("provider".to_owned());
    match provider {
        Some(provider) => known.extend(provider.members.iter().map(|&member| member.to_owned())),
        None => known.push("issuer".to_owned()),
    }
    let known: Vec<&str> = known.iter().map(|member| &**member).collect();
    if table.provider_is_unknown {
        // What makes the issuer of the provider that was meant is not an unknown member.
        table.forget(|name| PROVIDERS.iter().any(|provider| provider.members.contains(&name)));
    }
    table.complain_about_the_rest(&known);
    auth
}
