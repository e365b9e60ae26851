//! Says which loop the cargo features have chosen, and on which thread its tasks
//! run. The demo builds it with one feature at a time; no line of it changes.

use polyloop::{Failure, Loop};

#[polyloop::main]
async fn main(lp: impl Loop) -> Result<(), Failure> {
    let thread = lp
        .spawn(async { std::thread::current().name().map(str::to_owned) })
        .await?;
    println!(
        "{} on {}",
        lp.name(),
        thread.as_deref().unwrap_or("a thread without a name")
    );
    Ok(())
}
