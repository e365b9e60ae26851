//! [`suite!`](crate::suite), the one line of a backend's tests.

/// Declares one test per behaviour for a loop, in a module of the given name.
///
/// `make` is called for each loop that a check wants. What the loop lacks is named
/// by [`Capability`](crate::Capability); the tests that need it then say so and
/// pass.
///
/// ```text
/// polyloop_conformance::suite!(conformance, my_loop::MyLoop::new);
/// polyloop_conformance::suite!(conformance, my_loop::MyLoop::new, lacks: [Ipv6]);
/// ```
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

            $crate::for_each_behaviour!(declare_tests);
        }
    };
}

/// What [`suite!`](crate::suite) makes of the registry.
#[doc(hidden)]
#[macro_export]
macro_rules! declare_tests {
    (
        []
        checks { $($module:ident: $needs:ident { $($id:ident)* })* }
        reasons { $($reasoned:ident $why:literal)* }
        not_yet { $($missing:ident)* }
    ) => {
        $($(
            #[test]
            fn $id() {
                $crate::runner::assert_conforms(
                    stringify!($id),
                    $crate::Capability::$needs,
                    LACKS,
                    &BASICS,
                    make,
                    $crate::checks::$module::$id,
                );
            }
        )*)*
    };
}
