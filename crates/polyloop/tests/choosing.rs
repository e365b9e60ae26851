//! Choosing a loop by name and by feature. (By the environment: see
//! `main_attribute.rs`, where there are processes to set it for.)

use polyloop::{AnyLoop, ChooseError, Failure, Lifecycle, MainLoop, Spawner};

const KNOWN: [&str; 4] = ["async-std", "smol", "tokio", "sim"];

#[test]
fn the_features_say_what_is_available() {
    let expected: Vec<&str> = [
        (cfg!(feature = "async-std"), "async-std"),
        (cfg!(feature = "smol"), "smol"),
        (cfg!(feature = "tokio"), "tokio"),
        (cfg!(feature = "sim"), "sim"),
    ]
    .into_iter()
    .filter_map(|(on, name)| on.then_some(name))
    .collect();
    assert_eq!(AnyLoop::available(), expected);
    let real: Vec<&str> = expected.into_iter().filter(|name| *name != "sim").collect();
    assert_eq!(AnyLoop::available_real(), real);
}

#[test]
fn each_name_gives_its_loop() {
    for name in AnyLoop::available() {
        let lp = AnyLoop::by_name(name).unwrap();
        assert_eq!(lp.name(), *name);
        let answer = lp.run(async { lp.spawn(async { 42 }).await });
        assert_eq!(answer.unwrap().unwrap(), 42);
    }
}

#[test]
fn case_and_underscores_do_not_matter() {
    for name in AnyLoop::available() {
        let odd = name.to_uppercase().replace('-', "_");
        assert_eq!(AnyLoop::by_name(&odd).unwrap().name(), *name);
    }
}

#[test]
fn an_unknown_name_is_told_with_what_there_is() {
    for given in ["libuv", "", "tokio ", "async std"] {
        let error = AnyLoop::by_name(given).unwrap_err();
        assert!(matches!(error, ChooseError::Unknown { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains(&format!("{given:?}")), "{text}");
        for name in KNOWN {
            assert!(text.contains(name), "{text}");
        }
    }
}

#[test]
fn a_known_name_without_its_feature_says_how_to_get_it() {
    for name in KNOWN {
        if AnyLoop::available().contains(&name) {
            continue;
        }
        let error = AnyLoop::by_name(name).unwrap_err();
        assert!(
            matches!(error, ChooseError::NotCompiledIn { name: told, .. } if told == name),
            "{error:?}"
        );
        let text = error.to_string();
        assert!(text.contains(&format!("feature \"{name}\"")), "{text}");
        for available in AnyLoop::available() {
            assert!(text.contains(available), "{text}");
        }
    }
}

#[test]
fn the_default_loop_is_the_preferred_one() {
    let Some(preferred) = AnyLoop::available().first() else {
        let error = polyloop::default_loop().unwrap_err();
        assert!(matches!(error, ChooseError::NoneCompiledIn), "{error:?}");
        let text = error.to_string();
        assert!(KNOWN.iter().all(|name| text.contains(name)), "{text}");
        return;
    };
    let lp = polyloop::default_loop().unwrap();
    assert_eq!(lp.name(), *preferred);
    let answer = lp.run(async { lp.spawn(async { 42 }).await });
    assert_eq!(answer.unwrap().unwrap(), 42);
}

#[cfg(feature = "async-std")]
#[test]
fn who_asks_for_async_std_gets_it_whatever_else_is_on() {
    let lp: polyloop::AsyncStdLoop = polyloop::default_loop().unwrap();
    assert_eq!(lp.name(), "async-std");
}

#[test]
fn its_errors_are_failures_too() {
    let failure = Failure::from(AnyLoop::by_name("libuv").unwrap_err());
    assert!(failure.downcast_ref::<ChooseError>().is_some());
}
