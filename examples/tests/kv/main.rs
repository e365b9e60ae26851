//! The key-value server against plain blocking sockets, byte for byte, on every loop.

mod channels;
mod client;
mod commands;
mod connections;
mod expiry;
#[cfg(unix)]
mod unix;
