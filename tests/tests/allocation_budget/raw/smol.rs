//! By hand on smol.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::abortable;
use futures_util::{AsyncReadExt as _, AsyncWriteExt as _};
use smol::net::{TcpListener, TcpStream};

use crate::meter::Metered;

use super::{Does, Raw, Serving, listen};

pub(crate) struct Smol;

impl Raw for Smol {
    // The allocator's blocks grow by 16 bytes, and with this one is full.
    const CONNECTION_TASK: u64 = 136;

    async fn spawn_and_join(&self, value: u64) -> u64 {
        smol::spawn(Metered::new(async move { value })).await
    }

    async fn spawn_yielding_and_join(&self) {
        smol::spawn(Metered::new(polyloop_core::yield_now())).await;
    }

    async fn sleep(&self, duration: Duration) {
        smol::Timer::after(duration).await;
    }

    async fn spawn_sleep_and_abort(&self, duration: Duration) {
        let task = smol::spawn(Metered::new(
            async move { smol::Timer::after(duration).await },
        ));
        polyloop_core::yield_now().await;
        task.cancel().await;
    }

    fn serve(&self, does: Does) -> (SocketAddr, Serving) {
        let listener = TcpListener::try_from(listen()).unwrap();
        let address = listener.local_addr().unwrap();
        let (accepting, handle) = abortable(async move {
            while let Ok((stream, _)) = listener.accept().await {
                smol::spawn(Metered::new(connection(stream, does.clone()))).detach();
            }
        });
        smol::spawn(Metered::new(accepting)).detach();
        (address, Serving(handle))
    }

    async fn connect_and_close(&self, address: SocketAddr) {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let mut reading = stream.clone();
        let reader = smol::spawn(Metered::new(
            async move { reading.read(&mut [0; 64]).await },
        ));
        stream.close().await.unwrap();
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
