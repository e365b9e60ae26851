//! redis-cli and redis-benchmark as clients of the `kv` example, on every loop.

use std::process::Command;

use polyloop::AnyLoop;
use polyloop_tests::{Child, client_program};

const PEER: &str = env!("CARGO_BIN_EXE_polyloop-test-peer");

fn run(program: &str, port: u16, arguments: &[&str]) -> String {
    let to = ["-h", "127.0.0.1", "-p", &port.to_string()];
    run_to(program, &to, arguments)
}

fn run_to(program: &str, to: &[&str], arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(to)
        .args(arguments)
        .output()
        .unwrap();
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{program} {arguments:?}: {text}");
    text
}

#[test]
fn redis_cli_speaks_with_kv() {
    polyloop_tests::within_deadline(|| {
        let Some(cli) = client_program("redis-cli", "redis-tools", "redis_cli_speaks_with_kv")
        else {
            return;
        };
        for name in AnyLoop::available_real() {
            let mut child = Child::start(PEER, &["kv", name]);
            let port = child.address().port();
            let say = |arguments: &[&str]| run(&cli, port, arguments).trim().to_owned();
            assert_eq!(say(&["PING"]), "PONG");
            assert_eq!(say(&["ECHO", "two words"]), "two words");
            assert_eq!(say(&["SET", "key", "value", "EX", "100"]), "OK");
            assert_eq!(say(&["GET", "key"]), "value");
            assert_eq!(say(&["TTL", "key"]), "100");
            assert_eq!(say(&["INCR", "counter"]), "1");
            assert_eq!(say(&["INCR", "counter"]), "2");
            assert_eq!(say(&["LPUSH", "list", "a", "b"]), "2");
            assert_eq!(say(&["LRANGE", "list", "0", "-1"]), "b\na");
            assert_eq!(say(&["DEL", "key", "nothing"]), "1");
            assert_eq!(say(&["GET", "key"]), "");
            assert!(say(&["INCR", "list"]).contains("WRONGTYPE"));
            assert!(say(&["NONSENSE"]).contains("unknown command"));
            assert!(say(&["GET"]).contains("wrong number of arguments"));
            assert_eq!(say(&["PUBLISH", "nobody", "hears"]), "0");
            child.stop();
        }
    });
}

/// And takes the place of the one before, which was killed and has left its file.
#[test]
fn redis_cli_speaks_with_kv_over_a_unix_socket() {
    polyloop_tests::within_deadline(|| {
        let test = "redis_cli_speaks_with_kv_over_a_unix_socket";
        let Some(cli) = client_program("redis-cli", "redis-tools", test) else {
            return;
        };
        let name = format!("polyloop-kv-{}.sock", std::process::id());
        let path = std::env::temp_dir().join(name);
        let path = path.to_str().expect("a path that is text");
        let endpoint = format!("unix:{path}:mode=600:replaceStale=yes");
        for name in AnyLoop::available_real() {
            for is_killed in [true, false] {
                let mut child = Child::start(PEER, &["kv", "--at", &endpoint, name]);
                assert_eq!(child.line(), format!("listening on unix:{path}"));
                let say =
                    |arguments: &[&str]| run_to(&cli, &["-s", path], arguments).trim().to_owned();
                assert_eq!(say(&["PING"]), "PONG");
                assert_eq!(say(&["SET", "key", "two words"]), "OK");
                assert_eq!(say(&["GET", "key"]), "two words");
                if is_killed {
                    drop(child);
                } else {
                    child.stop();
                }
                let is_left = std::path::Path::new(path).exists();
                assert_eq!(is_left, is_killed, "whether the file is there, on {name}");
            }
        }
    });
}

#[test]
fn redis_benchmark_completes_without_an_error() {
    polyloop_tests::within_deadline(|| {
        let test = "redis_benchmark_completes_without_an_error";
        let Some(benchmark) = client_program("redis-benchmark", "redis-tools", test) else {
            return;
        };
        for name in AnyLoop::available_real() {
            let mut child = Child::start(PEER, &["kv", name]);
            let port = child.address().port();
            for pipeline in ["1", "32"] {
                let printed = run(
                    &benchmark,
                    port,
                    &[
                        "-t",
                        "ping,set,get,incr,lpush",
                        "-P",
                        pipeline,
                        "-n",
                        "20000",
                        "-q",
                    ],
                );
                assert!(
                    !printed.to_lowercase().contains("error"),
                    "{name} -P {pipeline}: {printed}"
                );
                for command in ["PING_INLINE", "SET", "GET", "INCR", "LPUSH"] {
                    assert!(printed.contains(command), "{name} -P {pipeline}: {printed}");
                }
            }
            child.stop();
        }
    });
}
