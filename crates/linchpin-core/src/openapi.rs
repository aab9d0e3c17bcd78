//! OpenAPI documents that say what a route table demands.

use std::{error::Error, fmt};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use crate::{Condition, DeclaredRoute, Policy, RouteTable};

impl RouteTable {
    /// The same OpenAPI document, with the `security` and the refusals of each operation as this table declares them.
    ///
    /// The document is any value that serializes as OpenAPI 3: that of utoipa, or JSON. Whatever it says about security is
    /// replaced, so that it cannot disagree with the code: each alternative of a requirement becomes one security
    /// requirement of the scheme `bearer`, which is added to the components, with the scopes of that alternative; what
    /// OpenAPI cannot express (roles and other conditions) is told by the extension `x-requires`. Refusals are added to the
    /// responses where the document has none for their status.
    ///
    /// Routes that the document does not describe are left out.
    ///
    /// # Examples
    ///
    /// ```
    /// use linchpin_core::{Policy, RouteTable, scopes};
    /// use serde_json::{Value, json};
    ///
    /// scopes! { pub GradesRead = "grades:read"; }
    ///
    /// let mut table = RouteTable::default();
    /// table.add("GET", "/grades/{id}", Policy::require::<GradesRead>());
    ///
    /// let document = json!({"openapi": "3.1.0", "paths": {"/grades/{id}": {"get": {"responses": {}}}}});
    /// let document: Value = table.secure_openapi(document)?;
    /// assert_eq!(document["paths"]["/grades/{id}"]["get"]["security"], json!([{"bearer": ["grades:read"]}]));
    /// # Ok::<(), linchpin_core::OpenApiError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the document describes an operation that the table does not declare, or is no OpenAPI document.
    pub fn secure_openapi<D: Serialize + DeserializeOwned>(&self, document: D) -> Result<D, OpenApiError> {
        let mut document = serde_json::to_value(document).map_err(OpenApiError::shape)?;
        let Some(root) = document.as_object_mut() else { return Err(OpenApiError::new("is no JSON object")) };
        let mut undeclared = Vec::new();
        if let Some(paths) = root.get_mut("paths").and_then(Value::as_object_mut) {
            for (path, operations) in paths {
                let Some(operations) = operations.as_object_mut() else { continue };
                for (method, operation) in
                    operations.iter_mut().filter(|(name, _)| METHODS.contains(&name.as_str()))
                {
                    match (self.find(method, path), operation.as_object_mut()) {
                        (Some(route), Some(operation)) => secure(operation, route.policy()),
                        _ => undeclared.push(format!("{} {path}", method.to_ascii_uppercase())),
                    }
                }
            }
        }
        if !undeclared.is_empty() {
            let told = format!("describes what no route table declares: {}", undeclared.join(", "));
            return Err(OpenApiError::new(told));
        }

        let schemes = ["components", "securitySchemes"]
            .into_iter()
            .try_fold(root, |object, name| object.entry(name).or_insert_with(|| json!({})).as_object_mut());
        let schemes = schemes.ok_or_else(|| OpenApiError::new("has components that are no object"))?;
        schemes.insert(SCHEME.into(), json!({"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}));
        serde_json::from_value(document).map_err(OpenApiError::shape)
    }

    fn find(&self, method: &str, path: &str) -> Option<&DeclaredRoute> {
        self.routes().find(|route| {
            let answers = route.method() == "*"
                || route.method().eq_ignore_ascii_case(method)
                || (route.method() == "GET" && method == "head");
            answers && template(route.path()) == path
        })
    }
}

/// The document does not fit the route table, or is none.
#[derive(Debug)]
pub struct OpenApiError {
    told: String,
    source: Option<serde_json::Error>,
}

impl OpenApiError {
    fn new(told: impl Into<String>) -> Self {
        Self { told: told.into(), source: None }
    }

    fn shape(source: serde_json::Error) -> Self {
        Self { told: "does not have the shape of one".into(), source: Some(source) }
    }
}

impl fmt::Display for OpenApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the OpenAPI document {}", self.told)
    }
}

impl Error for OpenApiError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}

fn secure(operation: &mut Map<String, Value>, policy: Policy) {
    let mut security = Vec::new();
    operation.remove("x-requires");
    if policy.is_optional() {
        security.push(json!({}));
        security.push(json!({SCHEME: []}));
    }
    if let Some(description) = policy.description() {
        let mut in_words = false;
        for alternative in description.alternatives() {
            let scopes = alternative.iter().filter_map(|condition| match condition {
                Condition::Scope(scope) => Some(scope),
                _ => None,
            });
            let requirement = json!({SCHEME: scopes.collect::<Vec<_>>()});
            in_words |= alternative.iter().any(|condition| !matches!(condition, Condition::Scope(_)));
            if !security.contains(&requirement) {
                security.push(requirement);
            }
        }
        if in_words {
            operation.insert("x-requires".into(), description.to_string().into());
        }
    }
    operation.insert("security".into(), security.into());

    let responses = operation.entry("responses").or_insert_with(|| json!({}));
    if let Some(responses) = responses.as_object_mut().filter(|_| !policy.is_public()) {
        for (status, description) in REFUSALS {
            responses.entry(status).or_insert_with(
                || json!({"description": description, "content": {"application/problem+json": {}}}),
            );
        }
    }
}

/// A path as OpenAPI spells it: parameters without what the frameworks add to them.
///
/// axum has `{*rest}`, and actix `{id:[0-9]+}` with a pattern in which braces pair.
fn template(path: &str) -> String {
    let mut template = String::with_capacity(path.len());
    let (mut depth, mut in_pattern) = (0_usize, false);
    for c in path.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ':' if depth == 1 => in_pattern = true,
            '*' if depth == 1 && template.ends_with('{') => continue,
            _ => {}
        }
        in_pattern &= depth > 0;
        if !in_pattern {
            template.push(c);
        }
    }
    template
}

/// What every route may answer that looks at credentials. 403 is among them wherever a restricted application may call.
const REFUSALS: [(&str, &str); 4] = [
    ("400", "The credential is malformed or repeated"),
    ("401", "There is no credential, or it is not accepted"),
    ("403", "The caller may not"),
    ("503", "It cannot be decided now"),
];
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
const SCHEME: &str = "bearer";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AllOf, AnyOf, roles, scopes};

    scopes! {
        Read = "grades:read";
        Write = "grades:write";
    }
    roles! { Admin = "admin"; }

    fn table() -> RouteTable {
        let mut table = RouteTable::default();
        table.add("GET", "/healthz", Policy::public());
        table.add("GET", "/feed", Policy::optional());
        table.add("GET", "/whoami", Policy::authenticated());
        table.add(
            "GET",
            "/grades/{id:[0-9]{1,3}}",
            Policy::require::<AnyOf<(AllOf<(Read, Write)>, Admin)>>(),
        );
        table.add("*", "/old/{*rest}", Policy::authenticated());
        table
    }

    fn document() -> Value {
        let operation =
            || json!({"get": {"responses": {"200": {"description": "ok"}, "403": {"description": "mine"}}}});
        json!({"openapi": "3.1.0", "info": {}, "paths": {
            "/healthz": {"get": {"security": [{"other": []}]}}, "/feed": operation(), "/whoami": operation(),
            "/grades/{id}": operation(), "/old/{rest}": {"summary": "x", "delete": {}},
        }})
    }

    #[test]
    fn each_operation_says_what_its_route_demands() {
        let document = table().secure_openapi(document()).unwrap();

        let security = |path: &str, method: &str| document["paths"][path][method]["security"].clone();
        assert_eq!(security("/healthz", "get"), json!([]), "what the document said is replaced");
        assert_eq!(security("/feed", "get"), json!([{}, {"bearer": []}]));
        assert_eq!(security("/whoami", "get"), json!([{"bearer": []}]));
        assert_eq!(
            security("/grades/{id}", "get"),
            json!([{"bearer": ["grades:read", "grades:write"]}, {"bearer": []}])
        );
        assert_eq!(security("/old/{rest}", "delete"), json!([{"bearer": []}]));
        let grades = &document["paths"]["/grades/{id}"]["get"];
        assert_eq!(grades["x-requires"], "scope grades:read and scope grades:write, or role admin");
        assert_eq!(grades["responses"]["403"]["description"], "mine");
        assert_eq!(grades["responses"]["401"]["content"], json!({"application/problem+json": {}}));
        let refusals = |path: &str, method: &str| {
            let responses = document["paths"][path][method]["responses"].as_object();
            responses.map(|responses| responses.keys().cloned().collect::<Vec<_>>()).unwrap_or_default()
        };
        assert_eq!(refusals("/old/{rest}", "delete"), ["400", "401", "403", "503"]);
        assert_eq!(refusals("/healthz", "get"), [""; 0]);
        assert_eq!(document["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
    }

    #[test]
    fn an_operation_that_is_not_declared_is_an_error() {
        let mut document = document();
        document["paths"]["/whoami"]["post"] = json!({});
        document["paths"]["/ghost"] = json!({"get": {}});

        let error = table().secure_openapi(document).unwrap_err().to_string();

        assert!(error.contains("GET /ghost") && error.contains("POST /whoami"), "{error}");
        assert!(table().secure_openapi(json!([])).is_err());
        assert!(table().secure_openapi(json!({"components": 7})).is_err());
    }

    #[test]
    fn paths_lose_what_frameworks_add() {
        for (path, expected) in [
            ("/a/{id}/b", "/a/{id}/b"),
            ("/a/{*rest}", "/a/{rest}"),
            ("/a/{id:[0-9]{2}}/{x:.*}", "/a/{id}/{x}"),
            ("/a:b/*", "/a:b/*"),
        ] {
            assert_eq!(template(path), expected);
        }
    }
}
