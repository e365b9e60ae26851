//! By hand on tokio.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::abortable;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::meter::Metered;

use super::{Does, Raw, Serving, listen};

pub(crate) struct Tokio;

impl Raw for Tokio {
    // tokio's books are 104 bytes, and the whole is rounded up to a multiple of 128: this is
    // what goes into two of them.
    const CONNECTION_TASK: u64 = 152;

    async fn spawn_and_join(&self, value: u64) -> u64 {
        tokio::spawn(Metered::new(async move { value }))
            .await
            .unwrap()
    }

    async fn spawn_yielding_and_join(&self) {
        tokio::spawn(Metered::new(polyloop_core::yield_now()))
            .await
            .unwrap();
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    async fn spawn_sleep_and_abort(&self, duration: Duration) {
        let task = tokio::spawn(Metered::new(tokio::time::sleep(duration)));
        tokio::task::yield_now().await;
        task.abort();
        let _ = task.await;
    }

    fn serve(&self, does: Does) -> (SocketAddr, Serving) {
        let listener = TcpListener::from_std(listen()).unwrap();
        let address = listener.local_addr().unwrap();
        let (accepting, handle) = abortable(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(Metered::new(connection(stream, does.clone())));
            }
        });
        tokio::spawn(Metered::new(accepting));
        (address, Serving(handle))
    }

    async fn connect_and_close(&self, address: SocketAddr) {
        let (mut reading, mut writing) = TcpStream::connect(address).await.unwrap().into_split();
        let reader = tokio::spawn(Metered::new(
            async move { reading.read(&mut [0; 64]).await },
        ));
        writing.shutdown().await.unwrap();
        reader.await.unwrap().unwrap();
    }
}

async fn connection(mut stream: TcpStream, does: Does) {
    let mut buffer = [0; 64];
    while let Ok(n @ 1..) = stream.read(&mut buffer).await {
        match &does {
            Does::Echo => stream.write_all(&buffer[..n]).await.unwrap(),
            Does::Count(received) => drop(received.fetch_add(n, Ordering::SeqCst)),
        }
    }
}
