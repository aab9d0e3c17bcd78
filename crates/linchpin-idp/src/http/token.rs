//! The token endpoint: the grant `client_credentials` (RFC 6749 §4.4).

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{AUTHORIZATION, WWW_AUTHENTICATE},
    },
    response::Response,
};
use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    answer::{self, error, has_content_type, minted},
    assertion,
    form::Form,
};
use crate::{Client, provider::Provider, users::Credential};

/// `POST /token`
pub(super) async fn token(
    State(provider): State<Arc<Provider>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let body = match answer::body(body) {
        Ok(body) => body,
        Err(response) => return *response,
    };
    match Request::read(&provider, &headers, &body) {
        Ok(Request { client, scope, audiences }) => {
            minted(provider.mint_for_client(client, scope.as_deref(), &audiences))
        }
        Err(refused) => refused.into_response(),
    }
}

/// What an authenticated client asks for.
struct Request<'p> {
    client: &'p Client,
    scope: Option<String>,
    audiences: Vec<String>,
}

impl<'p> Request<'p> {
    fn read(provider: &'p Provider, headers: &HeaderMap, body: &[u8]) -> Result<Self, Refused> {
        if !has_content_type(headers, "application/x-www-form-urlencoded") {
            return Err(Refused::request("the body has to be application/x-www-form-urlencoded"));
        }
        let form = Form::parse(body);
        let client = authenticate(provider, headers, &form)?;
        match form.single("grant_type")? {
            Some("client_credentials") => {}
            Some(_) => {
                let description =
                    "the only grant_type here is client_credentials; /dev/token makes tokens for users";
                return Err(Refused::new(StatusCode::BAD_REQUEST, "unsupported_grant_type", description));
            }
            None => return Err(Refused::request("the parameter grant_type is missing")),
        }
        // RFC 8707 §2: an absolute URI without a fragment.
        if form.all("resource").any(|resource| !resource.contains(':') || resource.contains('#')) {
            let description = "a resource is an absolute URI without a fragment";
            return Err(Refused::new(StatusCode::BAD_REQUEST, "invalid_target", description));
        }
        let audiences = form.all("audience").chain(form.all("resource")).map(str::to_owned).collect();
        Ok(Self { client, scope: form.single("scope")?.map(str::to_owned), audiences })
    }
}

/// The client that shows who it is in one way, and not in several (RFC 6749 §2.3): with its secret in the header or in the form,
/// or with an assertion that it has signed (RFC 7523 §2.2).
fn authenticate<'p>(provider: &'p Provider, headers: &HeaderMap, form: &Form) -> Result<&'p Client, Refused> {
    let (form_id, form_secret) = (form.single("client_id")?, form.single("client_secret")?);
    let assertion = form.single("client_assertion")?;
    let mut credentials = headers.get_all(AUTHORIZATION).iter();
    let (id, secret) = match (credentials.next(), credentials.next()) {
        (Some(_), Some(_)) => return Err(Refused::request("there is more than one Authorization header")),
        (Some(credential), None) => {
            if form_secret.is_some() || assertion.is_some() {
                return Err(Refused::request("the client authenticates in the header and in the form"));
            }
            let (id, secret) = read_basic(credential).ok_or(Refused::client("it is not HTTP Basic"))?;
            if form_id.is_some_and(|form_id| form_id != id) {
                return Err(Refused::request("the header and the form name different clients"));
            }
            (id, secret)
        }
        _ => match (form_id, form_secret, assertion) {
            (_, Some(_), Some(_)) => {
                return Err(Refused::request("the client authenticates with a secret and an assertion"));
            }
            (id, None, Some(assertion)) => {
                if form.single("client_assertion_type")? != Some(JWT_BEARER) {
                    return Err(Refused::request("the client_assertion_type is another than jwt-bearer"));
                }
                return assertion::client(provider, assertion, id);
            }
            (Some(id), Some(secret), None) => (id.to_owned(), secret.to_owned()),
            _ => {
                return Err(Refused::client(
                    "give id and secret, as HTTP Basic or in the form, or an assertion",
                ));
            }
        },
    };
    // A plain comparison: the secret of a development client protects nothing.
    let has_secret =
        |client: &Client| matches!(&client.credential, Credential::Secret(own) if *own == secret);
    let client = provider.clients.iter().find(|client| client.id == id && has_secret(client));
    client.ok_or(Refused::client("there is no such client, or its secret is another"))
}

/// Id and secret of a Basic credential, both of which are form-encoded within it (RFC 6749 §2.3.1).
fn read_basic(credential: &HeaderValue) -> Option<(String, String)> {
    let (scheme, encoded) = credential.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("Basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    Some((form_decode(id)?, form_decode(secret)?))
}

fn form_decode(text: &str) -> Option<String> {
    let parameter = format!("value={text}");
    let mut parameters = form_urlencoded::parse(parameter.as_bytes());
    match (parameters.next(), parameters.next()) {
        (Some((_, value)), None) => Some(value.into_owned()),
        _ => None, // a bare `&` is not form-encoded
    }
}

/// A token request that is refused (RFC 6749 §5.2).
#[derive(Debug, PartialEq)]
pub(super) struct Refused {
    status: StatusCode,
    code: &'static str,
    description: String,
}

impl Refused {
    pub(super) fn new(status: StatusCode, code: &'static str, description: impl Into<String>) -> Self {
        Self { status, code, description: description.into() }
    }

    pub(super) fn request(description: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", description)
    }

    pub(super) fn client(hint: &str) -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "invalid_client",
            format!("the client is not authenticated: {hint}"),
        )
    }

    pub(super) fn into_response(self) -> Response {
        let mut response = error(self.status, self.code, &self.description);
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Basic realm=\"linchpin-idp\"");
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(decoded: &str) -> Option<(String, String)> {
        read_basic(&HeaderValue::try_from(format!("Basic {}", STANDARD.encode(decoded))).unwrap())
    }

    #[test]
    fn a_basic_credential_is_form_encoded_within() {
        let expected = |id: &str, secret: &str| Some((id.to_owned(), secret.to_owned()));

        assert_eq!(basic("id:secret"), expected("id", "secret"));
        assert_eq!(basic("a%3Ab+c:d%26e:f="), expected("a:b c", "d&e:f="));
        for bad in ["id", "id:a&b"] {
            assert_eq!(basic(bad), None, "{bad}");
        }
        for bad in ["Basic", "Basic !", "Bearer aWQ6c2VjcmV0", "Basic aWQ6c2VjcmV0 x", "Basic /////w=="] {
            assert_eq!(read_basic(&HeaderValue::from_static(bad)), None, "{bad}");
        }
    }
}
