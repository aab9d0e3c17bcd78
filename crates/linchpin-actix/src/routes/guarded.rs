//! The finished service.

use std::fmt;

use actix_web::{
    HttpRequest, Resource, Scope,
    dev::{AppService, HttpServiceFactory},
    guard,
    http::header::HeaderValue,
    web,
};
use linchpin_core::{Gate, RouteTable, Undeclared};

use super::{
    Nested, Routes,
    methods::Method,
    undeclared::{Elsewhere, METHOD_NOT_ALLOWED, tell_callers},
};
use crate::VerifyMiddleware;

/// Routes behind their policies: a service for `App::service`, made by [`Routes::guarded_by`].
///
/// It answers for every path: what the application declares before it is outside the table, and what it adds behind it is
/// not reached.
///
/// # Examples
///
/// The count is shared by the workers, each of which makes its own routes:
///
/// ```
/// # use linchpin_actix::routes::{Routes, get, public};
/// # fn server(gate: linchpin_core::Gate) {
/// use actix_web::{App, HttpServer};
/// use linchpin_core::Undeclared;
///
/// fn routes() -> Routes {
///     Routes::new().route("/healthz", get(public(), async || "ok"))
/// }
///
/// println!("{}", routes().table());
/// let undeclared = Undeclared::default();
/// let server = HttpServer::new(move || App::new().service(routes().guarded_by(&gate).counting(&undeclared)));
/// # }
/// ```
#[must_use]
pub struct Guarded {
    routes: Routes,
    gate: Gate,
    undeclared: Undeclared,
}

impl Guarded {
    pub(super) fn new(routes: Routes, gate: Gate, undeclared: Undeclared) -> Self {
        Self { routes, gate, undeclared }
    }

    /// The routes with their policies.
    pub fn table(&self) -> &RouteTable {
        self.routes.table()
    }

    /// How often routes were asked for that no table declares; the handle may be kept.
    pub fn undeclared(&self) -> &Undeclared {
        &self.undeclared
    }

    /// Counts into this, which several workers may share.
    pub fn counting(self, undeclared: &Undeclared) -> Self {
        Self { undeclared: undeclared.clone(), ..self }
    }

    fn into_scope(self) -> Scope {
        let Self { routes, gate, undeclared } = self;
        let Routes { methods, nested, undeclared: without_policy, fallbacks, .. } = routes;
        let mut scope = web::scope("");
        for (path, methods) in by_path(methods) {
            scope = scope.service(resource(&path, methods, &gate));
        }
        for Nested { path, policy, configure } in nested {
            let middleware = VerifyMiddleware::from(gate.clone().policy(policy));
            scope = scope.service(web::scope(&path).configure(configure).wrap(middleware));
        }
        let elsewhere = Elsewhere { gate: gate.clone(), undeclared };
        let (own, below): (Vec<_>, Vec<_>) = fallbacks.into_iter().partition(|(path, _)| path.is_empty());
        for (path, fallback) in below {
            let fallback = elsewhere.clone().before(fallback(&gate));
            scope = scope.service(web::scope(&path).default_service(fallback));
        }

        // There for its patterns alone, by which a request for one of them is known; nothing runs its handlers.
        let known = web::scope("").guard(guard::fn_guard(|_| false));
        scope = scope
            .service(without_policy.into_iter().fold(known, |known, configure| known.configure(configure)));
        match own.into_iter().next() {
            Some((_, fallback)) => scope.default_service(elsewhere.before(fallback(&gate))),
            None => {
                scope.default_service(web::to(move |request: HttpRequest| elsewhere.clone().answer(request)))
            }
        }
    }
}

impl HttpServiceFactory for Guarded {
    fn register(self, config: &mut AppService) {
        self.into_scope().register(config);
    }
}

/// The methods of each path together, in the order in which the paths were declared first.
fn by_path(methods: Vec<(String, Method)>) -> Vec<(String, Vec<Method>)> {
    let mut paths: Vec<(String, Vec<Method>)> = Vec::new();
    for (path, method) in methods {
        match paths.iter_mut().find(|(known, _)| *known == path) {
            Some((_, methods)) => methods.push(method),
            None => paths.push((path, vec![method])),
        }
    }
    paths
}

fn resource(path: &str, methods: Vec<Method>, gate: &Gate) -> Resource {
    let names: Vec<_> =
        methods.iter().map(|method| if method.name == "GET" { "GET,HEAD" } else { method.name }).collect();
    let allow = HeaderValue::from_str(&names.join(",")).expect("names of methods are a header value");
    let resource = methods
        .into_iter()
        .fold(web::resource(path), |resource, method| resource.route((method.build)(gate)));
    let gate = gate.clone();
    resource.default_service(web::to(move |request: HttpRequest| {
        tell_callers(request, gate.clone(), METHOD_NOT_ALLOWED, Some(allow.clone()))
    }))
}

impl fmt::Debug for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guarded").field("table", self.table()).finish_non_exhaustive()
    }
}
