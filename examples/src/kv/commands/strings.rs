//! Commands on texts and counters.

use super::keys::deadline;
use super::{Call, CommandError};
use crate::kv::integer::parse_integer;
use crate::kv::store::Value;

pub(super) fn get(call: &mut Call<'_>) -> Result<(), CommandError> {
    match call.state.store.text(call.request.part(1))? {
        Some(text) => call.replies.bulk(text),
        None => call.replies.nil(),
    }
    Ok(())
}

pub(super) fn strlen(call: &mut Call<'_>) -> Result<(), CommandError> {
    let text = call.state.store.text(call.request.part(1))?;
    call.replies.count(text.map_or(0, <[u8]>::len));
    Ok(())
}

/// `SET key value [EX seconds | PX milliseconds] [NX | XX]`
pub(super) fn set(call: &mut Call<'_>) -> Result<(), CommandError> {
    let (key, value) = (call.arg(1), call.arg(2));
    let mut expires = None;
    let mut must_exist = None;
    let mut index = 3;
    while index < call.request.len() {
        let option = call.arg(index).to_ascii_lowercase();
        match &option[..] {
            b"ex" | b"px" if expires.is_none() && index + 1 < call.request.len() => {
                index += 1;
                let unit = if option == b"ex" { 1000 } else { 1 };
                let time = call
                    .integer(index)?
                    .checked_mul(unit)
                    .and_then(|time| u64::try_from(time).ok())
                    .filter(|time| *time > 0)
                    .ok_or(CommandError::ExpireTime("set"))?;
                expires = Some(deadline(call.now, time, "set")?);
            }
            b"nx" if must_exist != Some(true) => must_exist = Some(false),
            b"xx" if must_exist != Some(false) => must_exist = Some(true),
            _ => return Err(CommandError::Syntax),
        }
        index += 1;
    }
    let store = &mut call.state.store;
    if must_exist.is_some_and(|must_exist| must_exist != store.contains(key)) {
        call.replies.nil();
    } else {
        store.set(key, value, expires);
        call.replies.ok();
    }
    Ok(())
}

pub(super) fn mget(call: &mut Call<'_>) -> Result<(), CommandError> {
    call.replies.array(call.request.len() - 1);
    for key in call.request.from(1) {
        match call.state.store.get(key) {
            Some(Value::Text(text)) => call.replies.bulk(text),
            // A list is no error here: the reply has begun.
            _ => call.replies.nil(),
        }
    }
    Ok(())
}

pub(super) fn mset(call: &mut Call<'_>) -> Result<(), CommandError> {
    if call.request.len().is_multiple_of(2) {
        return Err(call.arity());
    }
    for index in (1..call.request.len()).step_by(2) {
        let (key, value) = (call.arg(index), call.arg(index + 1));
        call.state.store.set(key, value, None);
    }
    call.replies.ok();
    Ok(())
}

pub(super) fn append(call: &mut Call<'_>) -> Result<(), CommandError> {
    let (key, more) = (call.arg(1), call.arg(2));
    let length = call.state.store.append(key, more)?;
    call.replies.count(length);
    Ok(())
}

pub(super) fn incr(call: &mut Call<'_>) -> Result<(), CommandError> {
    add(call, 1)
}

pub(super) fn decr(call: &mut Call<'_>) -> Result<(), CommandError> {
    add(call, -1)
}

pub(super) fn incrby(call: &mut Call<'_>) -> Result<(), CommandError> {
    let amount = call.integer(2)?;
    add(call, amount)
}

pub(super) fn decrby(call: &mut Call<'_>) -> Result<(), CommandError> {
    let amount = call
        .integer(2)?
        .checked_neg()
        .ok_or(CommandError::Overflow)?;
    add(call, amount)
}

fn add(call: &mut Call<'_>, amount: i64) -> Result<(), CommandError> {
    let key = call.arg(1);
    let store = &mut call.state.store;
    let old = match store.text(key)? {
        Some(text) => parse_integer(text).ok_or(CommandError::NotAnInteger)?,
        None => 0,
    };
    let new = old.checked_add(amount).ok_or(CommandError::Overflow)?;
    store.replace_text(key, new.to_string().as_bytes());
    call.replies.integer(new);
    Ok(())
}
