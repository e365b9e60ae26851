//! The attributes in code that is not written as in the examples: through macros, under
//! strict lints, under other names.
//!
//! What the lints say is seen by `cargo clippy`, which looks at this file, too.

use polyloop as pl;

/// What comes through a macro stands in invisible parentheses.
mod through_macros {
    use polyloop::{AnyLoop, Failure, Lifecycle, Loop};

    macro_rules! takes_type {
        ($($name:ident: $ty:ty, $reference:ident, $parens:ident;)*) => {$(
            #[polyloop::test]
            async fn $name(lp: $ty) {
                assert!(AnyLoop::available().contains(&lp.name()));
            }

            #[polyloop::test]
            async fn $reference(lp: &$ty) {
                assert!(AnyLoop::available().contains(&lp.name()));
            }

            #[polyloop::test]
            #[allow(unused_parens)]
            async fn $parens(lp: ($ty)) {
                assert!(AnyLoop::available().contains(&lp.name()));
            }
        )*};
    }
    takes_type! {
        by_enum: AnyLoop, by_reference_to_enum, by_enum_in_parentheses;
        by_impl: impl Loop, by_reference_to_impl, by_impl_in_parentheses;
    }

    macro_rules! whole {
        ($item:item $name:ident $reference:ty, $result:ty, $body:block) => {
            #[polyloop::test]
            $item

            #[polyloop::test]
            async fn $name(_lp: $reference) -> $result $body
        };
    }
    whole! {
        async fn an_item<L: Loop>(lp: L) {
            lp.spawn(async {}).await.unwrap();
        }
        a_block &AnyLoop, Result<(), Failure>, {
            polyloop::spawn(async {})?.await
        }
    }

    #[cfg(feature = "sim")]
    macro_rules! own_type {
        ($name:ident, $main:ident, $ty:ty, $seeds:literal, $timeout:expr, $polyloop:path) => {
            #[polyloop::test(sim, seeds = $seeds, timeout = $timeout, crate = $polyloop)]
            async fn $name(lp: $ty) {
                assert!(lp.sim().seed() < $seeds);
            }

            #[polyloop::main(sim)]
            async fn $main(lp: &$ty) {
                assert!(lp.sim().seed() < $seeds);
            }
        };
    }
    #[cfg(feature = "sim")]
    own_type!(
        by_its_own_type,
        a_program,
        polyloop::SimLoop,
        3,
        5,
        polyloop
    );

    #[cfg(feature = "sim")]
    #[test]
    fn a_program_takes_its_own_type() {
        a_program();
    }
}

mod strict {
    #![forbid(dead_code, clippy::unused_async)]

    use polyloop::{AnyLoop, Loop};

    #[polyloop::test]
    async fn awaits_nothing() {}

    #[polyloop::test]
    async fn awaits_nothing_with_a_loop<L: Loop>(_lp: L) -> Result<(), String> {
        #![allow(clippy::unnecessary_wraps)]
        Ok(())
    }

    #[polyloop::test]
    async fn awaits_nothing_with_an_enum(_lp: &AnyLoop) {}

    #[polyloop::main]
    async fn a_program() {}

    #[test]
    fn a_program_awaits_nothing() {
        // Without a loop it says so and fails.
        a_program();
    }
}

/// What the user expects is not swallowed.
mod expected {
    #[polyloop::test]
    #[expect(clippy::unused_async)]
    async fn of_the_function() {}

    #[polyloop::test]
    async fn of_code_inside() {
        #[expect(clippy::unused_async)]
        async fn inner() {}
        #[expect(dead_code)]
        fn nobody_calls_it() {}
        inner().await;
    }

    #[polyloop::main]
    #[expect(clippy::unused_async)]
    async fn a_program() {}

    #[test]
    fn of_a_program() {
        a_program();
    }
}

/// `crate = …` leads where it would lead from where the attribute stands.
mod under_another_name {
    use polyloop::{AnyLoop, Lifecycle};

    use super::pl;

    #[pl::test(crate = pl)]
    async fn imported(lp: AnyLoop) {
        assert!(AnyLoop::available().contains(&lp.name()));
    }

    mod renamed {
        pub(super) use polyloop as lp;
    }

    #[polyloop::test(crate = renamed::lp)]
    async fn in_a_module_beside() {}

    #[polyloop::test(crate = super::pl)]
    async fn in_the_module_above() {}

    #[pl::main(crate = pl)]
    async fn a_program() {}

    #[test]
    fn a_program_finds_it() {
        a_program();
    }
}

/// The tests of a function have a module of its name, unless it uses another one of that
/// name.
mod named_like_a_module {
    mod server {
        pub(super) const PORT: u16 = 0;
    }

    #[polyloop::test]
    async fn server() {
        assert_eq!(server::PORT, 0);
    }

    #[polyloop::test]
    async fn polyloop() {
        assert!(polyloop::current().is_ok());
    }

    #[test]
    fn they_run() {
        let program = std::env::current_exe().unwrap();
        let list = std::process::Command::new(program).arg("--list").output();
        let list = String::from_utf8(list.unwrap().stdout).unwrap();
        for loop_name in polyloop::AnyLoop::available() {
            let word = loop_name.replace('-', "_");
            for function in ["server", "polyloop"] {
                let test = format!("named_like_a_module::{function}_on::{word}: test");
                assert!(list.contains(&test), "no {test} in {list}");
            }
        }
    }
}

/// A function is still one that others can call.
mod called_by_another {
    use polyloop::{Failure, Loop};

    #[polyloop::test]
    async fn part<L: Loop>(lp: L) -> Result<(), Failure> {
        lp.spawn(async {}).await
    }

    #[polyloop::test]
    async fn whole(lp: impl Loop) -> Result<(), Failure> {
        part(lp.clone()).await?;
        part(lp).await
    }
}
