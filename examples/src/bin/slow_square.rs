//! The first lesson: `slow_square [NUMBER]`.

use std::process::ExitCode;

use clap::Parser;
use polyloop_examples::program::LoopChoice;
use polyloop_examples::slow_square::{fourth_power, fourth_power_with_callbacks};

/// Squares a number twice, slowly: with callbacks, then as an async fn.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    choice: LoopChoice,
    /// The number.
    #[arg(default_value_t = 7, allow_negative_numbers = true)]
    number: i64,
}

fn main() -> ExitCode {
    let Arguments { choice, number } = Arguments::parse();
    choice.run(async |lp| {
        let observe = |outcome: &Result<i64, _>| println!("the first square: {outcome:?}");
        println!("callbacks:");
        let answer = fourth_power_with_callbacks(&lp, number, observe).await?;
        println!("{answer}");
        println!("async fn:");
        println!("{}", fourth_power(&lp, number, observe).await);
        Ok(())
    })
}
