//! Starting and stopping.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use engine::Feed;
use sim_exchange::SimExchange;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::admin;
use crate::app::App;
use crate::clock::VenueClock;
use crate::config::{ServerConfig, ServerError};
use crate::conn::{ConnInfo, CuttableListener};
use crate::http::{self, Keys};
use crate::hub::Hub;
use crate::rest::downloads;
use crate::venue::Venue;

/// A server with a runtime of its own. Dropping it stops it, and cuts its connections.
#[derive(Debug)]
pub struct Server {
    addr: SocketAddr,
    admin_addr: SocketAddr,
    app: Arc<App>,
    stop: watch::Sender<bool>,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Server {
    /// Starts a server and returns when it takes connections.
    pub fn start(
        config: ServerConfig,
        exchange: SimExchange,
        feed: Box<dyn Feed + Send>,
    ) -> Result<Server, ServerError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(config.threads.max(1))
            .thread_name("exchange-server")
            .enable_all()
            .build()
            .map_err(ServerError::Runtime)?;
        let (stop, stopped) = watch::channel(false);
        let bound = runtime.block_on(Bound::new(config, exchange, feed))?;
        let (addr, admin_addr, app) = (bound.addr, bound.admin_addr, Arc::clone(&bound.app));
        runtime.spawn(bound.run(stopped));
        Ok(Server { addr, admin_addr, app, stop, runtime: Some(runtime) })
    }

    /// Where clients connect.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Where the admin routes are.
    pub fn admin_addr(&self) -> SocketAddr {
        self.admin_addr
    }

    /// The server's state, for whoever runs in the same process.
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The receiver may be gone already.
        let _ = self.stop.send(true);
        self.app.connections.cut_all();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Serves until `stopped` becomes true; `ready` gets the addresses of the clients and of the admin routes.
pub async fn serve(
    config: ServerConfig,
    exchange: SimExchange,
    feed: Box<dyn Feed + Send>,
    stopped: watch::Receiver<bool>,
    ready: impl FnOnce(SocketAddr, SocketAddr),
) -> Result<(), ServerError> {
    let bound = Bound::new(config, exchange, feed).await?;
    ready(bound.addr, bound.admin_addr);
    bound.run(stopped).await;
    Ok(())
}

/// A server that has its addresses.
struct Bound {
    listener: TcpListener,
    admin: TcpListener,
    addr: SocketAddr,
    admin_addr: SocketAddr,
    app: Arc<App>,
}

impl Bound {
    async fn new(
        config: ServerConfig,
        exchange: SimExchange,
        feed: Box<dyn Feed + Send>,
    ) -> Result<Bound, ServerError> {
        let keys = Keys::new(&config.keys, exchange.accounts_total())?;
        let (listener, addr) = bind("clients", config.addr).await?;
        let (admin, admin_addr) = bind("admin", config.admin_addr).await?;
        let hub = Hub::with_queues(config.streams.queue_max);
        let clock = VenueClock::standing(config.clock, exchange.now());
        let mut venue = Venue::new(exchange, feed, clock, hub.clone(), config.archive_max, addr);
        if !config.held {
            venue.go();
        }
        let app = App::new(config, keys, venue, hub);
        Ok(Bound { listener, admin, addr, admin_addr, app })
    }

    async fn run(self, mut stopped: watch::Receiver<bool>) {
        let Bound { listener, admin, app, .. } = self;
        let connections = app.connections.clone();
        let files = get(downloads::follow);
        let router = Router::new().route(&format!("{}{{id}}", downloads::PATH), files);
        let router = router.fallback(http::entry).with_state(Arc::clone(&app));
        let clients = axum::serve(
            CuttableListener { listener, connections },
            router.into_make_service_with_connect_info::<ConnInfo>(),
        );
        let routes = Router::new().fallback(admin::entry).with_state(Arc::clone(&app));
        let admins = axum::serve(admin, routes);
        let timekeeper = Arc::clone(&app).keep_time();
        tokio::select! {
            served = async { clients.await } => {
                if let Err(error) = served {
                    tracing::error!(%error, "the server stopped");
                }
            }
            served = async { admins.await } => {
                if let Err(error) = served {
                    tracing::error!(%error, "the admin routes stopped");
                }
            }
            () = timekeeper => {}
            _ = stopped.wait_for(|stop| *stop) => {}
        }
        app.connections.cut_all();
    }
}

async fn bind(
    what: &'static str,
    addr: SocketAddr,
) -> Result<(TcpListener, SocketAddr), ServerError> {
    let failed = |cause| ServerError::Bind { what, addr, cause };
    let listener = TcpListener::bind(addr).await.map_err(failed)?;
    let addr = listener.local_addr().map_err(failed)?;
    Ok((listener, addr))
}
