//! The attribute macros of polyloop.
