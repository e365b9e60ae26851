//! BUF and TRAN: protocols that own their buffer, and protocols that are replaced.

use futures_util::AsyncWriteExt;
use polyloop_core::{
    Buffered, BufferedProtocol, CloseReason, Connection, Failure, Loop, MainLoop, Protocol,
    SwitchHandle, Switchable, Transport,
};

use crate::fault::{Verdict, ensure, ensure_eq};
use crate::probe::{Event, Journal, Once, RawListener, pattern, run, until};

/// A connection with this protocol, and the bare stream at its other end.
async fn with<L: Loop, P: Protocol>(lp: &L, protocol: P) -> Verdict<(Connection<P>, L::TcpStream)> {
    let mut listener = RawListener::open(lp)?;
    let connection = lp.connect(listener.address, Once::new(protocol)).await?;
    Ok((connection, listener.accept().await?))
}

/// What a [`Small`] protocol does wrong.
#[derive(Clone, Copy, PartialEq)]
enum Wrong {
    Nothing,
    Empty,
    GetBuffer,
    Updated,
}

/// Reads into a few bytes of its own, and becomes somebody else when it is told to.
struct Small {
    journal: Journal,
    buffer: [u8; 7],
    asked: bool,
    wrong: Wrong,
    then: Option<(usize, SwitchHandle)>,
}

impl Small {
    fn new(journal: &Journal, wrong: Wrong) -> Self {
        Self {
            journal: journal.clone(),
            buffer: [0; 7],
            asked: false,
            wrong,
            then: None,
        }
    }
}

impl BufferedProtocol for Small {
    fn get_buffer(&mut self, _hint: usize) -> Result<&mut [u8], Failure> {
        self.asked = true;
        match self.wrong {
            Wrong::Empty => Ok(&mut []),
            Wrong::GetBuffer => Err(Failure::message("no buffer today")),
            Wrong::Nothing | Wrong::Updated => Ok(&mut self.buffer),
        }
    }

    fn buffer_updated(&mut self, _: &mut dyn Transport, count: usize) -> Result<(), Failure> {
        if !std::mem::take(&mut self.asked) {
            self.journal.note("not asked");
        }
        if !(1..=7).contains(&count) {
            self.journal.note(format!("{count} bytes in a buffer of 7"));
        }
        if self.wrong == Wrong::Updated {
            return Err(Failure::message("can't take it"));
        }
        self.journal
            .push(Event::Data(self.buffer[..count].to_vec()));
        if let Some((number, switch)) = &self.then {
            switch.switch(Plain::new(&self.journal, *number, Some(switch.clone())));
        }
        Ok(())
    }

    fn connection_lost(&mut self, reason: CloseReason) {
        self.journal.push(Event::Lost(reason));
    }
}

/// Notes its number and what it gets; with a handle it makes way for a [`Small`], and leaves
/// it half of what came.
struct Plain {
    journal: Journal,
    number: usize,
    switch: Option<SwitchHandle>,
}

impl Plain {
    fn new(journal: &Journal, number: usize, switch: Option<SwitchHandle>) -> Self {
        Self {
            journal: journal.clone(),
            number,
            switch,
        }
    }
}

impl Protocol for Plain {
    fn connection_made(&mut self, _: &mut dyn Transport) -> Result<(), Failure> {
        self.journal.note(format!("{} made", self.number));
        Ok(())
    }

    fn data_received(&mut self, _: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        let Some(switch) = &self.switch else {
            self.journal.note(format!("{} data", self.number));
            self.journal.push(Event::Data(data.to_vec()));
            return Ok(());
        };
        let (own, rest) = data.split_at(data.len().div_ceil(2));
        self.journal.note(format!("{} data", self.number));
        self.journal.push(Event::Data(own.to_vec()));
        let mut next = Small::new(&self.journal, Wrong::Nothing);
        next.then = Some((self.number + 1, switch.clone()));
        switch.switch_with(Buffered(next), rest.to_vec());
        Ok(())
    }

    fn connection_lost(&mut self, reason: CloseReason) {
        self.journal.note(format!("{} lost", self.number));
        self.journal.push(Event::Lost(reason));
    }
}

/// Seven bytes at a time.
pub fn buf_01<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (journal, data) = (Journal::new(), pattern(10_000));
        let protocol = Buffered(Small::new(&journal, Wrong::Nothing));
        let (_connection, mut peer) = with(&lp, protocol).await?;
        peer.write_all(&data).await?;
        peer.close().await?;
        until(&lp, "the end", || journal.has("lost")).await?;
        ensure!(
            journal.data() == data,
            "{} bytes came, or they differ",
            journal.data_len()
        );
        let names = journal.names();
        let odd = names.iter().find(|name| *name != "data" && *name != "lost");
        ensure!(odd.is_none(), "the protocol saw {odd:?}");
        ensure!(
            journal.lost().is_some_and(|r| r.is_clean()),
            "it ended as {:?}",
            journal.lost()
        );
        Ok(())
    })
}

/// Each of the three, and what the protocol is told of it.
pub fn buf_02<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        for (wrong, text) in [
            (Wrong::Empty, "empty buffer"),
            (Wrong::GetBuffer, "no buffer today"),
            (Wrong::Updated, "can't take it"),
        ] {
            let journal = Journal::new();
            let protocol = Buffered(Small::new(&journal, wrong));
            let (_connection, mut peer) = with(&lp, protocol).await?;
            // The end may come before the bytes.
            let _ = peer.write_all(b"hello").await;
            until(&lp, "the loss", || journal.has("lost")).await?;
            let reason = journal.lost();
            ensure!(
                reason
                    .as_ref()
                    .and_then(CloseReason::error)
                    .is_some_and(|failure| failure.text().contains(text)),
                "instead of {text:?} it ended as {reason:?}"
            );
            ensure_eq!(journal.data_len(), 0, "bytes that were taken");
        }
        Ok(())
    })
}

/// Plain, buffered, plain, …, at each event, some of the bytes handed over by hand.
pub fn buf_03<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (journal, data) = (Journal::new(), pattern(1_000_000));
        let protocol = Switchable::new(|switch| Plain::new(&journal, 0, Some(switch)));
        let (_connection, mut peer) = with(&lp, protocol).await?;
        for piece in data.chunks(5_000) {
            peer.write_all(piece).await?;
        }
        peer.close().await?;
        until(&lp, "the end", || journal.has("lost")).await?;
        ensure!(
            journal.data() == data,
            "{} bytes came, or they differ",
            journal.data_len()
        );
        ensure!(
            journal.has("3 data"),
            "it was not changed often: {}",
            journal.names().len()
        );
        Ok(())
    })
}

/// A boxed protocol from outside; then one that is made to be replaced, from outside, and from
/// inside with bytes left over; without a second birth or an early death.
pub fn tran_32<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    super::stream_reading::tran_32(make)?;
    run(make, async |lp| {
        let journal = Journal::new();
        let protocol = Switchable::new(|_| Plain::new(&journal, 1, None));
        let (connection, mut peer) = with(&lp, protocol).await?;
        peer.write_all(b"one").await?;
        until(&lp, "the first", || journal.data() == b"one").await?;
        let second = Plain::new(&journal, 2, None);
        drop(connection.call(move |own, _| own.replace(second)).await?);
        peer.write_all(b"two").await?;
        until(&lp, "the second", || journal.data() == b"onetwo").await?;
        connection.close();
        until(&lp, "the loss", || journal.has("lost")).await?;
        let mut names = journal.names();
        names.retain(|name| name != "data");
        names.dedup();
        ensure_eq!(
            names,
            ["1 made", "1 data", "2 data", "2 lost", "lost"],
            "who was told what"
        );

        let journal = Journal::new();
        let protocol = Switchable::new(|switch| Plain::new(&journal, 1, Some(switch)));
        let (_connection, mut peer) = with(&lp, protocol).await?;
        peer.write_all(b"four").await?;
        until(&lp, "all of it", || journal.data() == b"four").await?;
        peer.close().await?;
        until(&lp, "the loss", || journal.has("lost")).await?;
        ensure_eq!(journal.count("lost"), 1, "losses");
        ensure!(
            !journal.has("1 lost"),
            "the one that made way was told of the loss"
        );
        Ok(())
    })
}
