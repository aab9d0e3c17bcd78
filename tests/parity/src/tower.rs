//! The service on plain tower: routed by hand behind `linchpin_tower::VerifyLayer`, served by hyper.

use std::{convert::Infallible, net::TcpListener};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use linchpin_core::{Answer, Identity, Problem, Reason};
use linchpin_tower::{VerifyLayer, into_response, require};
use serde_json::{Map, Value};
use tower::{Layer, ServiceExt, service_fn, util::BoxCloneService};

use crate::{
    Handler, Route, Tenant, Who,
    service::{AdminRole, ROLE, Reports, SCOPE},
};

/// Serves the routes until the process ends.
pub fn serve(listener: TcpListener, routes: &'static [Route]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        listener.set_nonblocking(true).expect("a socket can be made non-blocking");
        let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            let service = TowerToHyperService::new(service_fn(|request| route(routes, request)));
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
}

type Body = Full<Bytes>;

async fn route(routes: &[Route], request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let Some(route) = routes.iter().find(|route| route.path == request.uri().path()) else {
        return Ok(empty(StatusCode::NOT_FOUND));
    };
    let handler = route.handler;
    let inner = service_fn(move |request| async move {
        Ok::<_, Infallible>(handle(handler, request).await.unwrap_or_else(into_response))
    });
    let inner = match handler {
        Handler::Layered => BoxCloneService::new(require::<Reports>().layer(inner)),
        _ => BoxCloneService::new(inner),
    };
    match &route.gate {
        Some(gate) => VerifyLayer::from(gate.clone()).layer(inner).oneshot(request).await,
        None => inner.oneshot(request).await,
    }
}

async fn handle(handler: Handler, request: Request<Incoming>) -> Result<Response<Body>, Answer> {
    let (parts, body) = request.into_parts();
    let identity = parts.extensions.get::<Identity>();
    let identity = identity.ok_or_else(|| Problem::from(Reason::MissingLayer).into_answer())?;
    match (&parts.method, handler) {
        (&Method::POST, Handler::RequireLast) => {
            let caller = identity.authorize::<Reports>()?;
            let body = body.collect().await.map_err(|_| Problem::new(400, "Bad Request").into_answer())?;
            let body: Map<String, Value> = serde_json::from_slice(&body.to_bytes())
                .map_err(|_| Problem::new(400, "Bad Request").into_answer())?;
            let bytes = Some(body.len());
            Ok(json(Who { sub: caller.subject().map(str::to_owned), bytes, ..Who::default() }))
        }
        (&Method::GET | &Method::HEAD, Handler::Asks(ask)) => {
            let caller = identity.require_caller()?;
            ask.decide(&caller).await.map_err(Problem::from)?;
            get(handler, identity)
        }
        (&Method::GET | &Method::HEAD, _) => get(handler, identity),
        (&Method::POST, Handler::Caller) => {
            let caller = identity.require_caller()?;
            let body = body.collect().await.map_err(|_| Problem::new(400, "Bad Request").into_answer())?;
            let bytes = Some(body.to_bytes().len());
            Ok(json(Who { sub: caller.subject().map(str::to_owned), bytes, ..Who::default() }))
        }
        _ => Ok(empty(StatusCode::METHOD_NOT_ALLOWED)),
    }
}

fn get(handler: Handler, identity: &Identity) -> Result<Response<Body>, Answer> {
    let subject = || identity.caller().and_then(|caller| caller.subject()).map(str::to_owned);
    let tenant = || identity.require_claims::<Tenant>().map(|claims| Some(claims.tenant.clone()));
    match handler {
        Handler::Optional => return Ok(text(subject().unwrap_or_else(|| "anonymous".to_owned()))),
        Handler::Claims => return Ok(json(Who { tenant: tenant()?, ..Who::default() })),
        Handler::Subject => return Ok(text(identity.require_subject_token()?.secret().to_owned())),
        Handler::RequireTwo => {
            identity.authorize::<Reports>()?;
            identity.authorize::<AdminRole>()?;
        }
        Handler::Require => {
            identity.authorize::<Reports>()?;
        }
        Handler::Caller | Handler::Two | Handler::Scoped | Handler::Admin => {}
        Handler::Layered | Handler::RequireLast | Handler::Asks(_) => {}
    }
    let caller = identity.require_caller()?;
    let mut who = Who { sub: subject(), ..Who::default() };
    match handler {
        Handler::Two => who.tenant = tenant()?,
        Handler::Scoped => caller.require_scope(SCOPE).map_err(Problem::from)?,
        Handler::Admin => caller.require_role(ROLE).map_err(Problem::from)?,
        _ => {}
    }
    Ok(json(who))
}

fn json(who: Who) -> Response<Body> {
    let body = serde_json::to_string(&who).expect("strings and numbers are JSON");
    with_type("application/json", body)
}

fn text(body: String) -> Response<Body> {
    with_type("text/plain; charset=utf-8", body)
}

fn with_type(content_type: &'static str, body: String) -> Response<Body> {
    let mut response = Response::new(Full::from(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
