//! TLS by hand: tokio-rustls on tokio, futures-rustls on the reactor below smol and async-std.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;

use async_io::Async;
use polyloop::tls::rustls::pki_types::ServerName;

use super::control::Control;
use super::listener;
use super::tls::{Client, Configs, Crowd, Duplex, OfFutures, OfTokio, READ, echo, shake_hands};
use crate::suites::Suite;

/// What the certificate is for.
fn name() -> ServerName<'static> {
    ServerName::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST).into())
}

/// Does what a suite asks for with connections that `connect` makes.
pub(super) async fn obey<S, F>(
    suite: Suite,
    control: Control,
    connect: impl Fn() -> F,
) -> io::Result<()>
where
    S: Duplex,
    F: Future<Output = io::Result<S>>,
{
    match suite {
        Suite::TlsStream => {
            let client = Client::new(connect().await?);
            control.obey(|n| client.stream(n)).await;
        }
        Suite::TlsPing => {
            let client = Client::new(connect().await?);
            control.obey(|n| client.ping(n)).await;
        }
        Suite::TlsHandshakes => control.obey(|n| shake_hands(n, &connect)).await,
        _ => {
            let crowd = Crowd::new();
            control.obey(|n| crowd.grow(n, &connect)).await;
        }
    }
    Ok(())
}

pub(super) async fn on_tokio(suite: Suite, control: Control) -> io::Result<()> {
    let configs = Configs::new()?;
    let acceptor = tokio_rustls::TlsAcceptor::from(configs.server);
    let connector = tokio_rustls::TlsConnector::from(configs.client);
    let listener = tokio::net::TcpListener::from_std(listener::bind()?)?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else {
                    return;
                };
                if suite == Suite::TlsStream {
                    echo(OfTokio(stream), vec![0; READ]).await;
                } else {
                    echo(OfTokio(stream), [0; 64]).await;
                }
            });
        }
    });
    let connect = || {
        let connector = connector.clone();
        async move {
            let stream = tokio::net::TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            connector.connect(name(), stream).await.map(OfTokio)
        }
    };
    obey(suite, control, connect).await
}

/// A server by hand on async-io.
pub(super) struct Serving {
    listener: Async<std::net::TcpListener>,
    acceptor: futures_rustls::TlsAcceptor,
}

/// The same for clients.
pub(super) struct Dialling {
    address: SocketAddr,
    connector: futures_rustls::TlsConnector,
}

pub(super) fn on_async_io() -> io::Result<(Serving, Dialling)> {
    let configs = Configs::new()?;
    let listener = Async::new_nonblocking(listener::bind()?)?;
    let address = listener.get_ref().local_addr()?;
    Ok((
        Serving {
            listener,
            acceptor: futures_rustls::TlsAcceptor::from(configs.server),
        },
        Dialling {
            address,
            connector: futures_rustls::TlsConnector::from(configs.client),
        },
    ))
}

impl Serving {
    /// The next connection, whose echo is to be run in a task of its own.
    pub(super) async fn next(
        &self,
        suite: Suite,
    ) -> io::Result<impl Future<Output = ()> + Send + use<>> {
        let (stream, _) = self.listener.accept().await?;
        let acceptor = self.acceptor.clone();
        Ok(async move {
            let Ok(stream) = acceptor.accept(stream).await else {
                return;
            };
            if suite == Suite::TlsStream {
                echo(OfFutures(stream), vec![0; READ]).await;
            } else {
                echo(OfFutures(stream), [0; 64]).await;
            }
        })
    }
}

impl Dialling {
    pub(super) async fn obey(self, suite: Suite, control: Control) -> io::Result<()> {
        let this = Arc::new(self);
        let connect = || {
            let this = this.clone();
            async move {
                let stream = Async::<TcpStream>::connect(this.address).await?;
                stream.get_ref().set_nodelay(true)?;
                let secure = this.connector.connect(name(), stream).await;
                secure.map(OfFutures)
            }
        };
        obey(suite, control, connect).await
    }
}
