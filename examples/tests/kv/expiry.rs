//! Keys that go by themselves.

use std::io;
use std::time::Duration;

use polyloop::{Failure, Loop};
use polyloop_examples::kv::{KvOptions, KvServer};

use crate::client::{Client, with_server};

#[polyloop::test(loops(real))]
async fn keys_expire_by_the_loops_clock<L: Loop>(lp: L) -> Result<(), Failure> {
    with_server(lp, KvOptions::default(), |address| {
        let mut client = Client::connect(address)?;
        client.ask("SET stays 1", "+OK\r\n")?;
        client.ask("SET goes 1 PX 60", "+OK\r\n")?;
        client.ask("RPUSH list 1", ":1\r\n")?;
        client.ask("TTL stays", ":-1\r\n")?;
        client.ask("TTL none", ":-2\r\n")?;
        client.ask("EXPIRE none 10", ":0\r\n")?;
        client.ask("PEXPIRE list 60", ":1\r\n")?;
        client.ask("EXPIRE stays 1000", ":1\r\n")?;
        let left = client.number("TTL stays")?;
        assert!((900..=1000).contains(&left), "{left}");
        let left = client.number("PTTL stays")?;
        assert!((900_000..=1_000_000).contains(&left), "{left}");
        client.ask("PERSIST stays", ":1\r\n")?;
        client.ask("PERSIST stays", ":0\r\n")?;
        while client.number("EXISTS goes list")? > 0 {
            std::thread::sleep(Duration::from_millis(5));
        }
        client.ask("DBSIZE", ":1\r\n")?;
        client.ask("EXPIRE stays -1", ":1\r\n")?;
        client.ask("DBSIZE", ":0\r\n")?;
        // SET forgets the old deadline, INCR keeps it.
        client.ask("SET n 1 EX 1000", "+OK\r\n")?;
        client.ask("INCR n", ":2\r\n")?;
        assert!(client.number("TTL n")? > 900);
        client.ask("SET n 1", "+OK\r\n")?;
        client.ask("TTL n", ":-1\r\n")?;
        client.ask("SET m 1 EX 10", "+OK\r\n")?;
        client.ask("FLUSHALL", "+OK\r\n")?;
        client.ask("DBSIZE", ":0\r\n")
    })
    .await
}

#[polyloop::test(loops(real))]
async fn expired_keys_are_swept_without_any_traffic<L: Loop>(lp: L) -> Result<(), Failure> {
    let server = KvServer::serve(&lp, "127.0.0.1:0").await?;
    let address = server.local_addr().as_ip().unwrap();
    let client = lp.run_in_thread(move || {
        let mut client = Client::connect(address)?;
        client.ask("SET stays 1", "+OK\r\n")?;
        // While nothing expires there is no timer.
        client.ask("PING", "+PONG\r\n")?;
        io::Result::Ok(client)
    });
    let mut client = client.await??;
    assert_eq!(lp.pending_calls().len(), 0);
    let client = lp.run_in_thread(move || {
        client.ask("SET goes 1 PX 50", "+OK\r\n")?;
        io::Result::Ok(client)
    });
    let client = client.await??;
    assert_eq!(lp.pending_calls().len(), 1);
    // The sweep has found nothing more to wait for.
    while !lp.pending_calls().is_empty() {
        lp.sleep(Duration::from_millis(10)).await;
    }
    drop(client);
    server.close();
    server.closed().await;
    Ok(())
}
