//! TLS: secure connections, as a loop carries them. There where the suite is built with the
//! feature `tls`, which brings polyloop-tls and its cryptography; otherwise they are
//! [skipped](crate::Capability::Tls).

use polyloop_core::MainLoop;

use crate::fault::Verdict;

macro_rules! checks {
    ($($module:ident { $($id:ident)* })*) => {$($(
        /// See the catalogue.
        #[allow(unreachable_code, reason = "there is one answer with the feature, and one without")]
        pub fn $id<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
            #[cfg(feature = "tls")]
            return crate::tls::$module::$id(make);
            let _ = make;
            Err(crate::fault::Fault::new("the suite is built without its feature `tls`"))
        }
    )*)*};
}

checks! {
    handshakes { tls_01 tls_02 tls_03 tls_04 tls_11 tls_12 }
    ends { tls_05 tls_06 tls_07 tls_13 tls_14 }
    upgrades { tls_08 tls_09 tls_10 }
}
