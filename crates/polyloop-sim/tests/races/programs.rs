//! Programs with a race each. They say whether it went wrong.

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{AsyncReadExt as _, AsyncWriteExt as _};
use polyloop_core::{
    ListenOptions, Listener as _, Promise as _, Resolve as _, Spawner as _, Stream, Tcp as _,
    TcpOptions, Timers as _, yield_now,
};
use polyloop_sim::{SimLoop, SimTcpListener, SimTcpStream};

const SECOND: Duration = Duration::from_secs(1);

/// What hears messages, once somebody has registered it; until then they are lost.
#[derive(Clone, Default)]
struct Inbox(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    registered: bool,
    heard: usize,
}

impl Inbox {
    fn register(&self) {
        self.0.lock().unwrap().registered = true;
    }

    fn message(&self) {
        let mut state = self.0.lock().unwrap();
        if state.registered {
            state.heard += 1;
        }
    }

    fn heard(&self) -> usize {
        self.0.lock().unwrap().heard
    }
}

/// Two tasks count up: each looks, lets others have a turn, and writes what it makes of it.
pub(crate) async fn lost_update(lp: SimLoop) -> bool {
    let count = Arc::new(AtomicU32::new(0));
    let tasks: Vec<_> = (0..2)
        .map(|_| {
            let count = count.clone();
            lp.spawn(async move {
                let seen = count.load(Ordering::Relaxed);
                yield_now().await;
                count.store(seen + 1, Ordering::Relaxed);
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    count.load(Ordering::Relaxed) != 2
}

/// The server greets at once; the client has its messages dispatched by one task, and
/// another one, so many spawns deep, registers who hears them.
pub(crate) async fn unheard_greeting(lp: SimLoop, depth: u32) -> bool {
    let server = lp.sim().host("server");
    let mut listener = listen(&server);
    server
        .spawn(async move {
            let mut stream = accept(&mut listener).await;
            stream.write_all(b"welcome").await.unwrap();
            stream
        })
        .detach();
    let client = lp.sim().host("client");
    let inbox = Inbox::default();
    let (on, theirs) = (client.clone(), inbox.clone());
    client
        .spawn(async move {
            let stream = dial(&on).await;
            on.spawn(dispatch(stream, theirs.clone())).detach();
            register(&on, theirs, depth);
        })
        .detach();
    lp.sleep(SECOND).await;
    inbox.heard() == 0
}

fn register(lp: &SimLoop, inbox: Inbox, depth: u32) {
    let Some(less) = depth.checked_sub(1) else {
        return inbox.register();
    };
    let on = lp.clone();
    lp.spawn(async move { register(&on, inbox, less) }).detach();
}

/// The client speaks at once, and it is the server that registers late.
pub(crate) async fn unheard_request(lp: SimLoop) -> bool {
    let server = lp.sim().host("server");
    let mut listener = listen(&server);
    let inbox = Inbox::default();
    let (on, theirs) = (server.clone(), inbox.clone());
    server
        .spawn(async move {
            let stream = accept(&mut listener).await;
            on.spawn(dispatch(stream, theirs.clone())).detach();
            register(&on, theirs, 1);
        })
        .detach();
    let client = lp.sim().host("client");
    let on = client.clone();
    client
        .spawn(async move {
            let mut stream = dial(&on).await;
            stream.write_all(b"hello").await.unwrap();
            stream
        })
        .detach();
    lp.sleep(SECOND).await;
    inbox.heard() == 0
}

/// Whoever is connected twice takes it that what was asked first is answered first.
pub(crate) async fn overtaken_reply(lp: SimLoop) -> bool {
    let server = lp.sim().host("server");
    let mut listener = listen(&server);
    let on = server.clone();
    server
        .spawn(async move {
            loop {
                let stream = accept(&mut listener).await;
                on.spawn(echo(stream)).detach();
            }
        })
        .detach();
    let client = lp.sim().host("client");
    let order = Arc::new(Mutex::new(Vec::new()));
    let (on, replies) = (client.clone(), order.clone());
    client
        .spawn(async move {
            let streams = [dial(&on).await, dial(&on).await];
            for (number, mut stream) in streams.into_iter().enumerate() {
                let replies = replies.clone();
                stream.write_all(b"?").await.unwrap();
                on.spawn(async move {
                    stream.read_exact(&mut [0]).await.unwrap();
                    replies.lock().unwrap().push(number);
                })
                .detach();
                // Hardly anything.
                on.sleep(Duration::from_micros(500)).await;
            }
        })
        .detach();
    lp.sleep(SECOND).await;
    let order = order.lock().unwrap();
    assert_eq!(order.len(), 2);
    order[0] == 1
}

/// Two requests over one connection each; the handler looks, works for a millisecond,
/// and writes what it makes of it.
pub(crate) async fn slow_handler(lp: SimLoop) -> bool {
    let server = lp.sim().host("server");
    let mut listener = listen(&server);
    let count = Arc::new(AtomicU32::new(0));
    let (on, counted) = (server.clone(), count.clone());
    server
        .spawn(async move {
            loop {
                let mut stream = accept(&mut listener).await;
                let (clock, count) = (on.clone(), counted.clone());
                on.spawn(async move {
                    stream.read_exact(&mut [0]).await.unwrap();
                    let seen = count.load(Ordering::Relaxed);
                    clock.sleep(Duration::from_millis(1)).await;
                    count.store(seen + 1, Ordering::Relaxed);
                })
                .detach();
            }
        })
        .detach();
    for name in ["a", "b"] {
        let client = lp.sim().host(name);
        let on = client.clone();
        client
            .spawn(async move {
                let mut stream = dial(&on).await;
                stream.write_all(b"+").await.unwrap();
                on.sleep(SECOND).await;
            })
            .detach();
        lp.sleep(Duration::from_millis(4)).await;
    }
    lp.sleep(SECOND).await;
    count.load(Ordering::Relaxed) != 2
}

async fn dispatch(mut stream: impl Stream, inbox: Inbox) {
    while !matches!(stream.read(&mut [0; 64]).await, Ok(0) | Err(_)) {
        inbox.message();
    }
}

async fn echo(mut stream: impl Stream) -> io::Result<()> {
    let mut byte = [0];
    while stream.read(&mut byte).await? > 0 {
        stream.write_all(&byte).await?;
    }
    Ok(())
}

fn listen(lp: &SimLoop) -> SimTcpListener {
    let address = "0.0.0.0:7".parse().unwrap();
    lp.bind_tcp(address, &ListenOptions::default()).unwrap()
}

async fn accept(listener: &mut SimTcpListener) -> SimTcpStream {
    std::future::poll_fn(|cx| listener.poll_accept(cx))
        .await
        .unwrap()
        .0
}

async fn dial(lp: &SimLoop) -> SimTcpStream {
    let address = lp.resolve("server", 7).await.unwrap()[0];
    lp.connect_tcp(address, &TcpOptions::default())
        .await
        .unwrap()
}
