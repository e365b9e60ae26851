//! A client service through the restarts of its server, at one and the same port.

use std::time::Duration;

use polyloop_core::{
    Backoff, ClientService, Connection, Failure, Loop, MainLoop, Protocol, Server, Transport,
};

/// Answers whatever comes.
struct Greeter;

impl Protocol for Greeter {
    fn data_received(&mut self, transport: &mut dyn Transport, _: &[u8]) -> Result<(), Failure> {
        transport.write(b"welcome")?;
        Ok(())
    }
}

#[derive(Default)]
struct Client {
    heard: Vec<u8>,
}

impl Protocol for Client {
    fn data_received(&mut self, _: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        self.heard.extend_from_slice(data);
        Ok(())
    }
}

/// The step before anybody gets the connection: say hello, wait for the answer.
async fn shake_hands<L: Loop>(lp: L, connection: Connection<Client>) -> Result<(), Failure> {
    connection.write("hello")?;
    while connection.call(|client, _| client.heard.clone()).await? != b"welcome" {
        lp.sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}

async fn survives_restarts<L: Loop>(lp: L) -> Result<(), Failure> {
    let mut server: Server<Greeter> = lp.serve("127.0.0.1:0", || Greeter).await?;
    let address = server.local_addr();
    let clock = lp.clone();
    let service = ClientService::builder(&address, Client::default)?
        .retry(
            Backoff::exponential()
                .initial(Duration::from_millis(5))
                .max(Duration::from_millis(20))
                .seed(1),
        )
        .prepare(move |connection| shake_hands(clock.clone(), connection))
        .build(&lp);
    service.start()?;
    for _ in 0..3 {
        let connection = service.when_connected(None).await?;
        assert_eq!(&connection.peer_addr(), &address);
        server.close();
        server.closed().await;
        for connection in server.connections() {
            connection.abort();
        }
        connection.closed().await;
        // The port is closed now, so there are some failures at first.
        let outcome = service.when_connected(Some(2)).await;
        assert!(outcome.is_err(), "connected to a closed port: {outcome:?}");
        server = lp.serve(&address, || Greeter).await?;
    }
    let last = service.when_connected(None).await?;
    service.stop().await?;
    assert!(last.is_lost() && !service.is_running());
    let refused = service.when_connected(None).await;
    assert!(refused.is_err_and(|failure| failure.is_cancelled()));
    Ok(())
}

#[test]
fn a_service_survives_restarts_of_its_server() {
    polyloop_tests::on_each_loop(|lp| {
        lp.run(survives_restarts(lp.clone())).unwrap().unwrap();
    });
}
