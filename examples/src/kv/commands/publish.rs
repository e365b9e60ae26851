//! PUBLISH, SUBSCRIBE and UNSUBSCRIBE.

use polyloop_core::WriteLimits;

use super::{Call, CommandError};

pub(super) fn publish(call: &mut Call<'_>) -> Result<(), CommandError> {
    let (channel, message) = (call.arg(1), call.arg(2));
    let reached = call.state.channels.publish(channel, message);
    call.replies.count(reached);
    Ok(())
}

pub(super) fn subscribe(call: &mut Call<'_>) -> Result<(), CommandError> {
    // Those who publish can tell a slow reader by its write limit alone. It is set
    // while the state is locked, so no message comes before it.
    let limits = WriteLimits::with_high(call.options.subscriber_limit);
    call.transport.set_write_limits(limits);
    for channel in call.request.from(1) {
        let client = &mut *call.client;
        let channels = &mut call.state.channels;
        if channels.subscribe(channel, client.id, &client.handle) {
            client.channels.push(channel.into());
        }
        confirm(call, b"subscribe", Some(channel));
    }
    Ok(())
}

/// Without arguments, from all.
pub(super) fn unsubscribe(call: &mut Call<'_>) -> Result<(), CommandError> {
    let named: Vec<Box<[u8]>> = if call.request.len() > 1 {
        call.request.from(1).map(Box::from).collect()
    } else {
        call.client.channels.clone()
    };
    if named.is_empty() {
        confirm(call, b"unsubscribe", None);
    }
    for channel in named {
        call.state.channels.unsubscribe(&channel, call.client.id);
        call.client.channels.retain(|known| *known != channel);
        confirm(call, b"unsubscribe", Some(&channel));
    }
    if call.client.channels.is_empty() {
        call.transport.set_write_limits(WriteLimits::default());
    }
    Ok(())
}

/// One reply for each channel.
fn confirm(call: &mut Call<'_>, what: &[u8], channel: Option<&[u8]>) {
    call.replies.array(3);
    call.replies.bulk(what);
    match channel {
        Some(channel) => call.replies.bulk(channel),
        None => call.replies.nil(),
    }
    call.replies.count(call.client.channels.len());
}
