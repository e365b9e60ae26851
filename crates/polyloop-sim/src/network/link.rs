//! [`Link`]: how segments and datagrams travel from one host to another.

use std::time::Duration;

/// How segments of TCP, and datagrams, travel from one host to another: how long, how many
/// at a time, and how many never arrive.
///
/// A lost segment is never seen by a program: TCP sends it again, so loss is delay. A lost
/// datagram is lost. Each datagram takes its own time, so a later one may overtake it as soon
/// as there is jitter; and one longer than the [`mtu`](Self::mtu) travels in pieces, of which
/// each is lost or late for itself: it arrives with the last of them, or not at all.
///
/// ```
/// use polyloop_sim::Link;
/// use std::time::Duration;
///
/// let satellite = Link::new()
///     .latency(Duration::from_millis(300))
///     .jitter(Duration::from_millis(20))
///     .bandwidth(Some(1_000_000))
///     .loss(0.01);
/// assert_eq!(satellite.bandwidth, Some(1_000_000));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Link {
    /// How long a segment travels at least: 1 ms unless set.
    pub latency: Duration,
    /// How much longer it may take, drawn for each segment: 1 ms unless set.
    pub jitter: Duration,
    /// Bytes per second; `None`, unless set, is no limit. What has to wait for its turn
    /// waits without a limit in number.
    pub bandwidth: Option<u64>,
    /// The share of segments, and of datagrams or the pieces of one, that are lost, from 0 to
    /// 1: none unless set.
    pub loss: f64,
    /// The share of datagrams that arrive twice: none unless set. The copy has its own luck,
    /// and takes its own time.
    pub duplicate: f64,
    /// The share of segments that may be overtaken by later ones: none unless set.
    /// Then a segment never arrives before an earlier one. Datagrams have no order.
    pub reorder: f64,
    /// The share of segments on whose way something resets the whole connection, as a
    /// firewall that has forgotten it would: none unless set.
    pub reset: f64,
    /// The most bytes that one segment carries: 1460 unless set.
    pub segment: usize,
    /// The most bytes of a packet that carries a datagram or a piece of one, headers included:
    /// 1500 unless set, as with Ethernet. With IPv4 that is a datagram of 1472 bytes in one
    /// piece, with IPv6 one of 1452.
    pub mtu: usize,
    /// What becomes of a datagram that is longer: it is cut into pieces unless set.
    pub oversized: Oversized,
}

/// What becomes of a datagram that does not fit into one packet of a [`Link`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Oversized {
    /// It is cut into pieces and put together where it arrives, as systems do it: the more
    /// pieces, the more often one of them is lost, and with it the whole.
    #[default]
    Cut,
    /// It is refused where it is sent, as too long: what a system does whose socket says
    /// "don't fragment", and whose own link is the narrow one.
    Refused,
    /// It is lost without a word: a narrow link further away, or a firewall that lets no
    /// pieces through. What finds out how much the way takes is tested with that.
    Lost,
}

impl Default for Link {
    fn default() -> Self {
        Self {
            latency: Duration::from_millis(1),
            jitter: Duration::from_millis(1),
            bandwidth: None,
            loss: 0.0,
            duplicate: 0.0,
            reorder: 0.0,
            reset: 0.0,
            segment: 1460,
            mtu: 1500,
            oversized: Oversized::Cut,
        }
    }
}

impl Link {
    /// The link inside one host: next to no latency, large segments, and nothing is
    /// ever lost.
    pub fn loopback() -> Self {
        Self {
            latency: Duration::from_micros(5),
            jitter: Duration::from_micros(5),
            segment: 65_483,
            mtu: 65_536,
            ..Self::default()
        }
    }
}

/// Setters. Those with a check panic if it does not hold.
macro_rules! setters {
    ($($(#[$doc:meta])* $field:ident: $type:ty $(, $check:path)?;)*) => {
        impl Link {
            /// The defaults.
            pub fn new() -> Self {
                Self::default()
            }
            $(
                $(#[$doc])*
                #[track_caller]
                pub fn $field(mut self, $field: $type) -> Self {
                    $($check(stringify!($field), $field);)?
                    self.$field = $field;
                    self
                }
            )*
        }
    };
}

setters! {
    /// Sets [`latency`](Self#structfield.latency).
    latency: Duration;
    /// Sets [`jitter`](Self#structfield.jitter).
    jitter: Duration;
    /// Sets [`bandwidth`](Self#structfield.bandwidth).
    ///
    /// # Panics
    /// If it is 0; [`partition`](crate::Sim::partition) lets nothing through.
    bandwidth: Option<u64>, carries_something;
    /// Sets [`loss`](Self#structfield.loss).
    ///
    /// # Panics
    /// If it is not from 0 to 1.
    loss: f64, is_share;
    /// Sets [`duplicate`](Self#structfield.duplicate).
    ///
    /// # Panics
    /// If it is not from 0 to 1.
    duplicate: f64, is_share;
    /// Sets [`reorder`](Self#structfield.reorder).
    ///
    /// # Panics
    /// If it is not from 0 to 1.
    reorder: f64, is_share;
    /// Sets [`reset`](Self#structfield.reset).
    ///
    /// # Panics
    /// If it is not from 0 to 1.
    reset: f64, is_share;
    /// Sets [`segment`](Self#structfield.segment).
    ///
    /// # Panics
    /// If it is 0.
    segment: usize, is_some;
    /// Sets [`mtu`](Self#structfield.mtu).
    ///
    /// # Panics
    /// If it is below 68, which is the least that IP needs.
    mtu: usize, carries_ip;
    /// Sets [`oversized`](Self#structfield.oversized).
    oversized: Oversized;
}

#[track_caller]
pub(crate) fn is_share(name: &str, share: f64) {
    assert!(
        (0.0..=1.0).contains(&share),
        "a {name} of {share}; it has to be from 0 to 1"
    );
}

#[track_caller]
fn carries_something(_: &str, bandwidth: Option<u64>) {
    assert!(
        bandwidth != Some(0),
        "a bandwidth of 0 lets nothing through; `Sim::partition` does that"
    );
}

#[track_caller]
fn is_some(_: &str, bytes: usize) {
    assert!(bytes > 0, "segments of 0 bytes carry nothing");
}

#[track_caller]
fn carries_ip(_: &str, mtu: usize) {
    assert!(mtu >= 68, "an MTU of {mtu}; IP needs at least 68");
}
