//! [`DefaultLoop`]: the loop that the cargo features choose.

use crate::ChooseError;
use crate::preference::{self, Why};

cfg_if::cfg_if! {
    if #[cfg(feature = "async-std")] {
        type Preferred = crate::AsyncStdLoop;
    } else if #[cfg(feature = "smol")] {
        type Preferred = crate::SmolLoop;
    } else if #[cfg(feature = "tokio")] {
        type Preferred = crate::TokioLoop;
    } else if #[cfg(feature = "sim")] {
        type Preferred = crate::SimLoop;
    } else {
        type Preferred = crate::AnyLoop;
    }
}

/// The loop that the features of this crate choose: `AsyncStdLoop` with
/// `async-std`, else `SmolLoop` with `smol`, else `TokioLoop` with `tokio`, else
/// `SimLoop` with `sim`; without any of them, [`AnyLoop`](crate::AnyLoop), of which
/// there is then no value. The simulated loop comes last: switching it on, for tests,
/// changes no program.
///
/// Whoever names a feature besides the one that is on by default means it, so
/// `features = ["async-std"]` is enough to get async-std, and moving on to smol is
/// that one word.
///
/// Cargo unifies features: another crate in the tree, or another package of the same
/// command, may switch one on, and this type follows, since a type can't see which package
/// names it. [`#[polyloop::main]`](macro@crate::main) can: it follows the manifest of its
/// own package, and this order only where that leaves several. Elsewhere a program that must
/// not be swapped pins its loop: by a type (`TokioLoop`), by
/// [`AnyLoop::by_name`](crate::AnyLoop::by_name), or, when it is started, by `POLYLOOP_LOOP`
/// with [`AnyLoop::from_env`](crate::AnyLoop::from_env). A library asks for
/// [`Loop`](crate::Loop) and never names this type.
pub type DefaultLoop = Preferred;

/// Makes a [`DefaultLoop`].
///
/// The features alone decide; `POLYLOOP_LOOP` does not, since the type is fixed when
/// the program is compiled. Where several loops are compiled in, besides the simulated one, a
/// warning says once in a process which was taken and how to pin one: by `tracing`, and on
/// standard error while that has no subscriber.
///
#[cfg_attr(
    any(
        feature = "tokio",
        feature = "smol",
        feature = "async-std",
        feature = "sim"
    ),
    doc = "```"
)]
#[cfg_attr(
    not(any(
        feature = "tokio",
        feature = "smol",
        feature = "async-std",
        feature = "sim"
    )),
    doc = "```no_run"
)]
/// use polyloop::{AnyLoop, Lifecycle};
///
/// let lp = polyloop::default_loop()?;
/// assert_eq!(lp.name(), AnyLoop::available()[0]);
/// # Ok::<(), polyloop::ChooseError>(())
/// ```
pub fn default_loop() -> Result<DefaultLoop, ChooseError> {
    // For what it tells; the features have decided.
    let _ = preference::first(Why::DefaultLoop);
    cfg_if::cfg_if! {
        if #[cfg(any(feature = "async-std", feature = "smol"))] {
            Ok(DefaultLoop::new())
        } else if #[cfg(feature = "tokio")] {
            let built = DefaultLoop::new();
            built.map_err(|source| ChooseError::Build { name: "tokio", source })
        } else if #[cfg(feature = "sim")] {
            Ok(DefaultLoop::new())
        } else {
            Err(ChooseError::NoneCompiledIn)
        }
    }
}
