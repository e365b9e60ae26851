//! The attribute macros of polyloop: `#[polyloop::main]` and `#[polyloop::test]`.
//!
//! Use them through the `polyloop` crate, which re-exports them and holds the
//! code that their expansions call. A macro can't see which features `polyloop`
//! was built with, and the caller's features say nothing about that; so for each
//! loop the expansion goes through a hidden macro of `polyloop` that keeps or
//! drops it. What the calling package itself asks for is in its manifest, which the
//! macros read.
//!
//! Each attribute has a file of its own; `loops` lists the loops that they know,
//! `arguments` reads what stands in the parentheses, `signature` looks at how the
//! function takes its loop, `body` at what it does, `below` at attributes that come too
//! late, and `sorting` deals the other ones out. `manifest` finds the manifest, `asked` and
//! `target` read it, and `caller` brings it into the expansions.

mod arguments;
mod asked;
mod below;
mod body;
mod caller;
mod loops;
mod main_attribute;
mod manifest;
mod signature;
mod sorting;
mod target;
mod test_attribute;

use proc_macro::TokenStream;
use proc_macro2::Span;
use syn::parse_macro_input;

/// Makes an `async fn main` the program's entry, run on a loop.
///
/// ```ignore
/// #[polyloop::main]
/// async fn main(lp: AnyLoop) -> Result<(), Failure> {
///     lp.serve("127.0.0.1:7000", || Echo).await?.drained().await;
///     Ok(())
/// }
/// ```
///
/// The function may return whatever `main` may return, and may take the loop: as
/// an `AnyLoop`, as `impl Loop`, or through one type parameter. What it needs beside `Loop`
/// it asks for by name, such as `lp: impl Loop + Processes + Udp`: `AnyLoop` has all of the
/// abilities, and says with an error where the loop below has one not (a simulated one starts
/// no processes); a pinned loop that lacks one does not compile.
///
/// | written | the loop |
/// | --- | --- |
/// | `#[polyloop::main]` | the one that `POLYLOOP_LOOP` names, else the one that the package's manifest asks for |
/// | `#[polyloop::main(tokio)]` | `TokioLoop`, always |
/// | `#[polyloop::main(smol)]` | `SmolLoop`, always |
/// | `#[polyloop::main(async-std)]` | `AsyncStdLoop`, always |
/// | `#[polyloop::main(sim)]` | `SimLoop`, always: the program in a simulation |
///
/// `#[polyloop::main(signals)]`, also beside the name of a loop, stops the loop in good order
/// at the first `SIGINT` or `SIGTERM`: connections and shutdown hooks end as at the end of
/// `main`, and then the process ends as the signal would have ended it, so that a shell or a
/// supervisor sees which it was. A second signal ends it at once
/// (`Signals::stop_on_signals`, SIG-01).
///
/// A pinned loop is not overridden by `POLYLOOP_LOOP`, and the function may take it
/// by its own type. Its feature has to be on; the compiler says so if it is not.
///
/// If no loop can be had, or it can't be run, the reason is printed to standard
/// error and the exit code is 1.
///
/// # What the manifest asks for
///
/// Cargo builds one `polyloop` for all packages of a command, with the features that any
/// of them wants. The attribute reads the manifest of the package that it stands in, so
/// that a program has the same loop whether it is built by `cargo build -p` or by `cargo
/// build --workspace`. These count, in this order:
///
/// 1. the loops that `[dependencies]` names: as `features` of `polyloop`, whatever the
///    dependency is called there, in a table of this target or in the workspace's
///    manifest, where it is inherited; and through a feature of the package, such as
///    `small = ["polyloop/smol"]`, where that is on;
/// 2. those that are on by default: `tokio` by `polyloop`'s default feature, and what the
///    package's own default features switch on;
/// 3. the same of `[dev-dependencies]`, for the examples of a package that asks for
///    nothing else.
///
/// The simulated loop is taken only where no other is asked for. Where the manifest names
/// two, or none while several are compiled in, or can't be read because something else
/// than cargo builds the program, the [order of preference](type.DefaultLoop.html) decides, and a
/// warning tells so once: by `tracing`, and on standard error while that has no
/// subscriber.
///
/// A renamed dependency, such as `pl = { package = "polyloop", … }`, is found there, too.
/// `crate = path` says where `polyloop` is otherwise: behind a crate that re-exports it.
/// The path begins where the attribute stands.
#[proc_macro_attribute]
pub fn main(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let function = parse_macro_input!(item as syn::ItemFn);
    let name = function.sig.ident.clone();
    syn::parse(arguments)
        .and_then(|arguments| main_attribute::expand(&arguments, function))
        .unwrap_or_else(|error| main_attribute::explain(&name, &error.into_compile_error()))
        .into()
}

/// Makes one test of an `async fn` for each loop that is compiled in.
///
/// ```ignore
/// #[polyloop::test]
/// async fn echo<L: Loop>(lp: L) -> Result<(), Failure> {
///     let server = lp.serve("127.0.0.1:0", || Echo).await?;
///     // …
///     Ok(())
/// }
/// ```
///
/// gives `echo::tokio`, `echo::smol`, `echo::async_std` and `echo::sim`, as far as
/// the features of `polyloop` are on, whichever crate switched them on. The function
/// takes the loop through one type parameter, as `impl Loop`, as `&L`, as an `AnyLoop`,
/// or not at all; a test for one loop only, such as `#[polyloop::test(sim)]`, also by
/// its own type. It returns nothing, or a `Result<(), E>` whose error is `Debug`. Where
/// none of its loops is compiled in, one ignored test is there to say so.
///
/// What it needs beside `Loop` it asks for by name, such as `lp: impl Loop + Udp`; every loop
/// that it is run on has to have that, so one that asks for `Processes` or `Watch`, which a
/// simulation lacks, says `loops(real)`.
///
/// On a loop that the package does not ask for the test is ignored, with that reason:
/// another package that is built by the same command, or a feature given to cargo, may have
/// brought it. What a package asks for is told by [`#[polyloop::main]`](attr.main.html), here
/// with its `[dev-dependencies]`. A loop that the attribute names (`loops(smol)`, `sim`) is
/// not ignored, and where the manifest asks for none, or can't be read, no loop is.
///
/// A test fails when its body panics, when it returns an error, and when its
/// deadline passes: also when the body hangs in code that never awaits.
///
/// | argument | what it does |
/// | --- | --- |
/// | `timeout = 5`, `timeout = "500ms"` | the deadline, in seconds or with a unit (`ms`, `s`, `m`, `h`); 60 s unless set. In real time, and on the simulated loop for each seed |
/// | `loops(tokio, smol)` | only these, as far as they are compiled in |
/// | `loops(real)` | every loop but the simulated one: for tests with sockets or processes of the machine |
/// | `sim` | short for `loops(sim)`: only the simulated loop |
/// | `seeds = 200` | the simulated loop runs the test under the seeds 0 to 199, each in a simulation of its own, and with each of the schedulers in turn; 1 unless set |
/// | `virtual_timeout = 600`, `virtual_timeout = "1h"` | how much virtual time each seed of the simulated loop may take; no limit unless set |
/// | `trace = "path.html"` | where the simulated loop draws the run of a failing seed; any constant text, such as `concat!(env!("CARGO_TARGET_TMPDIR"), "/")` |
/// | `crate = path` | where `polyloop` is, if it is no dependency of the package |
///
/// Under the simulated loop, a failure tells the seed, how to run exactly that one
/// again, and the last events before it. The environment is asked, too:
///
/// | variable | what it does |
/// | --- | --- |
/// | `POLYLOOP_SEED=17` | runs this seed and no other |
/// | `POLYLOOP_SEEDS=100000` | the number of seeds of the tests that have `seeds = …` |
/// | `POLYLOOP_TRACE=path.html` | draws the run of a failing seed, or, with `POLYLOOP_SEED`, that run however it ends; as one line per event if the path ends in `.txt`; into a file of its own if it is a directory. Under `cargo test` a path is relative to the package |
///
/// The deadline of a simulated test is in real time, too, and for each seed, so that it
/// finds a seed that hangs and lets any number of them go on over night. A run that still
/// goes on then is reported like one that fails, with its seed and its last events. A limit
/// of virtual time (`virtual_timeout`) ends it sooner, under every seed at the same moment of
/// the simulation, with what every task waits for.
///
/// Other attributes (`#[ignore]`, `#[should_panic]`, `#[cfg(…)]`, documentation)
/// go to the tests; lint levels stay on the function. An attribute that supplies arguments
/// or makes several tests of one, such as those of `rstest` and `test_case`, stands above,
/// and `#[polyloop::test]` below all of its cases; then each case is a test for each loop:
///
/// ```ignore
/// #[rstest]
/// #[case(1)]
/// #[case(2)]
/// #[polyloop::test]
/// async fn counts(#[case] number: u32) {}
/// ```
///
/// The tests are functions in a module that has the function's name; where the function
/// uses another module of that name (`server::start()` in `async fn server`), in one
/// that is called `server_on`.
#[proc_macro_attribute]
pub fn test(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let arguments = parse_macro_input!(arguments as arguments::TestArguments);
    let function = parse_macro_input!(item as syn::ItemFn);
    below::check_case(Span::call_site(), &function)
        .and_then(|()| test_attribute::expand(&arguments, function))
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}
