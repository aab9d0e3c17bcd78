//! What the parts of the family tell about themselves, as sources for [`Telemetry::watch`](linchpin_otel::Telemetry::watch).
//!
//! Requests, calls and authentication are measured without these.
//!
//! # Examples
//!
//! ```
//! use linchpin::{Auth, metrics, otel::Telemetry};
//!
//! # let pem = "-----BEGIN PUBLIC KEY-----
//! # MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
//! # -----END PUBLIC KEY-----";
//! let telemetry = Telemetry::builder("grades").from_vars([])?;
//! let auth = Auth::issuer("https://id.example").audience("grades").pem(pem).build()?;
//!
//! telemetry.watch(metrics::of_auth(&auth));
//! # Ok::<(), linchpin::ConfigError>(())
//! ```

use linchpin_otel::{KEY_FETCHES, KEYS, KEYS_AGE, KEYS_SKIPPED, KEYS_USABLE, Readings};

use crate::Auth;

/// The keys of each issuer: whether they can be used, how many there are, how old, and how the fetches went.
///
/// It keeps the keys' background task alive, as every clone of an [`Auth`] does.
pub fn of_auth(auth: &Auth) -> impl Fn(&mut Readings) + Send + Sync + use<> {
    let auth = auth.clone();
    move |readings| {
        for issuer in auth.health().issuers() {
            let name = &*issuer.issuer;
            readings.add(&KEYS_USABLE, &[name], f64::from(u8::from(issuer.state.is_usable())));
            readings.add(&KEYS, &[name], issuer.keys as f64);
            readings.add(&KEYS_SKIPPED, &[name], issuer.skipped as f64);
            if let Some(age) = issuer.age_seconds {
                readings.add(&KEYS_AGE, &[name], age as f64);
            }
            if issuer.succeeded + issuer.failed > 0 {
                readings.add(&KEY_FETCHES, &[name, "ok"], issuer.succeeded as f64);
                readings.add(&KEY_FETCHES, &[name, "failed"], issuer.failed as f64);
            }
        }
    }
}

/// The fetches of tokens for outgoing calls, under a name of the token endpoint.
#[cfg(feature = "remote")]
pub fn of_token_endpoint(
    name: &'static str,
    endpoint: &linchpin_oauth::TokenEndpoint,
) -> impl Fn(&mut Readings) + Send + Sync + use<> {
    use linchpin_otel::TOKEN_FETCHES;

    let endpoint = endpoint.clone();
    move |readings| {
        let fetches = endpoint.fetches();
        readings.add(&TOKEN_FETCHES, &[name, "ok"], fetches.succeeded as f64);
        readings.add(&TOKEN_FETCHES, &[name, "failed"], fetches.failed as f64);
    }
}

/// Breaker and bulkhead of a client, under the client's name.
#[cfg(feature = "client")]
pub fn of_client(client: &linchpin_client::Client) -> impl Fn(&mut Readings) + Send + Sync + use<> {
    use linchpin_client::BreakerState::{Closed, HalfOpen, Open};
    use linchpin_otel::{BREAKER, CALLS_IN_FLIGHT, CALLS_WAITING};

    let client = client.clone();
    move |readings| {
        let (name, health) = (client.name(), client.health());
        if let Some(current) = health.breaker {
            for state in [Closed, Open, HalfOpen] {
                let number = f64::from(u8::from(state == current));
                readings.add(&BREAKER, &[name, state.name()], number);
            }
        }
        for (metric, calls) in [(CALLS_IN_FLIGHT, health.in_flight), (CALLS_WAITING, health.waiting)] {
            if let Some(calls) = calls {
                readings.add(&metric, &[name], calls as f64);
            }
        }
    }
}
