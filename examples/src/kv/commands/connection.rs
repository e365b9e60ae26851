//! Commands about the connection and the server: what clients ask before they begin.

use super::{Call, CommandError, count, quoted};
use crate::kv::glob;

/// The version of Redis whose behaviour is followed, for clients that look.
const FOLLOWS: &str = "7.0.0";

pub(super) fn ping(call: &mut Call<'_>) -> Result<(), CommandError> {
    let text = (call.request.len() == 2).then(|| call.arg(1));
    if !call.client.channels.is_empty() {
        // Between pushed messages only an array can be told apart.
        call.replies.array(2);
        call.replies.bulk(b"pong");
        call.replies.bulk(text.unwrap_or_default());
        return Ok(());
    }
    match text {
        Some(text) => call.replies.bulk(text),
        None => call.replies.simple("PONG"),
    }
    Ok(())
}

pub(super) fn echo(call: &mut Call<'_>) -> Result<(), CommandError> {
    call.replies.bulk(call.request.part(1));
    Ok(())
}

pub(super) fn quit(call: &mut Call<'_>) -> Result<(), CommandError> {
    call.client.quits = true;
    call.replies.ok();
    Ok(())
}

pub(super) fn select(call: &mut Call<'_>) -> Result<(), CommandError> {
    if call.integer(1)? != 0 {
        return Err(CommandError::Database);
    }
    call.replies.ok();
    Ok(())
}

/// `HELLO [version [SETNAME name]]`
pub(super) fn hello(call: &mut Call<'_>) -> Result<(), CommandError> {
    if call.request.len() > 1 && call.arg(1) != b"2" {
        return Err(CommandError::ProtocolVersion);
    }
    match call.request.len() {
        1 | 2 => {}
        4 if call.arg(2).eq_ignore_ascii_case(b"setname") => {
            call.client.name = call.arg(3).to_vec();
        }
        _ => return Err(CommandError::Syntax),
    }
    // A map, which RESP2 writes as a flat array.
    let replies = &mut *call.replies;
    replies.array(14);
    for (key, value) in [
        ("server", "polyloop-kv"),
        ("version", FOLLOWS),
        ("mode", "standalone"),
        ("role", "master"),
    ] {
        replies.bulk(key.as_bytes());
        replies.bulk(value.as_bytes());
    }
    replies.bulk(b"proto");
    replies.integer(2);
    replies.bulk(b"id");
    replies.integer(i64::try_from(call.client.id).unwrap_or(i64::MAX));
    replies.bulk(b"modules");
    replies.array(0);
    Ok(())
}

pub(super) fn client(call: &mut Call<'_>) -> Result<(), CommandError> {
    let subcommand = call.arg(1).to_ascii_lowercase();
    match (&subcommand[..], call.request.len()) {
        (b"setname", 3) => {
            call.client.name = call.arg(2).to_vec();
            call.replies.ok();
        }
        // What library the client uses is of no use here.
        (b"setinfo", 4) => call.replies.ok(),
        (b"getname", 2) => call.replies.bulk(&call.client.name),
        (b"id", 2) => call
            .replies
            .integer(i64::try_from(call.client.id).unwrap_or(i64::MAX)),
        (b"setname" | b"setinfo" | b"getname" | b"id", _) => return Err(call.arity()),
        _ => {
            return Err(CommandError::UnknownSubcommand(
                "client",
                quoted(call.arg(1)),
            ));
        }
    }
    Ok(())
}

/// `redis-cli` asks for the documentation of all commands and lives without.
pub(super) fn command(call: &mut Call<'_>) -> Result<(), CommandError> {
    if call.request.len() > 1 && call.arg(1).eq_ignore_ascii_case(b"count") {
        call.replies.count(count());
    } else {
        call.replies.array(0);
    }
    Ok(())
}

/// `CONFIG GET pattern…`: what `redis-benchmark` wants to print.
pub(super) fn config(call: &mut Call<'_>) -> Result<(), CommandError> {
    const SETTINGS: [(&str, &str); 4] = [
        ("appendonly", "no"),
        ("databases", "1"),
        ("maxmemory", "0"),
        ("save", ""),
    ];
    if !call.arg(1).eq_ignore_ascii_case(b"get") {
        return Err(CommandError::UnknownSubcommand(
            "config",
            quoted(call.arg(1)),
        ));
    }
    if call.request.len() < 3 {
        return Err(call.arity());
    }
    let asked = |name: &str| {
        call.request
            .from(2)
            .any(|pattern| glob::matches(&pattern.to_ascii_lowercase(), name.as_bytes()))
    };
    let found: Vec<_> = SETTINGS.iter().filter(|(name, _)| asked(name)).collect();
    call.replies.array(found.len() * 2);
    for (name, value) in found {
        call.replies.bulk(name.as_bytes());
        call.replies.bulk(value.as_bytes());
    }
    Ok(())
}

pub(super) fn info(call: &mut Call<'_>) -> Result<(), CommandError> {
    let state = &*call.state;
    let uptime = call.now.saturating_duration_since(state.started).as_secs();
    let text = format!(
        "# Server\r\nredis_version:{FOLLOWS}\r\nredis_mode:standalone\r\nloop:{}\r\n\
         uptime_in_seconds:{uptime}\r\n\r\n# Clients\r\nconnected_clients:{}\r\n\r\n\
         # Keyspace\r\ndb0:keys={}\r\n",
        state.loop_name,
        state.clients,
        state.store.len(),
    );
    call.replies.bulk(text.as_bytes());
    Ok(())
}
