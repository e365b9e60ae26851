//! A server that says goodbye at once, and why: the client must not lose the reason.

use std::time::Duration;

use polyloop_core::{
    Backoff, ClientService, Failure, Lifecycle as _, Loop as _, Promise as _, Protocol,
    Spawner as _, Timers as _, Transport,
};
use polyloop_sim::SimLoop;

const REASON: &str = "the server is full";

/// Says goodbye to everybody.
struct Full;

impl Protocol for Full {
    fn connection_made(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        transport.write(REASON.as_bytes())?;
        transport.close();
        Ok(())
    }

    fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) -> Result<(), Failure> {
        Ok(())
    }
}

/// Fails with the reason that the server gives.
struct Client;

impl Protocol for Client {
    fn data_received(&mut self, _: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        Err(Failure::message(String::from_utf8_lossy(data).into_owned()))
    }
}

async fn serve(lp: &SimLoop) {
    let server = lp.sim().host("server");
    server.set_error_hook(|_| ());
    let serving = server.serve("0.0.0.0:7", || Full).await.unwrap();
    server
        .spawn(async move { serving.serve_forever().await })
        .detach();
}

/// The first step on a new connection fails since that is lost already.
pub(crate) async fn step_on_a_lost_connection(lp: SimLoop) -> bool {
    serve(&lp).await;
    let client = lp.sim().host("client");
    client.set_error_hook(|_| ());
    let on = client.clone();
    let step = client.spawn(async move {
        let connection = on.connect("server:7", || Client).await.unwrap();
        connection
            .call(|_, transport| transport.write(b"hello"))
            .await
            .is_err()
    });
    step.await.unwrap()
}

/// A service whose step fails so is told that, and not what the server said.
pub(crate) async fn lost_goodbye(lp: SimLoop) -> bool {
    serve(&lp).await;
    let client = lp.sim().host("client");
    client.set_error_hook(|_| ());
    let service = ClientService::builder("server:7", || Client)
        .unwrap()
        .retry(Backoff::exponential().max_retries(0))
        .prepare(|connection| async move {
            connection
                .call(|_, transport| transport.write(b"hello"))
                .await??;
            Ok(())
        })
        .build(&client);
    let waiting = service.when_connected(Some(1));
    service.start().unwrap();
    let failed = match waiting.await {
        Err(error) => format!("{:#}", Failure::new(error)),
        // It was connected before it heard the goodbye.
        Ok(_) => REASON.to_owned(),
    };
    lp.sleep(Duration::from_secs(1)).await;
    !failed.contains(REASON)
}
