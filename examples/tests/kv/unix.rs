//! The same over a UNIX socket.

use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use polyloop::{Failure, Loop, quote};
use polyloop_examples::kv::KvServer;

#[polyloop::test(loops(real))]
async fn over_a_unix_socket<L: Loop>(lp: L) -> Result<(), Failure> {
    let name = format!("polyloop-kv-{}-{}", std::process::id(), lp.name());
    let path = std::env::temp_dir().join(name);
    let endpoint = format!("unix:{}:mode=600", quote(&path.to_string_lossy()));
    let server = KvServer::serve(&lp, endpoint).await?;
    let to = path.clone();
    let talk = move || -> io::Result<()> {
        assert_eq!(to.metadata()?.permissions().mode() & 0o777, 0o600);
        let mut stream = UnixStream::connect(to)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        stream.write_all(b"SET k v\r\nGET k\r\n")?;
        let expected = b"+OK\r\n$1\r\nv\r\n";
        let mut got = vec![0; expected.len()];
        stream.read_exact(&mut got)?;
        assert_eq!(got, expected);
        Ok(())
    };
    lp.run_in_thread(talk).await??;
    server.close();
    server.closed().await;
    assert!(!path.exists(), "the file is left");
    Ok(())
}
