//! The free functions: on a loop they are its methods, elsewhere they say why not.

use std::time::{Duration, Instant};

use polyloop::{
    AnyLoop, Deferred, Failure, Found, Lifecycle, Loop, NoCurrentLoop, Protocol, Transport,
};

struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        transport.write(data)?;
        Ok(())
    }
}

async fn everything() -> Result<&'static str, Failure> {
    let start: Instant = polyloop::now()?;
    polyloop::sleep(Duration::from_millis(5))?.await;
    assert!(polyloop::now()? - start >= Duration::from_millis(5));

    assert_eq!(polyloop::spawn(async { 1 })?.await?, 1);
    assert_eq!(polyloop::run_in_thread(|| 2)?.await?, 2);

    let (resolver, soon) = Deferred::new();
    polyloop::call_soon(move || {
        resolver.resolve(3).unwrap();
    })??;
    assert_eq!(soon.await?, 3);
    let (resolver, later) = Deferred::new();
    polyloop::call_later(Duration::from_millis(2), move || {
        resolver.resolve(4).unwrap();
    })??;
    assert_eq!(later.await?, 4);

    let server = polyloop::serve("127.0.0.1:0", || Echo)?.await?;
    let client = polyloop::connect(server.local_addr(), || Echo)?.await?;
    client.close();
    assert!(client.closed().await.is_clean());
    server.close();
    server.drained().await;
    assert!(polyloop::serve("nowhere", || Echo)?.await.is_err());
    Ok(polyloop::current()?.name())
}

#[polyloop::test]
async fn they_act_on_the_current_loop<L: Loop>(lp: L) -> Result<(), Failure> {
    assert_eq!(everything().await?, lp.name());
    // In a task as well as in the main future.
    assert_eq!(lp.spawn(everything()).await??, lp.name());
    Ok(())
}

/// The error of each function.
fn errors() -> Vec<(&'static str, NoCurrentLoop)> {
    vec![
        ("spawn", polyloop::spawn(async {}).map(drop).unwrap_err()),
        (
            "sleep",
            polyloop::sleep(Duration::ZERO).map(drop).unwrap_err(),
        ),
        ("now", polyloop::now().unwrap_err()),
        (
            "call_soon",
            polyloop::call_soon(|| ()).map(drop).unwrap_err(),
        ),
        (
            "call_later",
            polyloop::call_later(Duration::ZERO, || ())
                .map(drop)
                .unwrap_err(),
        ),
        (
            "run_in_thread",
            polyloop::run_in_thread(|| ()).map(drop).unwrap_err(),
        ),
        (
            "connect",
            polyloop::connect("127.0.0.1:1", || Echo)
                .map(drop)
                .unwrap_err(),
        ),
        (
            "serve",
            polyloop::serve("127.0.0.1:0", || Echo)
                .map(drop)
                .unwrap_err(),
        ),
        #[cfg(unix)]
        (
            "signals",
            polyloop::signals([polyloop::Signal::HUP])
                .map(drop)
                .unwrap_err(),
        ),
        #[cfg(unix)]
        (
            "spawn_child",
            polyloop::spawn_child(&mut std::process::Command::new("true"))
                .map(drop)
                .unwrap_err(),
        ),
        ("current", polyloop::current().unwrap_err()),
        ("AnyLoop::current", AnyLoop::current().unwrap_err()),
    ]
}

#[test]
fn off_the_loop_they_say_what_was_found_and_what_to_do() {
    for (name, error) in errors() {
        assert_eq!((error.called, error.found), (name, Found::PlainThread));
        let text = error.to_string();
        assert!(text.contains(&format!("`polyloop::{name}`")), "{text}");
        assert!(text.contains("not run by a polyloop loop"), "{text}");
        assert!(text.contains("`polyloop::run`"), "{text}");
        for available in AnyLoop::available() {
            assert!(text.contains(available), "{text}");
        }
        assert!(
            Failure::from(error)
                .downcast_ref::<NoCurrentLoop>()
                .is_some()
        );
    }
}

#[polyloop::test]
async fn a_thread_beside_the_loop_has_no_current_one<L: Loop>(lp: L) -> Result<(), Failure> {
    let found = lp
        .run_in_thread(|| polyloop::now().unwrap_err().found)
        .await?;
    // tokio's threads for blocking work count as inside of its runtime.
    assert!(
        matches!(found, Found::PlainThread | Found::TokioRuntime),
        "{found:?}"
    );
    Ok(())
}

#[cfg(feature = "tokio")]
#[test]
fn a_runtime_that_happens_to_be_there_is_not_adopted() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    for (name, error) in runtime.block_on(async { errors() }) {
        assert_eq!((error.called, error.found), (name, Found::TokioRuntime));
        let text = error.to_string();
        assert!(text.contains("does not adopt"), "{text}");
        assert!(text.contains("TokioLoop::from_handle"), "{text}");
    }
}

#[test]
fn run_takes_a_loop_of_its_own() {
    let ran = polyloop::run(everything());
    if let Ok(expected) = AnyLoop::from_env() {
        assert_eq!(ran.unwrap().unwrap(), expected.name());
    } else {
        let error = ran.unwrap_err().to_string();
        assert!(error.contains("no loop is compiled in"), "{error}");
    }
}
