//! A program for the tests to send signals to. It prints what it does, a word per line.

use std::future::pending;
use std::io::Write as _;
use std::time::Duration;

use polyloop::{AnyLoop, Failure, Lifecycle, ShutdownPhase, Signal, Signals, Timers};

#[polyloop::main(signals)]
async fn main(lp: AnyLoop) -> Result<(), Failure> {
    let role = std::env::args().nth(1).unwrap_or_default();
    match role.as_str() {
        // Its hook takes a while, and is waited for.
        "polite" => {
            let timers = lp.clone();
            lp.on_shutdown(ShutdownPhase::Before, move || async move {
                timers.sleep(Duration::from_millis(50)).await;
                say("stopped in good order")
            });
        }
        // Its hook never ends, and holds the thread, too.
        "stuck" => {
            lp.on_shutdown(ShutdownPhase::Before, || async {
                say("stuck")?;
                loop {
                    std::thread::park();
                }
            });
        }
        // Has handled a signal, and does no longer.
        "restored" => {
            lp.add_signal_handler(Signal::USR1, || {})?;
            lp.remove_signal_handler(Signal::USR1);
        }
        // Says what comes, and never ends by itself.
        "told" => {
            lp.add_signal_handler(Signal::HUP, || {
                // Whoever listens may have gone.
                let _ = say("SIGHUP");
            })?;
        }
        other => say(&format!("unknown role {other:?}"))?,
    }
    say("ready")?;
    pending().await
}

fn say(line: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()?;
    Ok(())
}
