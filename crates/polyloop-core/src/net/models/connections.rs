//! A connection, and threads outside that write, call and end it.

use shuttle::future::block_on;
use shuttle::thread;

use super::{Book, PORT, with_server};
use crate::net::Loop as _;
use crate::protocol::connection::ConnectionLost;
use crate::protocol::transport::Flow;
use crate::sync::primitive::exploring::draw;

#[test]
fn what_two_threads_write_arrives_in_each_ones_order() {
    draw(|| {
        let (book, mine) = (Book::default(), Book::default());
        let its_side = book.clone();
        with_server(&book, |lp, server| async move {
            let its = mine.clone();
            let connection = lp.connect(PORT, move || its.protocol()).await.unwrap();
            let writing = [b"ab", b"xy"].map(|data| {
                let connection = connection.clone();
                thread::spawn(move || {
                    for byte in data {
                        if connection.write(vec![*byte]).unwrap() == Flow::Pause {
                            block_on(connection.ready()).unwrap();
                        }
                    }
                })
            });
            for thread in writing {
                thread.join().unwrap();
            }
            connection.close();
            assert!(connection.closed().await.is_clean());
            assert_eq!(mine.lost(), 1);
            // What nobody has accepted is reset with the port.
            while its_side.made() == 0 {
                thread::yield_now();
            }
            server.close();
            server.drained().await;
        });
        let data = book.data();
        assert_eq!(data.len(), 4, "{data:?}");
        for one in [b"ab", b"xy"] {
            let of_one: Vec<u8> = data.iter().copied().filter(|it| one.contains(it)).collect();
            assert_eq!(of_one, one);
        }
    });
}

#[test]
fn a_call_that_meets_the_loss_is_answered() {
    draw(|| {
        let (book, mine) = (Book::default(), Book::default());
        with_server(&book, |lp, _server| async move {
            let its = mine.clone();
            let connection = lp.connect(PORT, move || its.protocol()).await.unwrap();
            let caller = connection.clone();
            let calling = thread::spawn(move || block_on(caller.call(|_, _| 1)));
            connection.abort();
            match calling.join().unwrap() {
                Ok(answer) => assert_eq!(answer, 1),
                Err(failure) => assert!(failure.downcast_ref::<ConnectionLost>().is_some()),
            }
            connection.closed().await;
            assert!(connection.is_lost());
            assert_eq!(mine.lost(), 1);
        });
    });
}

#[test]
fn who_waits_for_room_or_the_end_is_told_of_the_loss() {
    draw(|| {
        let book = Book::default();
        with_server(&book, |lp, server| async move {
            let mine = Book::default();
            let connection = lp.connect(PORT, move || mine.protocol()).await.unwrap();
            let (writer, waiter) = (connection.clone(), connection.clone());
            let writing = thread::spawn(move || {
                let _ = writer.write(vec![0; 100]);
                drop(block_on(writer.ready()));
            });
            let waiting = thread::spawn(move || {
                block_on(waiter.closed());
            });
            for accepted in server.connections() {
                accepted.abort();
            }
            connection.abort();
            writing.join().unwrap();
            waiting.join().unwrap();
        });
    });
}

#[test]
fn two_ends_that_close_at_once_are_lost_once_each() {
    draw(|| {
        let (book, mine) = (Book::default(), Book::default());
        with_server(&book, |lp, server| async move {
            let its = mine.clone();
            let connection = lp.connect(PORT, move || its.protocol()).await.unwrap();
            let other = server.clone();
            let closing = thread::spawn(move || {
                for accepted in other.connections() {
                    accepted.close();
                }
            });
            let _ = connection.write(&b"abc"[..]);
            connection.close();
            connection.closed().await;
            closing.join().unwrap();
            assert_eq!(mine.lost(), 1);
        });
    });
}

#[test]
fn a_run_that_ends_loses_every_connection() {
    draw(|| {
        let (book, mine) = (Book::default(), Book::default());
        let its = mine.clone();
        with_server(&book, |lp, _server| async move {
            let protocol = its.clone();
            let connection = lp.connect(PORT, move || protocol.protocol()).await.unwrap();
            let writer = connection.clone();
            thread::spawn(move || writer.write(&b"abc"[..]).is_ok());
            drop(connection.call(|_, _| ()));
        });
        assert_eq!((mine.made(), mine.lost(), mine.alive()), (1, 1, 0));
    });
}
