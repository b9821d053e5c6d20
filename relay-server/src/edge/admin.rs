//! Health and metrics for the operator, over plain HTTP on a loopback address.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Installs the metrics of this process; once per process.
///
/// # Errors
/// When metrics were installed before.
pub fn metrics() -> Result<PrometheusHandle, BuildError> {
    PrometheusBuilder::new().install_recorder()
}

const fn readiness(ready: bool) -> (StatusCode, &'static str) {
    if ready {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping\n")
    }
}

/// Serves `/live`, `/ready` and `/metrics`; returns the bound address.
///
/// # Errors
/// When the address cannot be bound.
pub async fn start(
    address: SocketAddr,
    metrics: PrometheusHandle,
    ready: Arc<dyn Fn() -> bool + Send + Sync>,
    stop: CancellationToken,
) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind(address).await?;
    let bound = listener.local_addr()?;
    let router = Router::new()
        .route("/live", get(|| async { "live\n" }))
        .route(
            "/ready",
            get(move || std::future::ready(readiness(ready()))),
        )
        .route(
            "/metrics",
            get(move || std::future::ready(metrics.render())),
        );
    tokio::spawn(async move {
        let serving = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned());
        if let Err(error) = serving.await {
            tracing::warn!(%error, "the admin port ended");
        }
    });
    Ok(bound)
}
