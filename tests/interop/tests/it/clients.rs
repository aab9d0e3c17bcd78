//! Our clients at the provider's token endpoint. What they get is tried at the doors of both reference services.

use faults::Framework;
use interop::{Provider, client};
use linchpin::Auth;
use linchpin_client::Client;
use linchpin_jwt::{Algorithm, Profile, SigningKey};
use linchpin_oauth::{
    AccessToken, ClientAuth, ClientCredentials, TokenEndpoint, TokenError, TokenErrorKind, TokenOutcome,
    TokenRequest, TokenSource,
};
use linchpin_test::{Reply, ScriptedUpstream};
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// A client, and what the provider knows of it.
struct Registered {
    auth: ClientAuth,
    registration: Value,
}

impl Registered {
    fn basic() -> Self {
        let registration = client(BASIC, "client_secret_basic", ("client_secret", SECRET.into()));
        Self { auth: ClientAuth::secret_basic(BASIC, SECRET), registration }
    }

    fn post() -> Self {
        let registration = client(POST, "client_secret_post", ("client_secret", SECRET.into()));
        Self { auth: ClientAuth::secret_post(POST, SECRET), registration }
    }

    fn private_key_jwt(id: &str, algorithm: Algorithm) -> Self {
        let key = SigningKey::generate(algorithm).unwrap();
        let registration = client(id, "private_key_jwt", ("jwks", json!({ "keys": [key.public_jwk()] })));
        Self { auth: ClientAuth::private_key_jwt(id, key), registration }
    }
}

/// A provider that knows one client.
async fn with_one(client: Registered) -> (Provider, ClientAuth) {
    (Provider::start(&[client.registration]).await, client.auth)
}

/// A provider that knows one client, which proves who it is with a key.
async fn with_key() -> (Provider, ClientAuth) {
    with_one(Registered::private_key_jwt(KEY, Algorithm::ES256)).await
}

/// A source of tokens with a scope, for the resource server of most tests.
fn source(endpoint: &TokenEndpoint) -> ClientCredentials {
    ClientCredentials::builder(endpoint).resource(RESOURCE).scope("read:reports").build().unwrap()
}

fn discovered(provider: &Provider, auth: ClientAuth) -> TokenEndpoint {
    TokenEndpoint::discovery(provider.issuer(), auth).build().unwrap()
}

async fn token(source: &ClientCredentials) -> Result<AccessToken, TokenError> {
    match source.token(&TokenRequest::new("https://reports.test:443")) {
        TokenOutcome::Ready(result) => result,
        TokenOutcome::Pending(pending) => pending.await,
    }
}

/// Both services know who calls, and what the caller may.
async fn assert_opens(provider: &Provider, token: &str) {
    for framework in Framework::ALL {
        let auth = Auth::issuer(provider.issuer())
            .audience(RESOURCE)
            .profile(Profile::Rfc9068)
            .algorithms([Algorithm::ES256])
            .build()
            .unwrap();
        auth.ready().await;
        let service = framework.serve(auth).await;
        assert_eq!(service.get("/whoami", token).await.status, 200, "{framework:?}");
        assert_eq!(service.get("/scoped", token).await.status, 200, "{framework:?}");
    }
}

#[tokio::test]
async fn each_method_of_authentication_gets_tokens_that_we_accept() {
    let registered = [
        Registered::basic(),
        Registered::post(),
        Registered::private_key_jwt("rs256", Algorithm::RS256),
        Registered::private_key_jwt("ps256", Algorithm::PS256),
        Registered::private_key_jwt("es256", Algorithm::ES256),
        Registered::private_key_jwt("eddsa", Algorithm::EdDSA),
    ];
    let provider = Provider::start(&registered.each_ref().map(|client| client.registration.clone())).await;

    for Registered { auth, .. } in registered {
        let token = token(&source(&discovered(&provider, auth.clone()))).await;
        let token = token.unwrap_or_else(|error| panic!("{auth:?}: {error}"));
        assert_opens(&provider, token.secret()).await;
    }
}

#[tokio::test]
async fn an_assertion_for_the_token_endpoint_is_taken_as_one_for_the_issuer() {
    let (provider, auth) = with_key().await;
    let endpoint = TokenEndpoint::url(format!("{}/token", provider.issuer()), auth).build().unwrap();

    let token = token(&source(&endpoint)).await.unwrap();

    assert_opens(&provider, token.secret()).await;
}

#[tokio::test]
async fn each_token_needs_an_assertion_of_its_own_and_gets_one() {
    let (provider, auth) = with_key().await;
    let endpoint = discovered(&provider, auth);

    // The provider refuses an assertion whose `jti` it has seen.
    let (first, second) = (token(&source(&endpoint)).await, token(&source(&endpoint)).await);

    assert_ne!(first.unwrap(), second.unwrap());
}

#[tokio::test]
async fn a_client_that_cannot_prove_who_it_is_is_refused() {
    let with_key = Registered::private_key_jwt(KEY, Algorithm::ES256);
    let clients = [Registered::basic().registration, Registered::post().registration, with_key.registration];
    let provider = Provider::start(&clients).await;
    let another = SigningKey::generate(Algorithm::ES256).unwrap();

    for unproven in [
        ClientAuth::secret_basic(BASIC, "another secret"),
        ClientAuth::secret_basic("nobody", SECRET),
        ClientAuth::secret_post(POST, "another secret"),
        ClientAuth::secret_basic(KEY, SECRET),
        ClientAuth::private_key_jwt(KEY, another),
        with_key.auth.assertion_audience("https://elsewhere.test"),
    ] {
        let refused = token(&source(&discovered(&provider, unproven))).await.unwrap_err();
        assert_eq!(refused.kind(), TokenErrorKind::Refused, "{refused}");
        assert_eq!(refused.error_code(), Some("invalid_client"));
    }
}

#[tokio::test]
async fn what_the_provider_does_not_grant_is_a_refusal_that_says_so() {
    let (provider, auth) = with_one(Registered::basic()).await;
    let endpoint = discovered(&provider, auth);
    let elsewhere = ClientCredentials::builder(&endpoint).resource("https://elsewhere.test").build().unwrap();
    let too_much =
        ClientCredentials::builder(&endpoint).resource(RESOURCE).scope("write:reports").build().unwrap();

    for (source, code) in [(elsewhere, "invalid_target"), (too_much, "invalid_scope")] {
        let refused = token(&source).await.unwrap_err();
        assert!(refused.is_refused());
        assert_eq!(refused.error_code(), Some(code));
    }
}

#[tokio::test]
async fn no_refusal_shows_the_secret() {
    let (provider, _) = with_one(Registered::basic()).await;

    let refused = token(&source(&discovered(&provider, ClientAuth::secret_basic(BASIC, "hunter2")))).await;

    let refused = refused.unwrap_err();
    assert!(!format!("{refused} {refused:?}").contains("hunter2"));
}

#[tokio::test]
async fn calls_that_wait_together_get_the_same_token() {
    let (provider, auth) = with_one(Registered::basic()).await;
    let source = source(&discovered(&provider, auth));
    let mut calls = JoinSet::new();
    for _ in 0..64 {
        let source = source.clone();
        calls.spawn(async move { token(&source).await });
    }

    let tokens: Vec<_> = calls.join_all().await.into_iter().map(Result::unwrap).collect();

    assert!(tokens.iter().all(|token| *token == tokens[0]), "one fetch for all");
}

#[tokio::test]
async fn a_client_carries_the_token_to_its_upstream() {
    let (provider, auth) = with_key().await;
    let upstream = ScriptedUpstream::start().await.unwrap();
    upstream.always(Reply::json(json!({"reports": 3})));
    let reports = Client::builder("reports", upstream.url())
        .token_source(source(&discovered(&provider, auth)))
        .build()
        .unwrap();

    for _ in 0..2 {
        let answer: Value = reports.get("/reports").send_json().await.unwrap();
        assert_eq!(answer, json!({"reports": 3}));
    }

    let requests = upstream.requests();
    let tokens: Vec<_> = requests.iter().map(|request| request.bearer().unwrap()).collect();
    assert_eq!(tokens, [tokens[0]; 2]);
    assert_opens(&provider, tokens[0]).await;
}

// RFC 6749 §2.3.1 has both encoded before they are joined for HTTP Basic; in a form they are encoded as all of it is.
const BASIC: &str = "reports: nightly & more";
const POST: &str = "reports=100%+";
const KEY: &str = "reports";
const SECRET: &str = "50% +of/it=:is~punctuation?";
const RESOURCE: &str = "https://es256.test";
