//! What each command answers.

use polyloop::{Failure, Loop};

use crate::client::dialogue;

#[polyloop::test(loops(real))]
async fn texts_and_counters<L: Loop>(lp: L) -> Result<(), Failure> {
    dialogue(
        lp,
        &[
            ("PING", "+PONG\r\n"),
            ("ping hi", "$2\r\nhi\r\n"),
            ("ECHO hey", "$3\r\nhey\r\n"),
            ("GET k", "$-1\r\n"),
            ("SET k one", "+OK\r\n"),
            ("GET k", "$3\r\none\r\n"),
            ("SET k two NX", "$-1\r\n"),
            ("SET k two XX", "+OK\r\n"),
            ("SET new x XX", "$-1\r\n"),
            ("SET new x NX", "+OK\r\n"),
            ("MGET k new none", "*3\r\n$3\r\ntwo\r\n$1\r\nx\r\n$-1\r\n"),
            ("APPEND new yz", ":3\r\n"),
            ("STRLEN new", ":3\r\n"),
            ("EXISTS k new none k", ":3\r\n"),
            ("TYPE k", "+string\r\n"),
            ("TYPE none", "+none\r\n"),
            ("DBSIZE", ":2\r\n"),
            ("DEL k none", ":1\r\n"),
            ("INCR n", ":1\r\n"),
            ("INCRBY n 41", ":42\r\n"),
            ("DECR n", ":41\r\n"),
            ("DECRBY n 100", ":-59\r\n"),
            ("GET n", "$3\r\n-59\r\n"),
            ("MSET a 1 b 2", "+OK\r\n"),
            ("KEYS [a-b]", "*2\r\n$1\r\n"),
        ],
    )
    .await
}

#[polyloop::test(loops(real))]
async fn lists<L: Loop>(lp: L) -> Result<(), Failure> {
    dialogue(
        lp,
        &[
            ("RPUSH l b c", ":2\r\n"),
            ("LPUSH l a", ":3\r\n"),
            ("TYPE l", "+list\r\n"),
            ("LLEN l", ":3\r\n"),
            ("LLEN none", ":0\r\n"),
            ("LRANGE l 0 -1", "*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n"),
            ("LRANGE l -2 1", "*1\r\n$1\r\nb\r\n"),
            ("LRANGE l 2 1", "*0\r\n"),
            ("LRANGE l 5 9", "*0\r\n"),
            ("LRANGE l 0 -9", "*0\r\n"),
            (
                "LRANGE l -9223372036854775808 9223372036854775807",
                "*3\r\n",
            ),
        ],
    )
    .await
}

#[polyloop::test(loops(real))]
async fn popping<L: Loop>(lp: L) -> Result<(), Failure> {
    dialogue(
        lp,
        &[
            ("RPUSH l a b c d e", ":5\r\n"),
            ("LPOP l", "$1\r\na\r\n"),
            ("RPOP l 2", "*2\r\n$1\r\ne\r\n$1\r\nd\r\n"),
            ("LPOP l 9", "*2\r\n$1\r\nb\r\n$1\r\nc\r\n"),
            ("EXISTS l", ":0\r\n"),
            ("LPOP l", "$-1\r\n"),
            ("LPOP l 1", "*-1\r\n"),
            (
                "LPOP l -1",
                "-ERR value is out of range, must be positive\r\n",
            ),
        ],
    )
    .await
}

#[polyloop::test(loops(real))]
async fn errors_say_what_is_wrong<L: Loop>(lp: L) -> Result<(), Failure> {
    const WRONG_TYPE: &str =
        "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
    const NO_INTEGER: &str = "-ERR value is not an integer or out of range\r\n";
    dialogue(
        lp,
        &[
            ("NOSUCH a b", "-ERR unknown command 'NOSUCH'\r\n"),
            (
                "GET",
                "-ERR wrong number of arguments for 'get' command\r\n",
            ),
            (
                "get a b",
                "-ERR wrong number of arguments for 'get' command\r\n",
            ),
            (
                "MSET a 1 b",
                "-ERR wrong number of arguments for 'mset' command\r\n",
            ),
            ("SET k v EX", "-ERR syntax error\r\n"),
            ("SET k v NX XX", "-ERR syntax error\r\n"),
            ("SET k v EX 1 PX 1", "-ERR syntax error\r\n"),
            ("SET k v EX x", NO_INTEGER),
            (
                "SET k v EX 0",
                "-ERR invalid expire time in 'set' command\r\n",
            ),
            (
                "SET k v EX 9223372036854775807",
                "-ERR invalid expire time in 'set' command\r\n",
            ),
            ("SET k word", "+OK\r\n"),
            ("INCR k", NO_INTEGER),
            ("INCRBY n 1.5", NO_INTEGER),
            ("SET n 9223372036854775807", "+OK\r\n"),
            ("INCR n", "-ERR increment or decrement would overflow\r\n"),
            (
                "DECRBY n -9223372036854775808",
                "-ERR increment or decrement would overflow\r\n",
            ),
            ("LPUSH k x", WRONG_TYPE),
            ("LRANGE k 0 1", WRONG_TYPE),
            ("RPUSH l x", ":1\r\n"),
            ("GET l", WRONG_TYPE),
            ("INCR l", WRONG_TYPE),
            ("APPEND l x", WRONG_TYPE),
            ("LRANGE l a b", NO_INTEGER),
            // Nothing of all that changed anything.
            ("GET k", "$4\r\nword\r\n"),
            ("LLEN l", ":1\r\n"),
        ],
    )
    .await
}

#[polyloop::test(loops(real))]
async fn what_clients_ask_first<L: Loop>(lp: L) -> Result<(), Failure> {
    dialogue(
        lp,
        &[
            ("HELLO 3", "-NOPROTO unsupported protocol version: this server speaks RESP2 only\r\n"),
            ("HELLO 2", "*14\r\n$6\r\nserver\r\n$11\r\npolyloop-kv\r\n$7\r\nversion\r\n$5\r\n7.0.0\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$5\r\nproto\r\n:2\r\n$2\r\nid\r\n:1\r\n$7\r\nmodules\r\n*0\r\n"),
            ("CLIENT SETINFO lib-name x", "+OK\r\n"),
            ("CLIENT SETNAME me", "+OK\r\n"),
            ("CLIENT GETNAME", "$2\r\nme\r\n"),
            ("CLIENT ID", ":1\r\n"),
            ("CLIENT KILL", "-ERR unknown subcommand 'KILL' of 'client'\r\n"),
            ("COMMAND DOCS", "*0\r\n"),
            ("CONFIG GET save", "*2\r\n$4\r\nsave\r\n$0\r\n\r\n"),
            ("CONFIG GET nothing", "*0\r\n"),
            ("CONFIG SET save x", "-ERR unknown subcommand 'SET' of 'config'\r\n"),
            ("SELECT 0", "+OK\r\n"),
            ("SELECT 1", "-ERR DB index is out of range\r\n"),
            ("INFO", "$1"),
        ],
    )
    .await
}
