//! [`BatchedTimer`]: very many timeouts that need not be exact, for few timers.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::event_loop::calls::{Calls, DelayedCall, after};
use crate::event_loop::lifecycle::{LoopClosed, Rejected};
use crate::event_loop::timers::Timers;
use crate::promise::discard::Guarded;
use crate::promise::failure::{Failure, catch};
use crate::promise::report::report_here;
use crate::sync::primitive::{Arc, Mutex, lock};

/// Calls made a bucket at a time: txaio's `make_batched_timer`.
///
/// Time is cut into buckets, counted from when this was made. All calls that fall
/// into one share one timer of the loop and are made, in the order they were asked
/// for (SCHED-18), at the bucket's *start*: so a call comes up to one bucket early.
/// With buckets of 5 s, calls for 5.1 s and for 9.9 s are both made at 5 s, and one
/// for 4.9 s in the next pass (SCHED-19). Delays below a second count like any
/// other.
///
/// A bucket with many calls is made in chunks that are spread over its length
/// (SCHED-20). A call that fails or panics does not stop the others; when the
/// bucket is done, all its failures go to the error hook in one report
/// (SCHED-21, [`BatchedFailures`]).
///
/// ```
/// use polyloop_core::{Failure, Loop, schedule::BatchedTimer};
/// use std::time::Duration;
///
/// fn pings<L: Loop>(lp: &L) -> Result<(), Failure> {
///     let timer = BatchedTimer::new(lp, Duration::from_secs(5))?;
///     for client in 0..10_000 {
///         timer.call_later(Duration::from_secs(30), move || {
///             println!("pinging {client}");
///             Ok(())
///         })?;
///     }
///     Ok(())
/// }
/// ```
pub struct BatchedTimer<L> {
    inner: Arc<Inner<L>>,
}

struct Inner<L> {
    lp: L,
    bucket: Duration,
    chunk_size: usize,
    /// Where bucket 0 starts.
    origin: Instant,
    buckets: Arc<Mutex<Buckets>>,
}

/// How many calls are made in one go, unless said otherwise.
const CHUNK_SIZE: usize = 100;

type Call = Guarded<Box<dyn FnOnce() -> Result<(), Failure> + Send>>;

#[derive(Default)]
struct Buckets {
    by_key: HashMap<u64, Bucket>,
    /// Those that still take calls, by their place in time.
    open: HashMap<u128, u64>,
    last_key: u64,
    last_call: u64,
}

struct Bucket {
    index: u128,
    /// By their number, so in the order they were asked for.
    calls: BTreeMap<u64, Call>,
    timer: Option<DelayedCall>,
    /// The time from one chunk to the next, once the first was begun.
    gap: Option<Duration>,
    /// A chunk is being made.
    busy: bool,
    failures: Vec<Failure>,
}

impl<L: Calls + Timers + Clone + 'static> BatchedTimer<L> {
    /// A timer with buckets of this length, and chunks of 100 calls.
    pub fn new(lp: &L, bucket: Duration) -> Result<Self, InvalidBatch> {
        Self::with_chunk_size(lp, bucket, CHUNK_SIZE)
    }

    /// The same with chunks of this many calls.
    pub fn with_chunk_size(
        lp: &L,
        bucket: Duration,
        chunk_size: usize,
    ) -> Result<Self, InvalidBatch> {
        if bucket.is_zero() || chunk_size == 0 {
            return Err(InvalidBatch { bucket, chunk_size });
        }
        Ok(Self {
            inner: Arc::new(Inner {
                lp: lp.clone(),
                bucket,
                chunk_size,
                origin: lp.now(),
                buckets: Arc::default(),
            }),
        })
    }

    /// Makes the call at the start of the bucket that is `delay` from now.
    pub fn call_later<F>(&self, delay: Duration, call: F) -> Result<BatchedCall, Rejected<F>>
    where
        F: FnOnce() -> Result<(), Failure> + Send + 'static,
    {
        let inner = &self.inner;
        let due = after(inner.lp.now(), delay).saturating_duration_since(inner.origin);
        let index = due.as_nanos() / inner.bucket.as_nanos();
        loop {
            let open = lock(&inner.buckets).open.get(&index).copied();
            let key = match open {
                Some(key) => key,
                None => match inner.open(index) {
                    Ok(key) => key,
                    Err(closed) => return Err(Rejected { call, closed }),
                },
            };
            let mut buckets = lock(&inner.buckets);
            // A bucket that was made or cancelled meanwhile, by another thread, takes
            // no more calls; there will be another.
            if buckets.open.get(&index) == Some(&key) {
                let id = buckets.add(key, Guarded::new(Box::new(call)));
                return Ok(BatchedCall {
                    buckets: inner.buckets.clone(),
                    key,
                    id,
                });
            }
        }
    }
}

impl<L: Calls + Timers + Clone + 'static> Inner<L> {
    /// Opens a bucket, with its timer.
    fn open(self: &Arc<Self>, index: u128) -> Result<u64, LoopClosed> {
        let key = lock(&self.buckets).open(index);
        let start = index.saturating_mul(self.bucket.as_nanos());
        let start = Duration::from_nanos(u64::try_from(start).unwrap_or(u64::MAX));
        self.arm(key, after(self.origin, start))?;
        Ok(key)
    }

    /// Sets the bucket's timer.
    fn arm(self: &Arc<Self>, key: u64, due: Instant) -> Result<(), LoopClosed> {
        let firing = Firing {
            inner: self.clone(),
            key: Some(key),
        };
        let asked = self.lp.call_at(due, move || firing.fire());
        // Where it is refused, this drops the bucket.
        let timer = asked.map_err(|rejected| rejected.closed)?;
        let mut buckets = lock(&self.buckets);
        if let Some(bucket) = buckets.by_key.get_mut(&key) {
            bucket.timer = Some(timer);
        } else {
            drop(buckets);
            timer.cancel();
        }
        Ok(())
    }
}

/// The right to make the calls of a bucket. Dropped by the loop or by a cancel, it
/// takes the bucket with it.
struct Firing<L> {
    inner: Arc<Inner<L>>,
    key: Option<u64>,
}

impl<L: Calls + Timers + Clone + 'static> Firing<L> {
    /// Makes one chunk, and asks for the next.
    fn fire(mut self) {
        let Some(key) = self.key.take() else { return };
        let inner = &self.inner;
        let Some(chunk) = lock(&inner.buckets).begin_chunk(key, inner.bucket, inner.chunk_size)
        else {
            return;
        };
        let mut failures = Vec::new();
        for id in chunk {
            // An earlier one may have cancelled it.
            let call = lock(&inner.buckets).take(key, id);
            if let Some(call) = call
                && let Err(failure) = catch(|| call.into_inner()())
            {
                failures.push(failure);
            }
        }
        let ended = lock(&inner.buckets).end_chunk(key, failures);
        match ended {
            Ended::More(gap) => {
                // A loop that was closed meanwhile drops the rest.
                let _ = inner.arm(key, after(inner.lp.now(), gap));
            }
            Ended::Last(bucket) => bucket.report(),
        }
    }
}

impl<L> Drop for Firing<L> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            let bucket = lock(&self.inner.buckets).remove(key);
            if let Some(bucket) = bucket {
                // Of what was made before.
                bucket.report();
            }
        }
    }
}

enum Ended {
    More(Duration),
    Last(Box<Bucket>),
}

impl Buckets {
    fn open(&mut self, index: u128) -> u64 {
        self.last_key += 1;
        let bucket = Bucket {
            index,
            calls: BTreeMap::new(),
            timer: None,
            gap: None,
            busy: false,
            failures: Vec::new(),
        };
        self.by_key.insert(self.last_key, bucket);
        self.open.insert(index, self.last_key);
        self.last_key
    }

    fn add(&mut self, key: u64, call: Call) -> u64 {
        self.last_call += 1;
        if let Some(bucket) = self.by_key.get_mut(&key) {
            bucket.calls.insert(self.last_call, call);
        }
        self.last_call
    }

    fn take(&mut self, key: u64, id: u64) -> Option<Call> {
        self.by_key.get_mut(&key)?.calls.remove(&id)
    }

    fn remove(&mut self, key: u64) -> Option<Bucket> {
        let bucket = self.by_key.remove(&key)?;
        self.close(bucket.index, key);
        Some(bucket)
    }

    /// Lets the bucket take no more calls.
    fn close(&mut self, index: u128, key: u64) {
        if self.open.get(&index) == Some(&key) {
            self.open.remove(&index);
        }
    }

    fn begin_chunk(&mut self, key: u64, length: Duration, size: usize) -> Option<Vec<u64>> {
        let bucket = self.by_key.get_mut(&key)?;
        bucket.busy = true;
        bucket.timer = None;
        let chunk = bucket.calls.keys().take(size).copied().collect();
        if bucket.gap.is_none() {
            let chunks = bucket.calls.len().div_ceil(size).max(1);
            bucket.gap = Some(length / u32::try_from(chunks).unwrap_or(u32::MAX));
            let index = bucket.index;
            self.close(index, key);
        }
        Some(chunk)
    }

    fn end_chunk(&mut self, key: u64, failures: Vec<Failure>) -> Ended {
        let bucket = self.by_key.get_mut(&key);
        let bucket = bucket.expect("a bucket stays while a chunk of it is made");
        bucket.busy = false;
        bucket.failures.extend(failures);
        if let (false, Some(gap)) = (bucket.calls.is_empty(), bucket.gap) {
            return Ended::More(gap);
        }
        let bucket = self.remove(key);
        Ended::Last(Box::new(bucket.expect("it was there a moment ago")))
    }
}

impl Bucket {
    fn report(self) {
        if !self.failures.is_empty() {
            let failures = BatchedFailures {
                failures: self.failures,
            };
            report_here("batched calls failed", &Failure::new(failures));
        }
    }
}

/// A call that was asked of a [`BatchedTimer`]. Dropping it leaves the call as it
/// is.
#[derive(Clone)]
pub struct BatchedCall {
    buckets: Arc<Mutex<Buckets>>,
    key: u64,
    id: u64,
}

impl BatchedCall {
    /// Takes the call back; with the last call of a bucket goes the bucket's timer.
    /// False if it was made or cancelled before (SCHED-22).
    pub fn cancel(&self) -> bool {
        let mut buckets = lock(&self.buckets);
        let Some(bucket) = buckets.by_key.get_mut(&self.key) else {
            return false;
        };
        let Some(call) = bucket.calls.remove(&self.id) else {
            return false;
        };
        let empty = bucket.calls.is_empty() && !bucket.busy;
        let bucket = empty.then(|| buckets.remove(self.key)).flatten();
        // Dropping a call, and reporting, may run code of a user.
        drop(buckets);
        drop(call);
        if let Some(mut bucket) = bucket {
            if let Some(timer) = bucket.timer.take() {
                timer.cancel();
            }
            bucket.report();
        }
        true
    }

    /// Whether the call is still to be made.
    pub fn is_pending(&self) -> bool {
        let buckets = lock(&self.buckets);
        let bucket = buckets.by_key.get(&self.key);
        bucket.is_some_and(|bucket| bucket.calls.contains_key(&self.id))
    }
}

/// What failed in one bucket of a [`BatchedTimer`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BatchedFailures {
    /// All of it, in the order the calls were made.
    pub failures: Vec<Failure>,
}

impl fmt::Display for BatchedFailures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A line that somebody can still read.
        const SHOWN: usize = 5;
        write!(f, "{} batched calls failed", self.failures.len())?;
        for (index, failure) in self.failures.iter().take(SHOWN).enumerate() {
            write!(f, "{}{failure}", if index == 0 { ": " } else { "; " })?;
        }
        if self.failures.len() > SHOWN {
            write!(f, "; and {} more", self.failures.len() - SHOWN)?;
        }
        Ok(())
    }
}

impl std::error::Error for BatchedFailures {}

/// A [`BatchedTimer`] that can't be made.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error(
    "a batched timer needs a bucket longer than zero and chunks of at least one call, not {bucket:?} and {chunk_size}"
)]
#[non_exhaustive]
pub struct InvalidBatch {
    /// The length of a bucket, as given.
    pub bucket: Duration,
    /// The size of a chunk, as given.
    pub chunk_size: usize,
}

impl From<InvalidBatch> for Failure {
    #[track_caller]
    fn from(error: InvalidBatch) -> Self {
        Self::new(error)
    }
}

impl<L> Clone for BatchedTimer<L> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
        }
    }
}

impl<L> fmt::Debug for BatchedTimer<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchedTimer")
            .field("bucket", &self.inner.bucket)
            .field("buckets", &lock(&self.inner.buckets).by_key.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for BatchedCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchedCall")
            .field("pending", &self.is_pending())
            .finish_non_exhaustive()
    }
}
