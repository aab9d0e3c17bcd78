//! Reports behind Cedar: a small service whose handlers ask a policy engine, the same on axum and on actix.
//!
//! The policies stand in `policies/`; [`Cedar`] checks them at start and answers through linchpin's [`PolicyDoor`], which adds
//! the deadline and the log line, and makes 403 of a denial and 503 of an engine that cannot decide.
//!
//! `AUTH_ISSUER=… AUTH_AUDIENCE=… cargo run` serves it on `127.0.0.1:8080`.

pub mod actix;
pub mod axum;
mod engine;

use linchpin::{
    ConfigError, Refusal,
    core::Caller,
    rbac::{Fact, PolicyDoor, PolicyQuestion, Resource},
};

pub use self::engine::Cedar;

/// The door, with the policies of this service behind it.
///
/// # Errors
///
/// If a policy is wrong: the service does not start.
pub fn door() -> Result<PolicyDoor, ConfigError> {
    let cedar = Cedar::new(
        include_str!("../policies/reports.cedar"),
        include_str!("../policies/reports.cedarschema"),
    )?;
    Ok(PolicyDoor::new(cedar).log_reasons())
}

/// A report; in a real service it comes out of a database.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    /// Its identifier.
    pub id: &'static str,
    /// The subject of whoever has written it.
    pub owner: &'static str,
    /// Whether everybody may read it.
    pub is_published: bool,
}

/// All reports there are.
pub const REPORTS: [Report; 2] = [
    Report { id: "draft", owner: "ann", is_published: false },
    Report { id: "annual", owner: "ann", is_published: true },
];

/// The report of this identifier.
pub fn report(id: &str) -> Option<Report> {
    REPORTS.into_iter().find(|report| report.id == id)
}

/// The header by which a client says that it means to delete.
pub const CONFIRM: &str = "x-confirm";

/// Asks the engine, in words that the policies know.
///
/// # Errors
///
/// 403 if it is denied, 503 if it cannot be decided.
pub async fn require(
    door: &PolicyDoor,
    caller: &Caller,
    action: &str,
    report: Report,
    is_confirmed: bool,
) -> Result<(), Refusal> {
    let attributes = [("owner", Fact::from(report.owner)), ("published", Fact::from(report.is_published))];
    let facts = [("confirmed", Fact::from(is_confirmed))];
    let resource = Resource::new("Report", report.id).attributes(&attributes);
    door.require(PolicyQuestion::new(caller, action, resource).facts(&facts)).await
}
