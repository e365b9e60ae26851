//! Commands on keys, whatever they hold; expiry.

use std::time::{Duration, Instant};

use super::{Call, CommandError};
use crate::kv::glob;
use crate::kv::store::Value;

pub(super) fn del(call: &mut Call<'_>) -> Result<(), CommandError> {
    let store = &mut call.state.store;
    let removed = call.request.from(1).filter(|key| store.remove(key)).count();
    call.replies.count(removed);
    Ok(())
}

pub(super) fn exists(call: &mut Call<'_>) -> Result<(), CommandError> {
    let store = &call.state.store;
    // A key named twice counts twice.
    let found = call
        .request
        .from(1)
        .filter(|key| store.contains(key))
        .count();
    call.replies.count(found);
    Ok(())
}

pub(super) fn type_of(call: &mut Call<'_>) -> Result<(), CommandError> {
    let name = call.state.store.get(call.request.part(1));
    call.replies.simple(name.map_or("none", Value::type_name));
    Ok(())
}

pub(super) fn dbsize(call: &mut Call<'_>) -> Result<(), CommandError> {
    call.replies.count(call.state.store.len());
    Ok(())
}

/// `FLUSHALL [ASYNC | SYNC]`
pub(super) fn flushall(call: &mut Call<'_>) -> Result<(), CommandError> {
    let known =
        |word: &[u8]| word.eq_ignore_ascii_case(b"async") || word.eq_ignore_ascii_case(b"sync");
    if !call.request.from(1).all(known) {
        return Err(CommandError::Syntax);
    }
    call.state.store.clear();
    call.replies.ok();
    Ok(())
}

pub(super) fn keys(call: &mut Call<'_>) -> Result<(), CommandError> {
    let pattern = call.arg(1);
    let store = &call.state.store;
    let found: Vec<_> = store
        .keys()
        .filter(|key| glob::matches(pattern, key))
        .collect();
    call.replies.array(found.len());
    for key in found {
        call.replies.bulk(key);
    }
    Ok(())
}

pub(super) fn expire(call: &mut Call<'_>) -> Result<(), CommandError> {
    expire_in(call, 1000)
}

pub(super) fn pexpire(call: &mut Call<'_>) -> Result<(), CommandError> {
    expire_in(call, 1)
}

fn expire_in(call: &mut Call<'_>, unit: i64) -> Result<(), CommandError> {
    let time = call
        .integer(2)?
        .checked_mul(unit)
        .ok_or(CommandError::ExpireTime(call.command))?;
    let key = call.arg(1);
    let store = &mut call.state.store;
    let found = match u64::try_from(time) {
        // In the past, so the key goes now.
        Err(_) | Ok(0) => store.remove(key),
        Ok(time) => {
            let deadline = deadline(call.now, time, call.command)?;
            store.set_deadline(key, Some(deadline))
        }
    };
    call.replies.integer(i64::from(found));
    Ok(())
}

/// The moment `milliseconds` from now.
pub(super) fn deadline(
    now: Instant,
    milliseconds: u64,
    command: &'static str,
) -> Result<Instant, CommandError> {
    now.checked_add(Duration::from_millis(milliseconds))
        .ok_or(CommandError::ExpireTime(command))
}

pub(super) fn ttl(call: &mut Call<'_>) -> Result<(), CommandError> {
    // Rounded, so that it starts at what was asked for.
    remaining(call, |left| (left.as_millis() + 500) / 1000)
}

pub(super) fn pttl(call: &mut Call<'_>) -> Result<(), CommandError> {
    remaining(call, |left| left.as_millis())
}

fn remaining(call: &mut Call<'_>, unit: fn(Duration) -> u128) -> Result<(), CommandError> {
    let key = call.arg(1);
    let store = &call.state.store;
    call.replies.integer(match store.deadline(key) {
        Some(deadline) => {
            let left = deadline.saturating_duration_since(call.now);
            i64::try_from(unit(left)).unwrap_or(i64::MAX)
        }
        None if store.contains(key) => -1,
        None => -2,
    });
    Ok(())
}

pub(super) fn persist(call: &mut Call<'_>) -> Result<(), CommandError> {
    let key = call.arg(1);
    let store = &mut call.state.store;
    let expired = store.deadline(key).is_some();
    if expired {
        store.set_deadline(key, None);
    }
    call.replies.integer(i64::from(expired));
    Ok(())
}
