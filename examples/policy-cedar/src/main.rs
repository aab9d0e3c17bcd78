//! Serves the reports on axum, as the variables `AUTH_*` say.

use linchpin::Auth;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().init();
    let door = policy_cedar::door()?;
    let app = policy_cedar::axum::app(&Auth::from_env()?, door);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    Ok(axum::serve(listener, app.into_make_service()).await?)
}
