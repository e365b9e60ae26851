//! A server that is closed, drained and asked about while clients come and go.

use shuttle::future::block_on;
use shuttle::thread;

use super::{Book, PORT, with_server};
use crate::net::Loop as _;
use crate::sync::primitive::exploring::draw;

#[test]
fn a_server_that_closes_as_clients_come_is_drained() {
    draw(|| {
        let book = Book::default();
        with_server(&book, |lp, server| async move {
            let coming = [(); 2].map(|()| {
                let lp = lp.clone();
                thread::spawn(move || {
                    let mine = Book::default();
                    let its = mine.clone();
                    // Refused, or reset before it was accepted.
                    if let Ok(connection) = block_on(lp.connect(PORT, move || its.protocol())) {
                        connection.close();
                        block_on(connection.closed());
                        assert_eq!((mine.made(), mine.lost()), (1, 1));
                    }
                })
            });
            server.close();
            server.drained().await;
            assert_eq!(server.connection_count(), 0);
            assert!(server.connections().is_empty());
            for thread in coming {
                thread.join().unwrap();
            }
        });
    });
}

#[test]
fn who_waits_for_the_close_and_the_last_connection_is_told() {
    draw(|| {
        let book = Book::default();
        with_server(&book, |lp, server| async move {
            let mine = Book::default();
            let connection = lp.connect(PORT, move || mine.protocol()).await.unwrap();
            let waiting = [server.clone(), server.clone()];
            let [closed, drained] = waiting;
            let closed = thread::spawn(move || block_on(closed.closed()));
            let drained = thread::spawn(move || {
                block_on(drained.drained());
                assert_eq!(drained.connection_count(), 0);
            });
            let closer = server.clone();
            let closing = thread::spawn(move || closer.close());
            connection.close();
            for thread in [closed, drained, closing] {
                thread.join().unwrap();
            }
        });
    });
}

#[test]
fn accepted_connections_are_listed_until_they_are_lost() {
    draw(|| {
        let book = Book::default();
        with_server(&book, |lp, server| async move {
            let mine = Book::default();
            let connection = lp.connect(PORT, move || mine.protocol()).await.unwrap();
            let lister = server.clone();
            let listing = thread::spawn(move || {
                for accepted in lister.connections() {
                    accepted.abort();
                    block_on(accepted.closed());
                }
            });
            connection.abort();
            listing.join().unwrap();
            server.close();
            server.drained().await;
            assert_eq!(server.connection_count(), 0);
        });
    });
}

/// Whoever closes a server, and then all of its connections, has closed all of them.
#[test]
fn no_connection_enters_the_list_of_a_server_that_is_closed() {
    draw(|| {
        let book = Book::default();
        with_server(&book, |lp, server| async move {
            let client = thread::spawn(move || {
                let mine = Book::default();
                let its = mine.clone();
                // Refused, or reset before it was accepted.
                if let Ok(connection) = block_on(lp.connect(PORT, move || its.protocol())) {
                    // It waits for the server to end it.
                    block_on(connection.closed());
                }
            });
            let closer = server.clone();
            let closing = thread::spawn(move || {
                closer.close();
                for accepted in closer.connections() {
                    accepted.abort();
                }
            });
            server.drained().await;
            client.join().unwrap();
            closing.join().unwrap();
        });
    });
}
