//! [`suite!`](crate::suite), the one line of a backend's tests.

/// Declares one test per behaviour for a loop, in a module of the given name.
///
/// `make` is called for each loop that a check wants. What the loop lacks is named
/// by [`Capability`](crate::Capability); the tests that need it then say so and
/// pass.
///
/// ```text
/// polyloop_conformance::suite!(conformance, my_loop::MyLoop::new);
/// polyloop_conformance::suite!(conformance, my_loop::MyLoop::new, lacks: [Ipv6, Watch]);
/// ```
///
/// Abilities that are traits beside [`Loop`](polyloop_core::Loop) are named in the same way;
/// one that is not, and that the loop does not implement, is an error of the compiler's.
///
/// The name is that of a module, so one that is also the name of the loop's crate hides
/// that: then `make` begins with `::`, as in `::my_loop::MyLoop::new`.
#[macro_export]
macro_rules! suite {
    ($name:ident, $make:expr $(, lacks: [$($lack:ident),* $(,)?])? $(,)?) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            #[allow(clippy::redundant_closure_call)]
            fn make() -> impl $crate::reexport::MainLoop {
                ($make)()
            }

            static BASICS: $crate::basics::Basics = $crate::basics::Basics::new();

            const LACKS: &[$crate::Capability] = &[$($($crate::Capability::$lack),*)?];

            $crate::for_each_behaviour!(declare_tests {$make} [$($($lack)*)?]);
        }
    };
}

/// What [`suite!`](crate::suite) makes of the registry.
#[doc(hidden)]
#[macro_export]
macro_rules! declare_tests {
    (
        [{$make:expr} $lacks:tt]
        checks { $($module:ident: $needs:ident { $($id:ident)* })* }
        abilities { $(
            $(#[$when:meta])*
            $trait:ident $name:ident { $($able:ident: $wants:ident { $($asks:ident)* })* }
        )* }
        reasons { $($reasoned:ident $why:literal)* }
        not_yet { $($missing:ident)* }
    ) => {
        $($crate::declare_tests_of! { $module $needs make $($id)* })*
        $($(#[$when])* $crate::if_it_lacks! {
            $trait $lacks
            { $($crate::declare_skipped! { $trait $($asks)* })* }
            {
                #[allow(clippy::redundant_closure_call)]
                fn $name() -> impl $crate::reexport::MainLoop + $crate::reexport::$trait {
                    ($make)()
                }
                $($crate::declare_tests_of! { $able $wants $name $($asks)* })*
            }
        })*
    };
}

/// The tests of one line of the registry.
#[doc(hidden)]
#[macro_export]
macro_rules! declare_tests_of {
    ($module:ident $needs:ident $make:ident $($id:ident)*) => {$(
        #[test]
        fn $id() {
            $crate::runner::assert_conforms(
                stringify!($id),
                $crate::Capability::$needs,
                LACKS,
                &BASICS,
                $make,
                $crate::checks::$module::$id,
            );
        }
    )*};
}

/// The same where the loop lacks the trait.
#[doc(hidden)]
#[macro_export]
macro_rules! declare_skipped {
    ($trait:ident $($id:ident)*) => {$(
        #[test]
        fn $id() {
            $crate::runner::skip(stringify!($id), $crate::Capability::$trait);
        }
    )*};
}

/// Whether an ability is among those that a loop lacks. Each has a line of its own, since a
/// macro can't compare two names.
#[doc(hidden)]
#[macro_export]
macro_rules! if_it_lacks {
    ($trait:ident [] $lacks:tt {$($has:tt)*}) => { $($has)* };
    (Udp [Udp $($more:ident)*] {$($lacks:tt)*} $has:tt) => { $($lacks)* };
    (Watch [Watch $($more:ident)*] {$($lacks:tt)*} $has:tt) => { $($lacks)* };
    (Processes [Processes $($more:ident)*] {$($lacks:tt)*} $has:tt) => { $($lacks)* };
    (Signals [Signals $($more:ident)*] {$($lacks:tt)*} $has:tt) => { $($lacks)* };
    ($trait:ident [$other:ident $($more:ident)*] $lacks:tt $has:tt) => {
        $crate::if_it_lacks! { $trait [$($more)*] $lacks $has }
    };
}
