//! Well-known providers against metadata, keys and tokens of the shape that theirs have.
//!
//! The documents are written after what each provider publishes, with the members that are not for us among them; the keys
//! are ours. They are served in memory under the provider's real URLs, so that an issuer which is misspelt is noticed.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex},
};

use linchpin::{
    Auth, AuthBuilder, Clock, Outcome, Reason, VerifyToken,
    core::{Caller, FakeClock},
    jwt::{Algorithm, RolesClaim, SigningKey},
    oauth::{Fetch, FetchError, FetchFuture, FetchRequest, FetchResponse},
};
use serde_json::{Value, json};

/// RSA, as all of these providers sign. One for all tests, since it takes a while to make.
static RSA: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Algorithm::RS256).unwrap());
static OTHER_RSA: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Algorithm::RS256).unwrap());

/// A provider in memory: documents by URL, and the URLs that were asked for.
#[derive(Clone, Default)]
struct Documents {
    by_url: Arc<HashMap<String, String>>,
    fetched: Arc<Mutex<Vec<String>>>,
}

impl Documents {
    fn of<const N: usize>(documents: [(&str, Value); N]) -> Self {
        let by_url = documents.into_iter().map(|(url, document)| (url.to_owned(), document.to_string()));
        Self { by_url: Arc::new(by_url.collect()), fetched: Arc::default() }
    }
}

impl Fetch for Documents {
    fn fetch<'a>(&'a self, request: FetchRequest<'a>) -> FetchFuture<'a> {
        Box::pin(async move {
            self.fetched.lock().unwrap().push(request.url.to_owned());
            let document = self.by_url.get(request.url).ok_or_else(|| FetchError::new("nothing there"))?;
            Ok(FetchResponse::new(200, document.clone()).cache_control("max-age=3600"))
        })
    }
}

async fn ready(builder: AuthBuilder, documents: &Documents) -> Auth {
    let auth = builder.clock(FakeClock::default()).fetch_with(documents.clone()).build().unwrap();
    let patience = std::time::Duration::from_secs(60);
    let arrived = tokio::time::timeout(patience, auth.ready()).await;
    assert!(arrived.is_ok(), "no keys after {:?}", documents.fetched.lock().unwrap());
    auth
}

fn verify(auth: &Auth, token: &str) -> Result<Arc<Caller>, Reason> {
    match auth.verifier().verify(token, FakeClock::default().now()) {
        Outcome::Ready(result) => result.map_err(|refusal| refusal.reason()),
        Outcome::Pending(_) => panic!("waits for keys that are there"),
    }
}

fn sign(key: &SigningKey, header: Value, claims: &Value) -> String {
    key.sign_compact(&header.to_string(), &claims.to_string())
}

fn with(claims: &Value, changes: Value) -> Value {
    let mut claims = claims.clone();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}

/// A key as it is published, with members that do not matter.
fn jwk(key: &SigningKey, more: Value) -> Value {
    with(&key.public_jwk(), more)
}

fn now() -> i64 {
    FakeClock::default().now().as_unix_seconds()
}

#[tokio::test(start_paused = true)]
async fn keycloak() {
    let issuer = "https://sso.example/realms/school";
    let certs = format!("{issuer}/protocol/openid-connect/certs");
    let documents = Documents::of([
        (
            "https://sso.example/realms/school/.well-known/openid-configuration",
            json!({
                "issuer": issuer,
                "authorization_endpoint": format!("{issuer}/protocol/openid-connect/auth"),
                "token_endpoint": format!("{issuer}/protocol/openid-connect/token"),
                "introspection_endpoint": format!("{issuer}/protocol/openid-connect/token/introspect"),
                "jwks_uri": certs,
                "grant_types_supported": ["authorization_code", "client_credentials", "refresh_token"],
                "id_token_signing_alg_values_supported": ["PS384", "RS384", "EdDSA", "ES384", "HS256", "RS256"],
                "tls_client_certificate_bound_access_tokens": true,
                "mtls_endpoint_aliases": {"token_endpoint": format!("{issuer}/protocol/openid-connect/token")}
            }),
        ),
        (
            &certs,
            json!({"keys": [
                jwk(&OTHER_RSA, json!({"use": "enc", "alg": "RSA-OAEP", "x5c": ["MIIC"], "x5t": "a"})),
                jwk(&RSA, json!({"x5c": ["MIICmzCCAYMCBgF"], "x5t": "b", "x5t#S256": "c"})),
            ]}),
        ),
    ]);
    let auth = ready(Auth::keycloak("https://sso.example/", "school").audience("grades"), &documents).await;
    let header = json!({"alg": "RS256", "typ": "JWT", "kid": RSA.key_id()});
    let claims = json!({
        "exp": now() + 300, "iat": now(), "auth_time": now() - 5,
        "jti": "onrtac:7f1c2f3e-1d0c-4a41-8f0e-5a3f2a9a7a10", "iss": issuer, "aud": ["grades", "account"],
        "sub": "0b1f5c1e-96b4-4e0d-8a58-1f2b8d6a9c33", "typ": "Bearer", "azp": "school-web",
        "sid": "5f2c0d7e-6b1a-4c52-9b0c-1de0b2b9a001", "acr": "1", "allowed-origins": ["https://school.example"],
        "realm_access": {"roles": ["default-roles-school", "offline_access", "instructor"]},
        "resource_access": {"grades": {"roles": ["grader"]}, "account": {"roles": ["manage-account"]}},
        "scope": "openid profile email grades:read", "email_verified": true, "name": "Ann Example",
        "preferred_username": "ann", "given_name": "Ann", "family_name": "Example", "email": "ann@school.example"
    });

    let caller = verify(&auth, &sign(&RSA, header.clone(), &claims)).unwrap();

    assert_eq!((caller.client_id(), caller.issuer()), (Some("school-web"), issuer));
    assert!(caller.has_role("instructor") && !caller.has_role("grader") && caller.has_scope("grades:read"));
    let refused = |changes| verify(&auth, &sign(&RSA, header.clone(), &with(&claims, changes))).err();
    assert_eq!(refused(json!({"typ": "ID"})), Some(Reason::WrongTokenType), "an ID token");
    assert_eq!(refused(json!({"typ": "Refresh"})), Some(Reason::WrongTokenType));
    assert_eq!(refused(json!({"aud": "account"})), Some(Reason::WrongAudience), "no audience mapper");
    assert_eq!(refused(json!({"iss": "https://sso.example/realms/master"})), Some(Reason::WrongIssuer));
    let enc = json!({"alg": "RS256", "typ": "JWT", "kid": OTHER_RSA.key_id()});
    let by_encryption_key = sign(&OTHER_RSA, enc, &claims);
    let Outcome::Pending(pending) = auth.verifier().verify(&by_encryption_key, FakeClock::default().now())
    else {
        panic!("a key for encryption verifies")
    };
    assert_eq!(pending.await.unwrap_err().reason(), Reason::UnknownKey);

    let client_roles = Auth::keycloak("https://sso.example", "school").audience("grades");
    let auth = ready(client_roles.roles(RolesClaim::keycloak_client("grades")), &documents).await;
    assert!(verify(&auth, &sign(&RSA, header, &claims)).unwrap().has_role("grader"));
}

#[tokio::test(start_paused = true)]
async fn auth0() {
    let issuer = "https://school.eu.auth0.com/";
    let documents = Documents::of([
        (
            "https://school.eu.auth0.com/.well-known/openid-configuration",
            json!({
                "issuer": issuer, "authorization_endpoint": "https://school.eu.auth0.com/authorize",
                "token_endpoint": "https://school.eu.auth0.com/oauth/token",
                "jwks_uri": "https://school.eu.auth0.com/.well-known/jwks.json",
                "id_token_signing_alg_values_supported": ["HS256", "RS256", "PS256"],
                "request_parameter_supported": false
            }),
        ),
        (
            "https://school.eu.auth0.com/.well-known/jwks.json",
            json!({"keys": [
                jwk(&RSA, json!({"x5t": "a", "x5c": ["MIIDAzCCAeug"]})),
                jwk(&OTHER_RSA, json!({"x5t": "b", "x5c": ["MIIDAzCCAeug"]})), // the next one
            ]}),
        ),
    ]);
    let auth = ready(Auth::auth0("school.eu.auth0.com").audience("https://grades.example"), &documents).await;
    let header = json!({"alg": "RS256", "typ": "JWT", "kid": RSA.key_id()});
    let claims = json!({
        "iss": issuer, "sub": "auth0|65f1c2d3e4b5a6978812cd34",
        "aud": ["https://grades.example", "https://school.eu.auth0.com/userinfo"],
        "iat": now(), "exp": now() + 86400, "scope": "openid profile grades:read",
        "azp": "Xk2m8Qw1ZtY7uN4vB6cR9sD3fG5hJ0aL", "permissions": ["grades:read", "grades:write"],
        "https://school.example/roles": ["instructor"]
    });

    let caller = verify(&auth, &sign(&RSA, header.clone(), &claims)).unwrap();

    assert_eq!(caller.subject(), Some("auth0|65f1c2d3e4b5a6978812cd34"));
    assert_eq!(caller.client_id(), Some("Xk2m8Qw1ZtY7uN4vB6cR9sD3fG5hJ0aL"));
    assert!(caller.has_role("grades:write") && caller.has_scope("grades:read"));
    // RFC 9068's profile of Auth0, for a machine.
    let at_jwt = json!({"alg": "RS256", "typ": "at+jwt", "kid": OTHER_RSA.key_id()});
    let machine = json!({
        "iss": issuer, "sub": "Xk2m8@clients", "aud": "https://grades.example", "iat": now(), "exp": now() + 60,
        "jti": "9Qd", "client_id": "Xk2m8", "gty": "client-credentials", "scope": "grades:read"
    });
    assert_eq!(verify(&auth, &sign(&OTHER_RSA, at_jwt, &machine)).unwrap().client_id(), Some("Xk2m8"));
    let without_slash = with(&claims, json!({"iss": "https://school.eu.auth0.com"}));
    assert_eq!(verify(&auth, &sign(&RSA, header, &without_slash)).err(), Some(Reason::WrongIssuer));
}

const TENANT_A: &str = "8a1f6a54-2c1e-4d9e-9d0c-6d1b8a3e0f11";
const TENANT_B: &str = "f3d7c2b8-90a1-4b55-8a64-0b7e5c1d2e33";
const API: &str = "5d0c9a0e-7c1b-4f0e-8f53-3d1f2b7a9c42";

fn entra_metadata(segment: &str, issuer: &str) -> (String, Value) {
    let base = format!("https://login.microsoftonline.com/{segment}");
    let metadata = json!({
        "token_endpoint": format!("{base}/oauth2/v2.0/token"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
        "jwks_uri": format!("{base}/discovery/v2.0/keys"), "response_modes_supported": ["query", "fragment"],
        "subject_types_supported": ["pairwise"], "id_token_signing_alg_values_supported": ["RS256"],
        "issuer": issuer, "request_uri_parameter_supported": false, "tenant_region_scope": null,
        "cloud_instance_name": "microsoftonline.com", "msgraph_host": "graph.microsoft.com"
    });
    (format!("{base}/v2.0/.well-known/openid-configuration"), metadata)
}

fn entra_key(key: &SigningKey, issuer: &str) -> Value {
    // Entra's keys have neither `alg` nor, to a verifier, anything else of use.
    let more = json!({"alg": null, "x5t": key.key_id(), "x5c": ["MIIC/TCCAeWg"], "issuer": issuer,
        "cloud_instance_name": "microsoftonline.com"});
    jwk(key, more)
}

fn entra_token(key: &SigningKey, tenant: &str, changes: Value) -> String {
    let claims = json!({
        "aud": API, "iss": format!("https://login.microsoftonline.com/{tenant}/v2.0"), "iat": now(), "nbf": now(),
        "exp": now() + 4000, "aio": "AWQAm/8TAAAA", "azp": "0f1d2c3b-4a59-6877-8695-a4b3c2d1e0ff", "azpacr": "0",
        "name": "Ann Example", "oid": "b2c3d4e5-0000-4000-8000-0000000000aa", "preferred_username": "ann@school.example",
        "rh": "0.AXkA", "roles": ["Grades.Admin"], "scp": "Grades.Read Grades.Write", "sub": "HKZpfaHyWadeOouYlitjrI",
        "tid": tenant, "uti": "fqiBqXLPj0eQa82S", "ver": "2.0"
    });
    let header = json!({"typ": "JWT", "alg": "RS256", "kid": key.key_id()});
    sign(key, header, &with(&claims, changes))
}

#[tokio::test(start_paused = true)]
async fn entra_id() {
    let issuer = format!("https://login.microsoftonline.com/{TENANT_A}/v2.0");
    let (metadata_url, metadata) = entra_metadata(TENANT_A, &issuer);
    let keys_url = format!("https://login.microsoftonline.com/{TENANT_A}/discovery/v2.0/keys");
    let keys = json!({"keys": [entra_key(&RSA, &issuer)]});
    let documents = Documents::of([(&metadata_url, metadata), (&keys_url, keys)]);
    let auth = ready(Auth::entra_id(TENANT_A).audience(API), &documents).await;

    let caller = verify(&auth, &entra_token(&RSA, TENANT_A, json!({}))).unwrap();

    assert!(caller.has_role("Grades.Admin") && caller.has_scope("Grades.Write"));
    assert_eq!(caller.client_id(), Some("0f1d2c3b-4a59-6877-8695-a4b3c2d1e0ff"));
    let refused = |changes| verify(&auth, &entra_token(&RSA, TENANT_A, changes)).err();
    let version_1 = json!({"iss": format!("https://sts.windows.net/{TENANT_A}/"), "ver": "1.0"});
    assert_eq!(refused(version_1), Some(Reason::WrongIssuer));
    assert_eq!(refused(json!({"aud": "00000003-0000-0000-c000-000000000000"})), Some(Reason::WrongAudience));
    assert_eq!(verify(&auth, &entra_token(&RSA, TENANT_B, json!({}))).err(), Some(Reason::WrongIssuer));
}

#[tokio::test(start_paused = true)]
async fn entra_id_with_several_tenants() {
    let template = "https://login.microsoftonline.com/{tenantid}/v2.0";
    let of_a = format!("https://login.microsoftonline.com/{TENANT_A}/v2.0");
    let (metadata_url, metadata) = entra_metadata("common", template);
    let keys = json!({"keys": [entra_key(&RSA, template), entra_key(&OTHER_RSA, &of_a)]});
    let keys_url = "https://login.microsoftonline.com/common/discovery/v2.0/keys";
    let documents = Documents::of([(&metadata_url, metadata), (keys_url, keys)]);
    let auth = ready(Auth::entra_id_tenants([TENANT_A, TENANT_B]).audience(API), &documents).await;
    let refused =
        |key: &SigningKey, tenant: &str, changes| verify(&auth, &entra_token(key, tenant, changes)).err();

    assert_eq!(refused(&RSA, TENANT_A, json!({})), None);
    assert_eq!(refused(&RSA, TENANT_B, json!({})), None);
    assert_eq!(*documents.fetched.lock().unwrap(), [&*metadata_url, keys_url], "once for all tenants");
    let personal = "9188040d-6c67-4c5b-b112-36a304b66dad";
    assert_eq!(refused(&RSA, personal, json!({})), Some(Reason::WrongIssuer), "not listed");
    assert_eq!(refused(&OTHER_RSA, TENANT_A, json!({})), None);
    assert_eq!(refused(&OTHER_RSA, TENANT_B, json!({})), Some(Reason::UnknownKey), "the key of tenant A");
    assert_eq!(refused(&RSA, TENANT_B, json!({"tid": TENANT_A})), Some(Reason::WrongIssuer));
}

#[tokio::test(start_paused = true)]
async fn okta() {
    let issuer = "https://school.okta.com/oauth2/default";
    let keys_url = "https://school.okta.com/oauth2/default/v1/keys";
    let documents = Documents::of([
        (
            "https://school.okta.com/oauth2/default/.well-known/openid-configuration",
            json!({
                "issuer": issuer, "authorization_endpoint": format!("{issuer}/v1/authorize"),
                "token_endpoint": format!("{issuer}/v1/token"), "jwks_uri": keys_url,
                "id_token_signing_alg_values_supported": ["RS256"],
                "claims_supported": ["ver", "jti", "iss", "aud", "iat", "exp", "cid", "uid", "scp", "sub"],
                "dpop_signing_alg_values_supported": ["RS256", "ES256"]
            }),
        ),
        (keys_url, json!({"keys": [RSA.public_jwk()]})),
    ]);
    let auth = ready(Auth::okta("school.okta.com", "default").audience("api://default"), &documents).await;
    // Okta's access tokens have no `typ` in the header.
    let header = json!({"kid": RSA.key_id(), "alg": "RS256"});
    let claims = json!({
        "ver": 1, "jti": "AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE", "iss": issuer, "aud": "api://default",
        "sub": "ann@school.example", "iat": now(), "exp": now() + 3600, "auth_time": now() - 3,
        "cid": "0oa62bfdiumsUndnZ0h7", "uid": "00u5t60iloOHN9pBi0h7", "scp": ["openid", "grades:read"],
        "groups": ["Everyone", "instructors"]
    });

    let caller = verify(&auth, &sign(&RSA, header.clone(), &claims)).unwrap();

    assert_eq!(caller.client_id(), Some("0oa62bfdiumsUndnZ0h7"));
    assert!(caller.has_scope("grades:read") && caller.has_role("instructors"));
    let refused = |changes| verify(&auth, &sign(&RSA, header.clone(), &with(&claims, changes))).err();
    let by_org_server = json!({"iss": "https://school.okta.com", "aud": "https://school.okta.com"});
    assert_eq!(refused(by_org_server), Some(Reason::WrongIssuer));
    assert_eq!(refused(json!({"at_hash": "preyLDUxv4IWPg5XH3aEVg"})), Some(Reason::WrongTokenType));
}

#[tokio::test(start_paused = true)]
async fn cognito() {
    let issuer = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab1Cd2Ef3";
    let keys_url = format!("{issuer}/.well-known/jwks.json");
    let documents = Documents::of([
        (
            &format!("{issuer}/.well-known/openid-configuration"),
            json!({
                "authorization_endpoint": "https://school.auth.eu-west-1.amazoncognito.com/oauth2/authorize",
                "id_token_signing_alg_values_supported": ["RS256"], "issuer": issuer, "jwks_uri": keys_url,
                "scopes_supported": ["openid", "email", "phone", "profile"]
            }),
        ),
        // One signs ID tokens, the other access tokens.
        (&keys_url, json!({"keys": [RSA.public_jwk(), OTHER_RSA.public_jwk()]})),
    ]);
    let cognito = Auth::cognito("eu-west-1", "eu-west-1_Ab1Cd2Ef3").client_ids(["1example23456789"]);
    let auth = ready(cognito, &documents).await;
    let header = |key: &SigningKey| json!({"kid": key.key_id(), "alg": "RS256"});
    let claims = json!({
        "sub": "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee", "cognito:groups": ["instructors"], "iss": issuer,
        "version": 2, "client_id": "1example23456789", "origin_jti": "dc7a-1", "event_id": "64f513be-32db",
        "token_use": "access", "scope": "aws.cognito.signin.user.admin grades/read", "auth_time": now() - 9,
        "exp": now() + 3600, "iat": now(), "jti": "aaaaaaaa-1", "username": "ann"
    });

    let caller = verify(&auth, &sign(&OTHER_RSA, header(&OTHER_RSA), &claims)).unwrap();

    assert_eq!(caller.client_id(), Some("1example23456789"));
    assert!(caller.has_scope("grades/read") && caller.has_role("instructors"));
    let refused =
        |changes| verify(&auth, &sign(&OTHER_RSA, header(&OTHER_RSA), &with(&claims, changes))).err();
    assert_eq!(refused(json!({"client_id": "another"})), Some(Reason::WrongClientId));
    assert_eq!(refused(json!({"token_use": "id"})), Some(Reason::WrongTokenType));
    let id_token = with(
        &claims,
        json!({"token_use": "id", "client_id": null, "scope": null, "aud": "1example23456789",
            "at_hash": "kq5", "cognito:username": "ann", "email": "ann@school.example"}),
    );
    assert!(verify(&auth, &sign(&RSA, header(&RSA), &id_token)).is_err());
    let id_token_without_marks = with(&id_token, json!({"token_use": null, "at_hash": null}));
    let reason = verify(&auth, &sign(&RSA, header(&RSA), &id_token_without_marks)).err();
    assert_eq!(reason, Some(Reason::MissingClientId));
}

#[tokio::test(start_paused = true)]
async fn google() {
    let keys_url = "https://www.googleapis.com/oauth2/v3/certs";
    let documents = Documents::of([
        (
            "https://accounts.google.com/.well-known/openid-configuration",
            json!({
                "issuer": "https://accounts.google.com",
                "authorization_endpoint": "https://accounts.google.com/o/oauth2/v2/auth",
                "token_endpoint": "https://oauth2.googleapis.com/token", "jwks_uri": keys_url,
                "response_types_supported": ["code", "token", "id_token"],
                "id_token_signing_alg_values_supported": ["RS256"]
            }),
        ),
        (keys_url, json!({"keys": [RSA.public_jwk(), OTHER_RSA.public_jwk()]})),
    ]);
    let service = "https://grades-abc123.a.run.app";
    let auth = ready(Auth::google().audience(service), &documents).await;
    let header = json!({"alg": "RS256", "kid": RSA.key_id(), "typ": "JWT"});
    let claims = json!({
        "aud": service, "azp": "110169484474386276334", "email": "billing@school-prod.iam.gserviceaccount.com",
        "email_verified": true, "exp": now() + 3600, "iat": now(), "iss": "https://accounts.google.com",
        "sub": "110169484474386276334"
    });

    let caller = verify(&auth, &sign(&RSA, header.clone(), &claims)).unwrap();

    assert_eq!(caller.subject(), Some("110169484474386276334"));
    assert_eq!(caller.scopes().len() + caller.roles().len(), 0);
    assert_eq!(caller.claims::<Value>().unwrap()["email"], "billing@school-prod.iam.gserviceaccount.com");
    let refused = |changes| verify(&auth, &sign(&RSA, header.clone(), &with(&claims, changes))).err();
    let sign_in =
        json!({"aud": "1234987819200.apps.googleusercontent.com", "nonce": "0394852-3190485-2490358"});
    assert_eq!(refused(sign_in), Some(Reason::WrongAudience));
    assert_eq!(refused(json!({"at_hash": "HK6E_P6Dh8Y93mRNtsDB1Q"})), Some(Reason::WrongTokenType));
    assert_eq!(refused(json!({"iss": "accounts.google.com"})), Some(Reason::WrongIssuer));
}

#[test]
fn open_edx() {
    let issuer = "https://lms.example/oauth2";
    let lms_key = SigningKey::generate(Algorithm::RS512).unwrap().with_key_id(None);
    let mut published = lms_key.public_jwk();
    published["kid"] = json!("lms-key-1"); // the set names the key, the token does not
    published["alg"] = json!("RS512");
    let auth = Auth::open_edx(issuer, json!({"keys": [published]}).to_string())
        .audience("openedx")
        .clock(FakeClock::default())
        .build()
        .unwrap();
    let header = json!({"alg": "RS512", "typ": "JWT"});
    let claims = json!({
        "aud": "openedx", "exp": now() + 3600, "grant_type": "password", "iat": now(), "iss": issuer,
        "preferred_username": "ann", "scopes": ["user_id", "grades:read"], "version": "1.2.0",
        "sub": "3f1c9a7be0d2445c", "filters": ["content_org:edX"], "is_restricted": true, "email_verified": true,
        "email": "ann@school.example", "name": "Ann", "administrator": false, "superuser": false, "user_id": 7,
        "roles": ["enterprise_learner:8c1f"]
    });

    assert!(auth.is_ready());
    let caller = verify(&auth, &sign(&lms_key, header.clone(), &claims)).unwrap();

    assert!(caller.has_scope("grades:read") && caller.has_role("enterprise_learner:8c1f"));
    assert!(caller.is_restricted() && caller.filters().any(|filter| filter == "content_org:edX"));
    assert_eq!(auth.verifier().schemes(), ["JWT", "Bearer"]);
    let refused = |changes| verify(&auth, &sign(&lms_key, header.clone(), &with(&claims, changes))).err();
    assert_eq!(refused(json!({"version": "2.0.0"})), Some(Reason::UnsupportedVersion));
    assert_eq!(refused(json!({"aud": "other"})), Some(Reason::WrongAudience));
}

#[tokio::test]
async fn an_audience_is_demanded_of_every_provider() {
    let lms = SigningKey::generate(Algorithm::ES256).unwrap().public_jwk();
    for builder in [
        Auth::keycloak("https://sso.example", "school"),
        Auth::auth0("school.eu.auth0.com"),
        Auth::entra_id(TENANT_A),
        Auth::entra_id_tenants([TENANT_A, TENANT_B]),
        Auth::okta("school.okta.com", "default"),
        Auth::cognito("eu-west-1", "eu-west-1_Ab1Cd2Ef3"),
        Auth::google(),
        Auth::open_edx("https://lms.example/oauth2", json!({"keys": [lms]}).to_string()),
    ] {
        let error = builder.build().unwrap_err();
        let settings: Vec<&str> = error.problems().iter().map(|problem| &*problem.setting).collect();
        assert_eq!(settings, ["audience"], "{error}");
    }
}

#[tokio::test]
async fn a_tenant_is_told_if_it_is_none() {
    for bad in ["common", "contoso.onmicrosoft.com", ""] {
        let error = Auth::entra_id(bad).audience(API).build().unwrap_err();
        assert_eq!(error.problems().len(), 1, "{error}");
        assert_eq!(error.problems()[0].setting, "tenants", "{error}");
    }
    let none = Auth::entra_id_tenants(Vec::<String>::new()).audience(API).build().unwrap_err();
    assert!(none.to_string().contains("tenants are missing"), "{none}");
    let twice = Auth::entra_id_tenants([TENANT_A, TENANT_A]).audience(API).build().unwrap_err();
    assert!(twice.to_string().contains("is given twice"), "{twice}");
}
