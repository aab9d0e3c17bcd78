//! The methods of one path.

use std::fmt;

use axum::{
    handler::Handler,
    routing::{MethodFilter, MethodRouter, on},
};
use linchpin_core::{IntoPolicy, Policy};

use super::Building;

/// The methods of one path, each with a policy and a handler.
///
/// As with axum's own, GET answers HEAD too, under the same policy.
#[must_use]
pub struct Methods<S = ()> {
    methods: Vec<Method<S>>,
}

struct Method<S> {
    name: &'static str,
    policy: Policy,
    build: Build<S>,
}

/// Makes the method's part of the router once the gate is known.
type Build<S> = Box<dyn FnOnce(&Building<'_>) -> MethodRouter<S> + Send>;

macro_rules! methods {
    ($($name:ident = $text:literal, $filter:ident;)*) => {
        $(
            #[doc = concat!("Answers ", $text, ": first whom it admits, then the handler.")]
            pub fn $name<P, H, T, S>(policy: P, handler: H) -> Methods<S>
            where
                P: IntoPolicy,
                H: Handler<T, S>,
                T: 'static,
                S: Clone + Send + Sync + 'static,
            {
                Methods { methods: Vec::new() }.$name(policy, handler)
            }
        )*

        impl<S: Clone + Send + Sync + 'static> Methods<S> {
            $(
                #[doc = concat!("Answers ", $text, " as well.")]
                pub fn $name<P, H, T>(self, policy: P, handler: H) -> Self
                where
                    P: IntoPolicy,
                    H: Handler<T, S>,
                    T: 'static,
                {
                    self.on($text, MethodFilter::$filter, policy.into_policy(), handler)
                }
            )*
        }
    };
}

methods! {
    get = "GET", GET;
    post = "POST", POST;
    put = "PUT", PUT;
    patch = "PATCH", PATCH;
    delete = "DELETE", DELETE;
}

impl<S: Clone + Send + Sync + 'static> Methods<S> {
    fn on<H, T>(mut self, name: &'static str, filter: MethodFilter, policy: Policy, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        // Around the handler alone: what is answered to other methods is not decided by this policy.
        let build = move |building: &Building<'_>| on(filter, handler).route_layer(building.layer(policy));
        self.methods.push(Method { name, policy, build: Box::new(build) });
        self
    }

    pub(super) fn policies(&self) -> impl Iterator<Item = (&'static str, Policy)> {
        self.methods.iter().map(|method| (method.name, method.policy))
    }

    pub(super) fn build(self, building: &Building<'_>) -> MethodRouter<S> {
        let methods = self.methods.into_iter().map(|method| (method.build)(building));
        methods.fold(MethodRouter::new(), MethodRouter::merge)
    }
}

impl<S: Clone + Send + Sync + 'static> fmt::Debug for Methods<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.policies()).finish()
    }
}
