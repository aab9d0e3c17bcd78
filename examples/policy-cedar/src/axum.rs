//! The service on axum.

use axum::{
    extract::{Path, State},
    http::HeaderMap,
};
use linchpin::{
    Auth,
    axum::{
        Caller, Problem,
        routes::{Guarded, Routes, authenticated, get},
    },
    rbac::PolicyDoor,
};

use crate::{CONFIRM, report, require};

/// The routes behind the verification of tokens; what a token allows is for the policies to say.
pub fn app(auth: &Auth, door: PolicyDoor) -> Guarded {
    let report = get(authenticated(), read).delete(authenticated(), delete);
    Routes::new().route("/reports/{id}", report).with_state(door).guarded_by(auth.gate())
}

async fn read(
    State(door): State<PolicyDoor>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<String, Problem> {
    let report = report(&id).ok_or_else(|| Problem::new(404, "Not Found"))?;
    require(&door, &caller, "read", report, false).await?;
    Ok(format!("The report {}.", report.id))
}

async fn delete(
    State(door): State<PolicyDoor>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<String, Problem> {
    let report = report(&id).ok_or_else(|| Problem::new(404, "Not Found"))?;
    let is_confirmed = headers.get(CONFIRM).is_some_and(|value| value == "yes");
    require(&door, &caller, "delete", report, is_confirmed).await?;
    Ok(format!("The report {} would be gone.", report.id))
}
