//! By hand on async-std.

use std::net::{Shutdown, SocketAddr};
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_std::net::{TcpListener, TcpStream};
use async_std::task;
use futures_util::future::abortable;
use futures_util::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::meter::Metered;

use super::{Does, Raw, Serving, listen};

pub(crate) struct AsyncStd;

impl Raw for AsyncStd {
    // The allocator's blocks grow by 16 bytes, and with this one is full.
    const CONNECTION_TASK: u64 = 136;

    async fn spawn_and_join(&self, value: u64) -> u64 {
        task::spawn(Metered::new(async move { value })).await
    }

    async fn spawn_yielding_and_join(&self) {
        task::spawn(Metered::new(polyloop_core::yield_now())).await;
    }

    async fn sleep(&self, duration: Duration) {
        task::sleep(duration).await;
    }

    async fn spawn_sleep_and_abort(&self, duration: Duration) {
        let task = task::spawn(Metered::new(async move { task::sleep(duration).await }));
        polyloop_core::yield_now().await;
        task.cancel().await;
    }

    fn serve(&self, does: Does) -> (SocketAddr, Serving) {
        let listener = TcpListener::from(listen());
        let address = listener.local_addr().unwrap();
        let (accepting, handle) = abortable(async move {
            while let Ok((stream, _)) = listener.accept().await {
                task::spawn(Metered::new(connection(stream, does.clone())));
            }
        });
        task::spawn(Metered::new(accepting));
        (address, Serving(handle))
    }

    async fn connect_and_close(&self, address: SocketAddr) {
        let stream = TcpStream::connect(address).await.unwrap();
        let mut reading = stream.clone();
        let reader = task::spawn(Metered::new(
            async move { reading.read(&mut [0; 64]).await },
        ));
        stream.shutdown(Shutdown::Write).unwrap();
        reader.await.unwrap();
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
