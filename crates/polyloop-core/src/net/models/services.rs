//! A client service that is started, stopped and asked while its server comes and goes.

use std::time::Duration;

use shuttle::future::block_on;
use shuttle::thread;

use super::{Book, Noting, PORT, with_server};
use crate::event_loop::models::model_loop::ModelLoop;
use crate::net::client_service::ClientService;
use crate::net::retry::Backoff;
use crate::promise::failure::Failure;
use crate::protocol::connection::Connection;
use crate::sync::primitive::exploring::{draw, look};

fn service(lp: &ModelLoop, book: &Book) -> ClientService<Noting> {
    let its = book.clone();
    ClientService::builder(PORT, move || its.protocol())
        .unwrap()
        .retry(Backoff::exponential())
        .build(lp)
}

/// The next connection, after as many waits as that takes.
fn connected(lp: &ModelLoop, service: &ClientService<Noting>) -> Connection<Noting> {
    let mut asking = service.when_connected(None);
    loop {
        if let Some(connection) = look(&mut asking) {
            return connection.unwrap();
        }
        lp.advance(Duration::from_secs(60));
        thread::yield_now();
    }
}

#[test]
fn a_stop_that_meets_the_connect_leaves_all_quiet() {
    draw(|| {
        let book = Book::default();
        with_server(&book, |lp, _server| async move {
            let mine = Book::default();
            let service = service(&lp, &mine);
            service.start().unwrap();
            let asking = service.when_connected(None);
            let waiting = thread::spawn(move || match block_on(asking) {
                Ok(connection) => {
                    block_on(connection.closed());
                }
                Err(failure) => assert!(failure.is_cancelled()),
            });
            service.stop().await.unwrap();
            assert!(!service.is_running() && service.connection().is_none());
            assert_eq!(mine.made(), mine.lost());
            assert_eq!(mine.alive(), 0, "a protocol is there still");
            waiting.join().unwrap();
        });
    });
}

#[test]
fn it_is_stopped_and_started_by_two_and_ends_where_the_last_word_says() {
    draw(|| {
        let book = Book::default();
        with_server(&book, |lp, _server| async move {
            let mine = Book::default();
            let service = service(&lp, &mine);
            let other = service.clone();
            let starting = thread::spawn(move || other.start().unwrap());
            service.stop().await.unwrap();
            starting.join().unwrap();
            service.start().unwrap();
            let connection = service.when_connected(None).await.unwrap();
            service.stop().await.unwrap();
            assert!(connection.is_lost());
            assert!(!service.is_running());
            assert_eq!(mine.made(), mine.lost());
        });
    });
}

#[test]
fn a_lost_connection_is_made_again() {
    draw(|| {
        let book = Book::default();
        with_server(&book, |lp, server| async move {
            let mine = Book::default();
            let service = service(&lp, &mine);
            service.start().unwrap();
            let first = service.when_connected(None).await.unwrap();
            let aborting = thread::spawn(move || {
                for accepted in server.connections() {
                    accepted.abort();
                }
            });
            first.abort();
            first.closed().await;
            aborting.join().unwrap();
            let again = loop {
                let connection = connected(&lp, &service);
                if !connection.is_lost() {
                    break connection;
                }
                thread::yield_now();
            };
            service.stop().await.unwrap();
            assert!(again.is_lost());
            assert_eq!(mine.made(), mine.lost());
        });
    });
}

#[test]
fn who_waits_is_told_when_it_gives_up_or_is_stopped() {
    draw(|| {
        let lp = ModelLoop::new();
        crate::event_loop::run(&lp, async {
            let mine = Book::default();
            // Nobody listens.
            let its = mine.clone();
            let service = ClientService::builder(PORT, move || its.protocol())
                .unwrap()
                .retry(Backoff::exponential().max_retries(0))
                .build(&lp);
            service.start().unwrap();
            let waiting = [service.clone(), service.clone()]
                .map(|service| thread::spawn(move || block_on(service.when_connected(None))));
            let stopper = service.clone();
            let stopping = thread::spawn(move || block_on(stopper.stop()).unwrap());
            stopping.join().unwrap();
            for thread in waiting {
                // It may have asked after the stop; then it waits for the next start.
                let _ = service.start();
                assert!(thread.join().unwrap().is_err());
            }
            service.stop().await.unwrap();
        })
        .unwrap();
    });
}

#[test]
fn a_step_that_fails_ends_its_connection_before_the_next_attempt() {
    draw(|| {
        let book = Book::default();
        with_server(&book, |lp, _server| async move {
            let mine = Book::default();
            let its = mine.clone();
            let seen = mine.clone();
            let mut tried = 0;
            let service = ClientService::builder(PORT, move || {
                assert_eq!(seen.made(), seen.lost(), "the rejected one is there still");
                its.protocol()
            })
            .unwrap()
            .prepare(move |_| {
                tried += 1;
                let fails = tried == 1;
                async move {
                    if fails {
                        return Err(Failure::message("not this one"));
                    }
                    Ok(())
                }
            })
            .build(&lp);
            service.start().unwrap();
            connected(&lp, &service);
            service.stop().await.unwrap();
            assert_eq!((mine.made(), mine.lost()), (2, 2));
        });
    });
}
