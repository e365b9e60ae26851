//! What a client has asked for: the server name and the protocols that it offers.
//!
//! rustls tells it to whoever chooses the certificate, and to nobody else through the
//! interface that this crate stands on. So the choice is made through a [`Witness`], which
//! leaves word for the connection that is being processed on this thread.

use std::cell::RefCell;
use std::sync::Arc;

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// What a client's hello says.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) server_name: Option<String>,
    pub(crate) offered: Vec<Vec<u8>>,
}

thread_local! {
    static ASKED: RefCell<Option<Asked>> = const { RefCell::new(None) };
}

/// Runs `f`, and says what a client has asked for meanwhile.
pub(crate) fn during<R>(f: impl FnOnce() -> R) -> (R, Option<Asked>) {
    ASKED.set(None);
    let result = f();
    (result, ASKED.take())
}

/// Hands each choice on, and leaves word of what was asked.
#[derive(Debug)]
pub(crate) struct Witness(pub(crate) Arc<dyn ResolvesServerCert>);

impl ResolvesServerCert for Witness {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let offered = hello.alpn().into_iter().flatten();
        ASKED.set(Some(Asked {
            server_name: hello.server_name().map(str::to_owned),
            offered: offered.map(<[u8]>::to_vec).collect(),
        }));
        self.0.resolve(hello)
    }

    fn only_raw_public_keys(&self) -> bool {
        self.0.only_raw_public_keys()
    }
}
