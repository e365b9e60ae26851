//! [`Session`]: TLS without I/O. What comes from the network is put in, what is for the
//! network is taken out, and in between lies the plain text.
//!
//! It stands on rustls' unbuffered interface, so that the buffers are ours: one that is
//! idle has none (see [`RecordBuffer`]).
//!
//! rustls answers with what can be done next. What it wants to send is encoded into
//! `outgoing` at once, whatever was asked for, so reading writes where it has to: key
//! updates, tickets, alerts.

use rustls::client::UnbufferedClientConnection;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncryptError, InsufficientSizeError, UnbufferedStatus,
};
use rustls::{CommonState, Error};

use crate::record_buffer::RecordBuffer;

/// What a record adds to what it holds, at most: header, nonce, tag, content type.
const OVERHEAD: usize = 64;

/// What the largest record holds.
const RECORD: usize = 16 * 1024;

/// Which side of a connection this is.
pub(crate) enum Side {
    Client(UnbufferedClientConnection),
    Server(UnbufferedServerConnection),
}

impl Side {
    /// What both sides know.
    pub(crate) fn common(&self) -> &CommonState {
        match self {
            Self::Client(client) => client,
            Self::Server(server) => server,
        }
    }
}

pub(crate) struct Session {
    side: Side,
    /// From the network, not yet decrypted.
    pub(crate) incoming: RecordBuffer,
    /// For the network.
    pub(crate) outgoing: RecordBuffer,
    /// Decrypted while something else was asked for, or more than there was room for.
    plain: RecordBuffer,
    /// The peer has said that it sends no more.
    pub(crate) peer_closed: bool,
    /// So have we.
    pub(crate) closed: bool,
    /// What it has failed with, for good.
    failed: Option<Error>,
}

/// What is asked of a session.
enum Ask<'a> {
    /// Go on with the handshake, and no further.
    Handshake,
    /// Decrypt what has come, into this room.
    Read(&'a mut [u8]),
    /// Encrypt all of this.
    Write(&'a [u8]),
    /// Say that no more comes.
    Close,
}

/// What came of it.
enum Step {
    /// There may be more to do with what is there.
    On,
    /// So many bytes were decrypted.
    Decrypted(usize),
    /// What was asked for is done.
    Done,
    /// Nothing more can be done with what has come.
    Blocked,
}

impl Session {
    pub(crate) fn new(side: Side) -> Self {
        Self {
            side,
            incoming: RecordBuffer::default(),
            outgoing: RecordBuffer::default(),
            plain: RecordBuffer::default(),
            peer_closed: false,
            closed: false,
            failed: None,
        }
    }

    pub(crate) fn side(&self) -> &Side {
        &self.side
    }

    pub(crate) fn is_handshaking(&self) -> bool {
        self.side.common().is_handshaking()
    }

    /// Goes on with the handshake as far as what has come allows.
    pub(crate) fn shake_hands(&mut self) -> Result<(), Error> {
        self.ask(Ask::Handshake).map(drop)
    }

    /// Decrypts into `room`; `None` if more has to come first. What has come is decrypted a
    /// record at a time, for as long as the next one fits.
    pub(crate) fn read(&mut self, room: &mut [u8]) -> Result<Option<usize>, Error> {
        if !self.plain.is_empty() {
            let count = room.len().min(self.plain.len());
            room[..count].copy_from_slice(&self.plain.filled()[..count]);
            self.plain.consume(count);
            return Ok(Some(count));
        }
        let mut count = 0;
        while count < room.len() && !self.peer_closed {
            match self.ask(Ask::Read(&mut room[count..])) {
                Ok(Step::Decrypted(more)) => count += more,
                Ok(_) => break,
                // What came before it is good; it is told the next time.
                Err(_) if count > 0 => break,
                Err(error) => return Err(error),
            }
            if !self.plain.is_empty() {
                break;
            }
        }
        Ok((count > 0).then_some(count))
    }

    /// Encrypts all of `data`.
    pub(crate) fn write(&mut self, data: &[u8]) -> Result<(), Error> {
        match self.ask(Ask::Write(data))? {
            Step::Done => Ok(()),
            _ => Err(Error::HandshakeNotComplete),
        }
    }

    /// Says that nothing more comes, unless that has been said.
    pub(crate) fn close(&mut self) -> Result<(), Error> {
        if !std::mem::replace(&mut self.closed, true) {
            self.ask(Ask::Close)?;
        }
        Ok(())
    }

    /// An error stays, and the alert that tells the peer of it is in `outgoing`.
    fn ask(&mut self, mut ask: Ask<'_>) -> Result<Step, Error> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        loop {
            match self.step(&mut ask) {
                Ok(Step::On) => {}
                Ok(done) => return Ok(done),
                Err(error) => {
                    self.failed = Some(error.clone());
                    self.encode_alert();
                    return Err(error);
                }
            }
        }
    }

    fn encode_alert(&mut self) {
        // No further than that: rustls would look at the same bytes again.
        while self.side.common().wants_write() {
            if self.step(&mut Ask::Handshake).is_err() {
                break;
            }
        }
        self.incoming.consume(self.incoming.len());
    }

    fn step(&mut self, ask: &mut Ask<'_>) -> Result<Step, Error> {
        let mut hands = Hands {
            outgoing: &mut self.outgoing,
            plain: &mut self.plain,
            peer_closed: &mut self.peer_closed,
        };
        // rustls remembers places in what it has been shown, so it is always shown all.
        let incoming = self.incoming.filled_mut();
        let (discard, step) = match &mut self.side {
            Side::Client(client) => hands.act(client.process_tls_records(incoming), ask),
            Side::Server(server) => hands.act(server.process_tls_records(incoming), ask),
        };
        self.incoming.consume(discard);
        step
    }
}

/// What is changed by acting on an answer of rustls.
struct Hands<'s> {
    outgoing: &'s mut RecordBuffer,
    plain: &'s mut RecordBuffer,
    peer_closed: &'s mut bool,
}

impl Hands<'_> {
    fn act<Data>(
        &mut self,
        status: UnbufferedStatus<'_, '_, Data>,
        ask: &mut Ask<'_>,
    ) -> (usize, Result<Step, Error>) {
        (
            status.discard,
            status.state.and_then(|state| self.on(state, ask)),
        )
    }

    fn on<Data>(
        &mut self,
        state: ConnectionState<'_, '_, Data>,
        ask: &mut Ask<'_>,
    ) -> Result<Step, Error> {
        match state {
            ConnectionState::EncodeTlsData(mut data) => {
                let mut least = RECORD + OVERHEAD;
                loop {
                    match data.encode(self.outgoing.free(least)) {
                        Ok(count) => {
                            self.outgoing.fill(count);
                            return Ok(Step::On);
                        }
                        Err(EncodeError::InsufficientSize(more)) => least = more.required_size,
                        Err(EncodeError::AlreadyEncoded) => return Ok(Step::On),
                    }
                }
            }
            ConnectionState::TransmitTlsData(data) => {
                // It is in `outgoing`, and leaves before anything else.
                data.done();
                Ok(Step::On)
            }
            ConnectionState::ReadTraffic(mut traffic) => {
                let Some(record) = traffic.next_record() else {
                    return Ok(Step::On);
                };
                let payload = record?.payload;
                let Ask::Read(room) = ask else {
                    self.plain.append(payload);
                    return Ok(match ask {
                        Ask::Handshake => Step::Done,
                        _ => Step::On,
                    });
                };
                let count = room.len().min(payload.len());
                room[..count].copy_from_slice(&payload[..count]);
                self.plain.append(&payload[count..]);
                Ok(Step::Decrypted(count))
            }
            // Early data is not accepted: see `TlsConfigError::EarlyData`.
            ConnectionState::ReadEarlyData(_) => Err(Error::HandshakeNotComplete),
            ConnectionState::PeerClosed => {
                *self.peer_closed = true;
                Ok(Step::On)
            }
            ConnectionState::WriteTraffic(mut traffic) => match ask {
                Ask::Write(data) => {
                    self.encrypt(data.len(), |room| traffic.encrypt(data, room))?;
                    Ok(Step::Done)
                }
                Ask::Close => {
                    self.encrypt(0, |room| traffic.queue_close_notify(room))?;
                    Ok(Step::Done)
                }
                Ask::Handshake | Ask::Read(_) => Ok(Step::Blocked),
            },
            // `Closed`: both have said that no more comes. Before the handshake is done
            // there is nothing to be done without the peer.
            _ => Ok(Step::Blocked),
        }
    }

    fn encrypt(
        &mut self,
        size: usize,
        mut encrypt: impl FnMut(&mut [u8]) -> Result<usize, EncryptError>,
    ) -> Result<(), Error> {
        let mut least = size + OVERHEAD * (size / RECORD + 1);
        loop {
            match encrypt(self.outgoing.free(least)) {
                Ok(count) => {
                    self.outgoing.fill(count);
                    return Ok(());
                }
                Err(EncryptError::InsufficientSize(InsufficientSizeError { required_size })) => {
                    least = required_size;
                }
                Err(EncryptError::EncryptExhausted) => {
                    self.outgoing.release_if_empty();
                    return Err(Error::EncryptError);
                }
            }
        }
    }
}
