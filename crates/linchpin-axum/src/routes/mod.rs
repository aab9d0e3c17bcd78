//! Routes that deny by default: each is declared with its policy.
//!
//! [`Routes`] looks like axum's `Router`, but that every method names its policy before its handler: a route without one
//! does not compile. [`merge`](Routes::merge) and [`nest`](Routes::nest) take other `Routes` only. [`Routes::guarded_by`]
//! puts a verifying layer with its policy around each route; there is no layer to forget.
//!
//! A CORS layer stands outside, by [`Guarded::layer`], and answers preflights itself.
//!
//! What has no handler is told only to those with a valid token, as 404 or 405; to others it is 401. The routes of a plain
//! `Router` can be brought along by [`Routes::merge_undeclared`]: until they are declared, they are refused with 403.
//!
//! # Examples
//!
//! ```
//! use linchpin_axum::{
//!     Caller,
//!     routes::{Routes, authenticated, get, public, require},
//! };
//! use linchpin_core::scopes;
//!
//! scopes! { pub GradesRead = "grades:read"; pub GradesWrite = "grades:write"; }
//!
//! async fn list() -> &'static str { "the grades" }
//! async fn record(caller: Caller, body: String) {}
//!
//! fn routes() -> Routes {
//!     let grades = Routes::new()
//!         .route("/", get(require::<GradesRead>(), list).post(require::<GradesWrite>(), record))
//!         .route("/mine", get(authenticated(), list));
//!     Routes::new().route("/healthz", get(public(), async || "ok")).nest("/grades", grades)
//! }
//!
//! assert_eq!(routes().table().to_string(), "\
//! GET   /healthz      public
//! GET   /grades       scope grades:read
//! POST  /grades       scope grades:write
//! GET   /grades/mine  authenticated
//! ");
//! ```
//!
//! Without a policy, the compiler says so:
//!
//! ```compile_fail,E0061
//! # use linchpin_axum::routes::{Routes, get};
//! Routes::<()>::new().route("/grades", get(async || "the grades"));
//! ```

mod entrance;
mod guarded;
mod methods;
mod undeclared;

use std::{convert::Infallible, fmt};

use axum::{
    Router,
    extract::Request,
    handler::Handler,
    response::IntoResponse,
    routing::{MethodRouter, any, any_service},
};
use linchpin_core::{Gate, IntoPolicy, Policy, ResourceMetadata, RouteTable, Undeclared};
use tower_service::Service;

pub use self::{
    guarded::Guarded,
    methods::{Methods, delete, get, patch, post, put},
};
pub use linchpin_tower::require;

use self::{entrance::EntranceLayer, undeclared::Refuse};

/// Admits everybody, whatever credential is sent: nothing of it is looked at.
pub const fn public() -> Policy {
    Policy::public()
}

/// Admits callers with a valid token and those who bring no credential; one that fails is refused.
pub const fn optional() -> Policy {
    Policy::optional()
}

/// Admits every caller with a valid token, unless it belongs to a restricted application (profile `open_edx`).
pub const fn authenticated() -> Policy {
    Policy::authenticated()
}

/// The routes of a service or of a part of it, each with its policy; see the [module](self).
///
/// As with axum's `Router`, `S` is the state that handlers still miss.
///
/// # Panics
///
/// Its methods panic where those of `Router` do: for a path that is none, or that is declared twice. They do so when the
/// routes are put together by [`guarded_by`](Self::guarded_by), at start-up.
#[must_use]
pub struct Routes<S = ()> {
    table: RouteTable,
    steps: Vec<Step<S>>,
    has_fallback: bool,
}

/// What is done to the router once the gate is known.
type Step<S> = Box<dyn FnOnce(Router<S>, &Building<'_>) -> Router<S> + Send>;

/// What the steps need to know.
struct Building<'a> {
    gate: &'a Gate,
    undeclared: &'a Undeclared,
}

impl Building<'_> {
    fn layer(&self, policy: Policy) -> EntranceLayer {
        EntranceLayer::new(self.gate.clone().policy(policy).into())
    }
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// No routes yet.
    pub fn new() -> Self {
        Self { table: RouteTable::default(), steps: Vec::new(), has_fallback: false }
    }

    /// Adds a route: a path, and for each of its methods a policy and a handler.
    pub fn route(mut self, path: &str, methods: Methods<S>) -> Self {
        for (method, policy) in methods.policies() {
            self.table.add(method, path, policy);
        }
        let path = path.to_owned();
        self.step(move |router, building| router.route(&path, methods.build(building)))
    }

    /// Adds a service for all methods of a path.
    pub fn route_service<T>(mut self, path: &str, policy: impl IntoPolicy, service: T) -> Self
    where
        T: Service<Request, Error = Infallible> + Clone + Send + Sync + 'static,
        T::Response: IntoResponse,
        T::Future: Send + 'static,
    {
        let (path, policy) = (path.to_owned(), policy.into_policy());
        self.table.add("*", &*path, policy);
        self.step(move |router, building| {
            let methods: MethodRouter<S> = any_service(service);
            router.route(&path, methods.layer(building.layer(policy)))
        })
    }

    /// Adds a service for everything below a path, such as an application of its own.
    pub fn nest_service<T>(mut self, path: &str, policy: impl IntoPolicy, service: T) -> Self
    where
        T: Service<Request, Error = Infallible> + Clone + Send + Sync + 'static,
        T::Response: IntoResponse,
        T::Future: Send + 'static,
    {
        let (path, policy) = (path.to_owned(), policy.into_policy());
        self.table.add("*", format!("{}/{{*rest}}", path.trim_end_matches('/')), policy);
        self.step(move |router, building| {
            let methods: MethodRouter = any_service(service);
            router.nest_service(&path, methods.layer(building.layer(policy)))
        })
    }

    /// Adds the routes of another part.
    pub fn merge(mut self, other: Self) -> Self {
        self.table.merge(other.table);
        self.has_fallback |= other.has_fallback;
        self.steps.extend(other.steps);
        self
    }

    /// Adds the routes of another part below a path.
    pub fn nest(mut self, path: &str, other: Self) -> Self {
        self.table.nest(path, other.table);
        let (path, steps) = (path.to_owned(), other.steps);
        self.step(move |router, building| router.nest(&path, run(steps, building)))
    }

    /// Adds the routes of a plain router, which have no policy: they are refused with 403, until they are declared.
    ///
    /// It is for a service that moves to declared routes step by step. Each such request is an error event with method and
    /// matched path, and counts in [`Guarded::undeclared`]. The router's own fallback is dropped: what no route matches
    /// is answered like any other unknown path.
    ///
    /// # Security
    ///
    /// The router's handlers and services are dropped, so that nothing can run them.
    pub fn merge_undeclared(self, router: Router<S>) -> Self {
        self.step(move |routes, building| {
            let refuse = Refuse::new(building.gate.clone(), building.undeclared.clone());
            // Other methods of its paths are refused likewise: what the layer wraps is never called.
            let router = router.reset_fallback().method_not_allowed_fallback(async || ());
            routes.merge(router.layer(refuse))
        })
    }

    /// Answers paths that are not declared, instead of with 404 for those with a valid token.
    ///
    /// That of a part which is nested stays below its path. Two that are merged are one too many, which is told with a
    /// panic, as axum does.
    pub fn fallback<H, T>(mut self, policy: impl IntoPolicy, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        let policy = policy.into_policy();
        self.table.add("*", "/{*fallback}", policy);
        self.has_fallback = true;
        self.step(move |router, building| router.fallback(any(handler).layer(building.layer(policy))))
    }

    /// Serves the metadata of the resource at its well-known path, for everybody (RFC 9728 §3).
    ///
    /// [`Gate::resource_metadata`] makes challenges point there.
    pub fn resource_metadata(self, metadata: &ResourceMetadata) -> Self {
        self.route(metadata.path(), get(public(), serve(metadata)))
    }

    /// Gives the handlers their state.
    pub fn with_state<S2: Clone + Send + Sync + 'static>(self, state: S) -> Routes<S2> {
        let Self { table, steps, has_fallback } = self;
        let routes = Routes { table, steps: Vec::new(), has_fallback };
        routes.step(move |router: Router<S2>, building| router.merge(run(steps, building).with_state(state)))
    }

    /// The routes with their policies, as far as they are declared.
    pub fn table(&self) -> &RouteTable {
        &self.table
    }

    fn step(mut self, step: impl FnOnce(Router<S>, &Building<'_>) -> Router<S> + Send + 'static) -> Self {
        self.steps.push(Box::new(step));
        self
    }
}

impl Routes {
    /// The finished service: each route behind a layer of `gate` that decides by the route's policy.
    ///
    /// Whether the gate itself is optional, or has a policy, does not matter.
    pub fn guarded_by(self, gate: &Gate) -> Guarded {
        let undeclared = Undeclared::default();
        let building = Building { gate, undeclared: &undeclared };
        let mut router = run(self.steps, &building);
        let unknown = |status, title| {
            let gate = gate.clone().policy(Policy::authenticated());
            undeclared::tell_callers(gate, status, title)
        };
        if !self.has_fallback {
            router = router.fallback(unknown(404, "Not Found"));
        }
        let router = router.method_not_allowed_fallback(unknown(405, "Method Not Allowed"));
        Guarded::new(router, self.table, undeclared)
    }
}

/// Serves the metadata of a resource at its well-known path, for routers that have no route table (RFC 9728 §3).
///
/// It is merged outside the verifying layer: everybody may read it.
pub fn resource_metadata<S: Clone + Send + Sync + 'static>(metadata: &ResourceMetadata) -> Router<S> {
    Router::new().route(metadata.path(), axum::routing::get(serve(metadata)))
}

fn serve(
    metadata: &ResourceMetadata,
) -> impl Fn() -> std::future::Ready<([(&'static str, &'static str); 1], String)> + Clone + use<> {
    let document = metadata.to_json();
    move || std::future::ready(([("content-type", "application/json")], document.clone()))
}

fn run<S: Clone + Send + Sync + 'static>(steps: Vec<Step<S>>, building: &Building<'_>) -> Router<S> {
    steps.into_iter().fold(Router::new(), |router, step| step(router, building))
}

impl<S: Clone + Send + Sync + 'static> Default for Routes<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> fmt::Debug for Routes<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Routes").field("table", &self.table).finish_non_exhaustive()
    }
}
