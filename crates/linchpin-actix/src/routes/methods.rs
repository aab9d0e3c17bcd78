//! The methods of one path.

use std::fmt;

use actix_web::{
    FromRequest, Handler, Responder, Route,
    guard::{self, Guard},
    http::Method as HttpMethod,
    web,
};
use linchpin_core::{Gate, IntoPolicy, Policy};

use super::Build;
use crate::VerifyMiddleware;

/// The methods of one path, each with a policy and a handler.
///
/// GET answers HEAD too, under the same policy, as axum does by itself.
#[must_use]
pub struct Methods {
    methods: Vec<Method>,
}

pub(super) struct Method {
    pub(super) name: &'static str,
    pub(super) policy: Policy,
    pub(super) build: Build,
}

macro_rules! methods {
    ($($name:ident = $text:literal;)*) => {
        $(
            #[doc = concat!("Answers ", $text, ": first whom it admits, then the handler.")]
            pub fn $name<P, F, Args>(policy: P, handler: F) -> Methods
            where
                P: IntoPolicy,
                F: Handler<Args>,
                Args: FromRequest + 'static,
                F::Output: Responder + 'static,
            {
                Methods { methods: Vec::new() }.$name(policy, handler)
            }
        )*

        impl Methods {
            $(
                #[doc = concat!("Answers ", $text, " as well.")]
                pub fn $name<P, F, Args>(self, policy: P, handler: F) -> Self
                where
                    P: IntoPolicy,
                    F: Handler<Args>,
                    Args: FromRequest + 'static,
                    F::Output: Responder + 'static,
                {
                    self.on($text, policy.into_policy(), handler)
                }
            )*
        }
    };
}

methods! {
    get = "GET";
    post = "POST";
    put = "PUT";
    patch = "PATCH";
    delete = "DELETE";
}

impl Methods {
    fn on<F, Args>(mut self, name: &'static str, policy: Policy, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        let build = move |gate: &Gate| wrapped(guarded(name).to(handler), gate, policy);
        self.methods.push(Method { name, policy, build: Box::new(build) });
        self
    }

    pub(super) fn into_methods(self) -> Vec<Method> {
        self.methods
    }
}

/// A route for one method; HEAD is answered like GET.
pub(super) fn guarded(method: &'static str) -> Route {
    let is_asked: Box<dyn Guard> = match method {
        "GET" => Box::new(guard::Any(guard::Get()).or(guard::Head())),
        other => Box::new(guard::Method(HttpMethod::from_bytes(other.as_bytes()).expect("a method of HTTP"))),
    };
    web::route().guard(guard::fn_guard(move |context| is_asked.check(context)))
}

/// The route behind a middleware with this policy, which decides before any extractor is made.
pub(super) fn wrapped(route: Route, gate: &Gate, policy: Policy) -> Route {
    route.wrap(VerifyMiddleware::from(gate.clone().policy(policy)))
}

impl fmt::Debug for Methods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.methods.iter().map(|method| (method.name, method.policy))).finish()
    }
}
