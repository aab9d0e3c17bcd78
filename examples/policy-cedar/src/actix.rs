//! The service on actix.

use actix_web::{
    HttpRequest,
    web::{Data, Path, ServiceConfig},
};
use linchpin::{
    Auth,
    actix::{
        Caller, Problem,
        routes::{Routes, authenticated, get},
    },
    rbac::PolicyDoor,
};

use crate::{CONFIRM, report, require};

/// The routes behind the verification of tokens, for `App::configure`.
pub fn app(auth: Auth, door: PolicyDoor) -> impl Fn(&mut ServiceConfig) + Clone {
    move |config| {
        let report = get(authenticated(), read).delete(authenticated(), delete);
        let routes = Routes::new().route("/reports/{id}", report);
        config.app_data(Data::new(door.clone())).service(routes.guarded_by(auth.gate()));
    }
}

async fn read(door: Data<PolicyDoor>, caller: Caller, id: Path<String>) -> Result<String, Problem> {
    let report = report(&id).ok_or_else(|| Problem::new(404, "Not Found"))?;
    require(&door, &caller, "read", report, false).await?;
    Ok(format!("The report {}.", report.id))
}

async fn delete(
    door: Data<PolicyDoor>,
    caller: Caller,
    id: Path<String>,
    request: HttpRequest,
) -> Result<String, Problem> {
    let report = report(&id).ok_or_else(|| Problem::new(404, "Not Found"))?;
    let is_confirmed = request.headers().get(CONFIRM).is_some_and(|value| value == "yes");
    require(&door, &caller, "delete", report, is_confirmed).await?;
    Ok(format!("The report {} would be gone.", report.id))
}
