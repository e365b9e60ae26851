//! Models of promises: who settles, who waits and who gives up, in every order.

mod adopting;
mod combining;
mod deferred;
mod shared;
