//! Code that speaks tokio's `AsyncRead` and `AsyncWrite` takes a stream of any loop, through
//! the adapter that the guide names.

use polyloop::test as polyloop_test;
use polyloop_core::{Failure, Loop, TcpOptions};
use polyloop_examples::echo::Echo;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio_util::compat::FuturesAsyncReadCompatExt;

/// A stranger's client, which knows tokio's traits and no loop.
async fn ask<S: AsyncRead + AsyncWrite>(stream: S, lines: &[&str]) -> std::io::Result<Vec<String>> {
    let (reader, mut writer) = tokio::io::split(stream);
    for line in lines {
        writer.write_all(format!("{line}\n").as_bytes()).await?;
    }
    writer.shutdown().await?;
    let mut reader = BufReader::new(reader).lines();
    let mut answers = Vec::new();
    while let Some(line) = reader.next_line().await? {
        answers.push(line);
    }
    Ok(answers)
}

#[polyloop_test]
async fn a_stream_of_any_loop<L: Loop>(lp: L) -> Result<(), Failure> {
    let server = lp.serve("127.0.0.1:0", || Echo).await?;
    let options = TcpOptions::default();
    let address = server.local_addr().as_ip().unwrap();
    let stream = lp.connect_tcp(address, &options).await?;
    assert_eq!(ask(stream.compat(), &["one", "two"]).await?, ["one", "two"]);
    server.close();
    server.drained().await;
    Ok(())
}
