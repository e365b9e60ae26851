//! The same mail with others at the other end: Python's `smtplib`, swaks, and a server of
//! Python's.

use std::process::{Command, Stdio};
use std::time::Duration;

use polyloop::test as polyloop_test;
use polyloop_core::Loop;

use super::{Notes, is_whole, of_server, senders, serve};
use crate::authority::{AUTHORITY, SERVER};
use crate::foreign::has;

/// Runs a program beside the loop; what it said is in the panic if it fails.
async fn runs<L: Loop>(lp: &L, mut command: Command) {
    command.stdin(Stdio::null());
    let done = lp.run_in_thread(move || command.output()).await.unwrap();
    let done = done.unwrap();
    assert!(done.status.success(), "{done:?}");
}

fn certificate() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("ca.pem", &AUTHORITY.pem),
        ("server.pem", &SERVER.chain),
        ("server.key", &SERVER.key),
    ] {
        std::fs::write(directory.path().join(name), text).unwrap();
    }
    directory
}

const SMTPLIB: &str = r#"
import smtplib, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[2])
with smtplib.SMTP("127.0.0.1", int(sys.argv[1]), timeout=30) as smtp:
    smtp.ehlo()
    assert smtp.has_extn("starttls")
    try:
        smtp.mail("us@client.test")
        assert smtp.noop()[0] == 530
    except smtplib.SMTPException:
        pass
    smtp.starttls(context=context)
    smtp.ehlo()
    assert not smtp.has_extn("starttls")
    smtp.sendmail("us@client.test", ["them@server.test"], "Subject: hello\r\n\r\nin secret\r\n")
"#;

#[polyloop_test(loops(real), timeout = 60)]
async fn smtplib_sends_mail<L: Loop>(lp: L) {
    let (server, heard) = serve(&lp, "127.0.0.1:0").await;
    let files = certificate();
    let port = server.local_addr().as_ip().unwrap().port().to_string();
    let mut python = Command::new("python3");
    python.args(["-c", SMTPLIB, &port]);
    python.arg(files.path().join("ca.pem"));
    runs(&lp, python).await;
    is_whole(&heard.at_the_end(&lp).await);
}

#[polyloop_test(loops(real), timeout = 60)]
async fn swaks_sends_mail<L: Loop>(lp: L) {
    if !has("swaks", "swaks libnet-ssleay-perl") {
        return;
    }
    let (server, heard) = serve(&lp, "127.0.0.1:0").await;
    let port = server.local_addr().as_ip().unwrap().port();
    let mut swaks = Command::new("swaks");
    swaks.args(["--server", &format!("127.0.0.1:{port}"), "--tls"]);
    swaks.args(["--from", "us@client.test", "--to", "them@server.test"]);
    swaks.args(["--body", "in secret"]);
    runs(&lp, swaks).await;
    is_whole(&heard.at_the_end(&lp).await);
}

/// One dialogue, in the manner of servers; it prints its port first, and then what it heard.
const PYTHON_SERVER: &str = r#"
import socket, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
listener = socket.create_server(("127.0.0.1", 0))
listener.settimeout(30)
open(sys.argv[3] + ".new", "w").write(str(listener.getsockname()[1]))
import os; os.rename(sys.argv[3] + ".new", sys.argv[3])
s, _ = listener.accept()
s.settimeout(30)
s.sendall(b"220 python\r\n")
heard, f, in_mail = [], s.makefile("rb"), False
while True:
    line = f.readline().strip().decode()
    heard.append(line)
    if in_mail:
        in_mail = line != "."
        if not in_mail: s.sendall(b"250 taken\r\n")
    elif line == "STARTTLS":
        s.sendall(b"220 go ahead\r\n")
        f.close()
        s = context.wrap_socket(s, server_side=True)
        f = s.makefile("rb")
        heard.append("upgraded")
    elif line == "QUIT":
        s.sendall(b"221 bye\r\n")
        break
    else:
        in_mail = line == "DATA"
        s.sendall(b"354 go on\r\n" if in_mail else b"250 fine\r\n")
# The other side closes first, as it should, with its goodbye.
assert f.read() == b""
s.unwrap()
assert heard == ["EHLO client.test", "STARTTLS", "upgraded", "EHLO client.test",
    "MAIL FROM:<us@client.test>", "RCPT TO:<them@server.test>", "DATA", "Subject: hello", "",
    "in secret", ".", "QUIT"], heard
"#;

#[polyloop_test(loops(real), timeout = 60)]
async fn a_server_of_pythons_takes_mail<L: Loop>(lp: L) {
    let files = certificate();
    let at = |name: &str| files.path().join(name);
    let mut python = Command::new("python3");
    python.args(["-c", PYTHON_SERVER]);
    python.args([at("server.pem"), at("server.key"), at("port")]);
    let own = lp.clone();
    let serving = lp.spawn(async move { runs(&own, python).await });
    let port: u16 = loop {
        match std::fs::read_to_string(at("port")) {
            Ok(port) => break port.parse().unwrap(),
            Err(_) => lp.sleep(Duration::from_millis(5)).await,
        }
    };
    let (near, tls) = (Notes::default(), of_server(&lp));
    let client = lp.connect(("127.0.0.1", port), senders(&tls, &near));
    let client = client.await.unwrap();
    while near.all().iter().all(|note| note != "221 bye") {
        assert!(!client.is_lost(), "{:?}", near.all());
        lp.sleep(Duration::from_millis(5)).await;
    }
    client.close();
    serving.await.unwrap();
    let told = near.at_the_end(&lp).await;
    assert_eq!(told.last().unwrap(), "lost: closed cleanly", "{told:?}");
}
