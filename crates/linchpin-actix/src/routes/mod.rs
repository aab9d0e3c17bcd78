//! Routes that deny by default: each is declared with its policy.
//!
//! In [`Routes`] every method names its policy before its handler: a route without one does not compile.
//! [`merge`](Routes::merge) and [`nest`](Routes::nest) take other `Routes` only. [`Routes::guarded_by`] puts a verifying
//! middleware with its policy around each route; there is no middleware to forget. The names and answers are those of
//! `linchpin_axum::routes`.
//!
//! What has no handler is told only to those with a valid token, as 404 or 405; to others it is 401. Services without a
//! policy can be brought along by [`Routes::merge_undeclared`]: until they are declared, they are refused with 403. What the
//! application adds behind the routes is not reached at all.
//!
//! # Examples
//!
//! ```
//! use actix_web::{App, test};
//! use linchpin_actix::{
//!     Caller,
//!     routes::{Routes, authenticated, get, public, require},
//! };
//! # use std::sync::Arc;
//! # use linchpin_core::{Gate, Outcome, Reason, Timestamp, VerifyToken};
//! # struct Verifier;
//! # impl VerifyToken for Verifier {
//! #     fn verify(&self, _: &str, _: Timestamp) -> Outcome { Outcome::Ready(Err(Reason::Expired.into())) }
//! # }
//! use linchpin_core::scopes;
//!
//! scopes! { pub GradesRead = "grades:read"; pub GradesWrite = "grades:write"; }
//!
//! async fn list() -> &'static str { "the grades" }
//! async fn record(body: String, caller: Caller) -> &'static str { "recorded" }
//!
//! fn routes() -> Routes {
//!     let grades = Routes::new()
//!         .route("/", get(require::<GradesRead>(), list).post(require::<GradesWrite>(), record))
//!         .route("/mine", get(authenticated(), list));
//!     Routes::new().route("/healthz", get(public(), async || "ok")).nest("/grades", grades)
//! }
//!
//! # #[actix_web::main]
//! # async fn main() {
//! assert_eq!(routes().table().to_string(), "\
//! GET   /healthz      public
//! GET   /grades       scope grades:read
//! POST  /grades       scope grades:write
//! GET   /grades/mine  authenticated
//! ");
//!
//! let gate = Gate::new(Arc::new(Verifier));
//! let app = test::init_service(App::new().service(routes().guarded_by(&gate))).await;
//! let status = async |path| test::call_service(&app, test::TestRequest::with_uri(path).to_request()).await.status();
//! assert_eq!(status("/healthz").await, 200);
//! assert_eq!(status("/grades").await, 401);
//! # }
//! ```
//!
//! Without a policy, the compiler says so:
//!
//! ```compile_fail,E0061
//! # use linchpin_actix::routes::{Routes, get};
//! Routes::new().route("/grades", get(async || "the grades"));
//! ```

mod guarded;
mod methods;
mod undeclared;

use std::fmt;

use actix_web::{
    FromRequest, Handler, HttpResponse, Resource, Responder, Route,
    web::{self, ServiceConfig},
};
use linchpin_core::{Gate, IntoPolicy, Policy, ResourceMetadata, RouteTable, Undeclared};

pub use self::{
    guarded::Guarded,
    methods::{Methods, delete, get, patch, post, put},
};
pub use crate::require;

use self::methods::{Method, wrapped};

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
/// Each worker makes its own, in the application's factory. Of several paths that match, the one counts that was declared
/// first, as everywhere in actix.
#[must_use]
#[derive(Default)]
pub struct Routes {
    table: RouteTable,
    methods: Vec<(String, Method)>,
    nested: Vec<Nested>,
    undeclared: Vec<Configure>,
    fallbacks: Vec<(String, Build)>,
}

/// What is mounted below a path under one policy.
struct Nested {
    path: String,
    policy: Policy,
    configure: Configure,
}

type Configure = Box<dyn FnOnce(&mut ServiceConfig)>;
/// Makes the route once the gate is known.
type Build = Box<dyn FnOnce(&Gate) -> Route>;

impl Routes {
    /// No routes yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a route: a path, and for each of its methods a policy and a handler.
    ///
    /// # Panics
    ///
    /// If a method of the path is declared already.
    pub fn route(mut self, path: &str, methods: Methods) -> Self {
        for method in methods.into_methods() {
            self.table.add(method.name, path, method.policy);
            self.add(path.to_owned(), method);
        }
        self
    }

    /// Adds whatever `configure` sets up below a path, such as an application of its own.
    pub fn nest_service(
        mut self,
        path: &str,
        policy: impl IntoPolicy,
        configure: impl FnOnce(&mut ServiceConfig) + 'static,
    ) -> Self {
        let (path, policy) = (path.trim_end_matches('/').to_owned(), policy.into_policy());
        self.table.add("*", format!("{path}/{{rest:.*}}"), policy);
        self.nested.push(Nested { path, policy, configure: Box::new(configure) });
        self
    }

    /// Adds the routes of another part.
    ///
    /// # Panics
    ///
    /// If both declare the same method of the same path, or a fallback.
    pub fn merge(mut self, other: Self) -> Self {
        self.table.merge(other.table);
        self.absorb("", other.methods, other.nested);
        self.undeclared.extend(other.undeclared);
        for (path, fallback) in other.fallbacks {
            self.add_fallback(path, fallback);
        }
        self
    }

    /// Adds the routes of another part below a path, where a fallback of theirs stays.
    ///
    /// # Panics
    ///
    /// If both declare the same method of the same path.
    pub fn nest(mut self, path: &str, other: Self) -> Self {
        let prefix = path.trim_end_matches('/');
        self.table.nest(prefix, other.table);
        self.absorb(prefix, other.methods, other.nested);
        for (path, fallback) in other.fallbacks {
            self.add_fallback(format!("{prefix}{path}"), fallback);
        }
        let below = prefix.to_owned();
        self.undeclared.extend((!other.undeclared.is_empty()).then(|| -> Configure {
            Box::new(move |config| {
                let scope = web::scope(&below);
                config.service(other.undeclared.into_iter().fold(scope, |scope, each| scope.configure(each)));
            })
        }));
        self
    }

    /// Adds what `configure` sets up, which has no policy: it is refused with 403, until it is declared.
    ///
    /// It is for a service that moves to declared routes step by step. Each such request is an error event with method and
    /// matched path, and counts in [`Guarded::undeclared`].
    pub fn merge_undeclared(mut self, configure: impl FnOnce(&mut ServiceConfig) + 'static) -> Self {
        self.undeclared.push(Box::new(configure));
        self
    }

    /// Answers paths that are not declared, instead of with 404 for those with a valid token.
    ///
    /// # Panics
    ///
    /// If there is one already.
    pub fn fallback<F, Args>(mut self, policy: impl IntoPolicy, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        let policy = policy.into_policy();
        self.table.add("*", "/{fallback:.*}", policy);
        self.add_fallback(String::new(), Box::new(move |gate| wrapped(web::to(handler), gate, policy)));
        self
    }

    /// Serves the metadata of the resource at its well-known path, for everybody (RFC 9728 §3).
    ///
    /// [`Gate::resource_metadata`] makes challenges point there.
    pub fn resource_metadata(self, metadata: &ResourceMetadata) -> Self {
        self.route(metadata.path(), get(public(), serve(metadata)))
    }

    /// The routes with their policies, as far as they are declared.
    pub fn table(&self) -> &RouteTable {
        &self.table
    }

    /// The finished service, for `App::service`: each route behind a middleware of `gate` that decides by its policy.
    ///
    /// It answers for every path, so that what is added to the application behind it is not reached. Whether the gate itself
    /// is optional, or has a policy, does not matter.
    pub fn guarded_by(self, gate: &Gate) -> Guarded {
        Guarded::new(self, gate.clone(), Undeclared::default())
    }

    fn add(&mut self, path: String, method: Method) {
        let twice = self.methods.iter().any(|(known, other)| *known == path && other.name == method.name);
        assert!(!twice, "{} {path} is declared twice", method.name);
        self.methods.push((path, method));
    }

    fn add_fallback(&mut self, path: String, fallback: Build) {
        assert!(
            self.fallbacks.iter().all(|(known, _)| *known != path),
            "a fallback of {path:?} is declared twice"
        );
        self.fallbacks.push((path, fallback));
    }

    fn absorb(&mut self, prefix: &str, methods: Vec<(String, Method)>, nested: Vec<Nested>) {
        for (path, method) in methods {
            // As in the table: the root of a part is the path at which it is nested.
            let path =
                if path == "/" && !prefix.is_empty() { prefix.to_owned() } else { format!("{prefix}{path}") };
            self.add(path, method);
        }
        self.nested.extend(
            nested.into_iter().map(|nested| Nested { path: format!("{prefix}{}", nested.path), ..nested }),
        );
    }
}

/// Serves the metadata of a resource at its well-known path, for applications that have no route table (RFC 9728 §3).
///
/// It is mounted outside the verifying middleware: everybody may read it.
pub fn resource_metadata(metadata: &ResourceMetadata) -> Resource {
    let serve = serve(metadata);
    web::resource(metadata.path()).route(methods::guarded("GET").to(serve))
}

fn serve(metadata: &ResourceMetadata) -> impl Handler<(), Output = HttpResponse> + use<> {
    let document = metadata.to_json();
    move || std::future::ready(HttpResponse::Ok().content_type("application/json").body(document.clone()))
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Routes").field("table", &self.table).finish_non_exhaustive()
    }
}
