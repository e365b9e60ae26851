//! Commands on lists.

use std::collections::VecDeque;

use super::{Call, CommandError};
use crate::kv::store::End;

pub(super) fn lpush(call: &mut Call<'_>) -> Result<(), CommandError> {
    push(call, End::Front)
}

pub(super) fn rpush(call: &mut Call<'_>) -> Result<(), CommandError> {
    push(call, End::Back)
}

fn push(call: &mut Call<'_>, end: End) -> Result<(), CommandError> {
    let items = call.request.from(2);
    let length = call.state.store.push(call.request.part(1), end, items)?;
    call.replies.count(length);
    Ok(())
}

pub(super) fn lpop(call: &mut Call<'_>) -> Result<(), CommandError> {
    pop(call, End::Front)
}

pub(super) fn rpop(call: &mut Call<'_>) -> Result<(), CommandError> {
    pop(call, End::Back)
}

/// One item, or with a count an array of as many as there are.
fn pop(call: &mut Call<'_>, end: End) -> Result<(), CommandError> {
    let key = call.arg(1);
    let count = if call.request.len() == 3 {
        let count = usize::try_from(call.integer(2)?).map_err(|_| CommandError::NotPositive)?;
        Some(count)
    } else {
        None
    };
    let popped = call.state.store.pop(key, end, count.unwrap_or(1))?;
    match (popped, count) {
        (None, None) => call.replies.nil(),
        (None, Some(_)) => call.replies.nil_array(),
        (Some(items), count) => {
            if count.is_some() {
                call.replies.array(items.len());
            }
            for item in items {
                call.replies.bulk(&item);
            }
        }
    }
    Ok(())
}

pub(super) fn llen(call: &mut Call<'_>) -> Result<(), CommandError> {
    let list = call.state.store.list(call.request.part(1))?;
    call.replies.count(list.map_or(0, VecDeque::len));
    Ok(())
}

/// `LRANGE key first last`: both included; negative ones count from the end.
pub(super) fn lrange(call: &mut Call<'_>) -> Result<(), CommandError> {
    let (first, last) = (call.integer(2)?, call.integer(3)?);
    let Some(items) = call.state.store.list(call.request.part(1))? else {
        call.replies.array(0);
        return Ok(());
    };
    let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let from_front = |index: i64| if index < 0 { length + index } else { index };
    let first = usize::try_from(from_front(first)).unwrap_or(0);
    // One past the last; nothing if that lies before the list.
    let end = usize::try_from(from_front(last).saturating_add(1))
        .unwrap_or(0)
        .min(items.len());
    call.replies.array(end.saturating_sub(first));
    for item in items.range(first.min(end)..end) {
        call.replies.bulk(item);
    }
    Ok(())
}
