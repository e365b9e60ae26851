//! The conformance suite on smol.

polyloop_conformance::suite!(smol, polyloop_smol::SmolLoop::new);
