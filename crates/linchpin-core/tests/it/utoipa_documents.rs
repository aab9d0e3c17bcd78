//! A document of utoipa and the route table of the same service.

use linchpin_core::{AllOf, AnyOf, Policy, RouteTable, roles, scopes};
use serde_json::{Value, json};
use utoipa::OpenApi;

scopes! {
    Read = "grades:read";
    Write = "grades:write";
}
roles! { Admin = "admin"; }

#[derive(OpenApi)]
#[openapi(info(title = "grades", version = "1"), paths(list, record, healthz))]
struct Described;

#[utoipa::path(get, path = "/grades/{course}", responses((status = 200, description = "The grades")))]
#[expect(dead_code, reason = "only described")]
fn list() {}

// It claims that nothing is needed; the table knows better.
#[utoipa::path(post, path = "/grades/{course}", security(()), responses((status = 403, description = "Ask the dean")))]
#[expect(dead_code, reason = "only described")]
fn record() {}

#[utoipa::path(get, path = "/healthz", security(("api_key" = [])), responses((status = 200, description = "Alive")))]
#[expect(dead_code, reason = "only described")]
fn healthz() {}

fn table() -> RouteTable {
    let mut table = RouteTable::default();
    table.add("GET", "/healthz", Policy::public());
    table.add("GET", "/grades/{course}", Policy::require::<Read>());
    table.add("POST", "/grades/{course}", Policy::require::<AnyOf<(AllOf<(Read, Write)>, Admin)>>());
    table
}

fn as_json(document: &utoipa::openapi::OpenApi) -> Value {
    serde_json::from_str(&document.to_json().unwrap()).unwrap()
}

#[test]
fn the_document_says_what_the_table_says() {
    let document = table().secure_openapi(Described::openapi()).unwrap();

    let document = as_json(&document);
    let paths = &document["paths"];
    assert_eq!(paths["/healthz"]["get"]["security"], json!([]));
    let (list, record) = (&paths["/grades/{course}"]["get"], &paths["/grades/{course}"]["post"]);
    assert_eq!(list["security"], json!([{"bearer": ["grades:read"]}]));
    assert_eq!(list["responses"]["403"]["description"], "The caller may not");
    assert_eq!(list["responses"]["200"]["description"], "The grades");
    assert_eq!(record["security"], json!([{"bearer": ["grades:read", "grades:write"]}, {"bearer": []}]));
    assert_eq!(record["x-requires"], "scope grades:read and scope grades:write, or role admin");
    assert_eq!(record["responses"]["403"]["description"], "Ask the dean");
    assert_eq!(document["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
    assert_eq!(document["info"]["title"], "grades");
}

#[test]
fn a_document_that_describes_more_than_is_declared_is_an_error() {
    let mut table = RouteTable::default();
    table.add("GET", "/healthz", Policy::public());

    let error = table.secure_openapi(Described::openapi()).err().unwrap().to_string();

    assert!(error.contains("GET /grades/{course}, POST /grades/{course}"), "{error}");
}
