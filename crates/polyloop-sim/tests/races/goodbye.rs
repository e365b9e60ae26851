//! A server that says goodbye at once, and why: the client must not lose the reason.

use polyloop_core::{
    Failure, Lifecycle as _, Loop as _, Promise as _, Protocol, Spawner as _, Transport,
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
