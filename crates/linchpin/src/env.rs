//! The reader of `AUTH_*`: every problem is reported, under the variable's name.

use std::ffi::OsString;

use linchpin_core::ConfigError;

use crate::{
    Auth, AuthBuilder, SETTINGS, Setting,
    reader::{Settings, configure},
    vars::Vars,
};

/// Reads the variables and builds what they say.
pub(crate) fn auth(vars: impl Iterator<Item = (OsString, OsString)>) -> Result<Auth, ConfigError> {
    let mut vars = Vars::starting_with("AUTH_", vars);
    if let Some(path) = vars.text(CONFIG) {
        return from_file(&path, vars);
    }
    if vars.problems_of(CONFIG) > 0 {
        return Err(vars.problems);
    }
    let builder = builder(&mut vars);
    vars.complain_about_the_rest();

    let mut problems = vars.problems;
    match builder.build() {
        Ok(auth) => problems.check().map(|()| auth),
        Err(error) => {
            // A variable that could not be read was left out, and the builder may have missed it: once is enough.
            let by_variable = |setting: &str| {
                SETTINGS.iter().find(|known| known.builder == setting).map(|known| known.name.to_owned())
            };
            for found in error.rename(by_variable).problems() {
                if !problems.problems().iter().any(|told| is_about(&told.setting, &found.setting)) {
                    problems.report(&found.setting, &found.problem, &found.fix);
                }
            }
            Err(problems)
        }
    }
}

/// Reads the file in place of all other variables: two places that say different things about one issuer are a mistake.
fn from_file(path: &str, mut vars: Vars) -> Result<Auth, ConfigError> {
    for Setting { name, .. } in SETTINGS {
        if vars.unread.remove(*name).is_some_and(|value| !value.is_empty()) {
            let fix = "unset it and say it in the file, or unset AUTH_CONFIG";
            vars.problems.report(*name, "is set, and AUTH_CONFIG as well", fix);
        }
    }
    vars.complain_about_the_rest();
    let mut problems = vars.problems;
    let auth = problems.take(read_file(path));
    problems.check()?;
    auth.ok_or_else(ConfigError::collect)
}

#[cfg(feature = "config-file")]
fn read_file(path: &str) -> Result<Auth, ConfigError> {
    crate::config_file::auth(path.as_ref())
}

#[cfg(not(feature = "config-file"))]
fn read_file(_: &str) -> Result<Auth, ConfigError> {
    let problem = "is set, and this service was built without files";
    Err(ConfigError::single(CONFIG, problem, "enable the feature `config-file` of linchpin, or unset it"))
}

/// Whether a problem with one variable explains one with the other: clients stand in for an audience.
fn is_about(told: &str, found: &str) -> bool {
    told == found || (told == "AUTH_CLIENT_IDS" && found == "AUTH_AUDIENCE")
}

fn builder(vars: &mut Vars) -> AuthBuilder {
    let issuer = issuer(vars);
    let has = |vars: &Vars, name: &str| vars.unread.get(name).is_some_and(|value| !value.is_empty());
    if !has(vars, "AUTH_AUDIENCE") && !has(vars, "AUTH_CLIENT_IDS") {
        let fix = "set it to the `aud` that the issuer puts into tokens for this service, \
                   or set AUTH_CLIENT_IDS if it puts none";
        vars.problems.report("AUTH_AUDIENCE", "is not set", fix);
    }
    let mut auth = configure(vars, Auth::issuer(issuer));
    if let Some(realm) = vars.text("AUTH_REALM") {
        auth = auth.realm(realm);
    }
    if vars.flag("AUTH_NAME_ROLES") == Some(true) {
        auth = auth.name_roles();
    }
    auth
}

fn issuer(vars: &mut Vars) -> String {
    let name = "AUTH_ISSUER";
    let issuer = vars.text(name);
    if issuer.is_none() && vars.problems_of(name) == 0 {
        let fix = "set it to the issuer's URL, for example https://id.example";
        vars.problems.report(name, "is not set", fix);
    }
    issuer.unwrap_or_default()
}

const CONFIG: &str = "AUTH_CONFIG";
