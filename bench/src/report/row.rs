//! [`Row`]: one figure of one subject, beside that of its reference.

use super::figures::Figures;
use crate::suites::{LoopKind, Subject, Suite};

/// One line of the results.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) suite: Suite,
    pub(crate) on: LoopKind,
    pub(crate) subject: Subject,
    /// The reference, if there is one.
    pub(crate) against: Option<Subject>,
    pub(crate) metric: Metric,
    /// Nothing, where it could not be measured.
    pub(crate) figures: Option<Figures>,
}

/// What a figure is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metric {
    CpuNanos,
    /// Of the program itself, without the system's.
    Instructions,
    SystemCalls,
    /// Those of them that have to do with a socket: how often a program waits depends
    /// on how fast it is, how often it sends does not.
    SocketCalls,
    Allocations,
    MemoryIdle,
    MemoryAfterTraffic,
    MemoryGrowth,
    Nanos,
    Rate,
    P50,
    P99,
    /// Events of a simulation.
    EventRate,
    ResidentMemory,
    RealMillis,
}

impl Metric {
    /// As programs read it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::CpuNanos => "cpu_ns_per_op",
            Self::Instructions => "instructions_per_op",
            Self::SystemCalls => "syscalls_per_op",
            Self::SocketCalls => "socket_calls_per_op",
            Self::Allocations => "allocations_per_op",
            Self::MemoryIdle => "rss_bytes_per_connection",
            Self::MemoryAfterTraffic => "rss_bytes_per_connection_after_traffic",
            Self::MemoryGrowth => "rss_growth_bytes_per_connection",
            Self::Nanos => "ns_per_op",
            Self::Rate => "ops_per_s",
            Self::P50 => "p50_us",
            Self::P99 => "p99_us",
            Self::EventRate => "events_per_s",
            Self::ResidentMemory => "resident_mib",
            Self::RealMillis => "real_ms",
        }
    }

    /// As people read it.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::CpuNanos => "CPU ns/op",
            Self::Instructions => "instructions/op",
            Self::SystemCalls => "system calls/op",
            Self::SocketCalls => "socket calls/op",
            Self::Allocations => "allocations/op",
            Self::MemoryIdle => "bytes/connection",
            Self::MemoryAfterTraffic => "bytes/connection after traffic",
            Self::MemoryGrowth => "growth in bytes/connection",
            Self::Nanos => "ns/op",
            Self::Rate => "ops/s",
            Self::P50 => "p50 µs",
            Self::P99 => "p99 µs",
            Self::EventRate => "events/s",
            Self::ResidentMemory => "resident MiB",
            Self::RealMillis => "real ms",
        }
    }

    /// A figure of this kind, as precise as it is worth.
    pub(crate) fn show(self, value: f64) -> String {
        match self {
            Self::SystemCalls | Self::SocketCalls | Self::Allocations => format!("{value:.3}"),
            Self::P50 | Self::P99 => format!("{value:.1}"),
            _ if value.abs() < 100.0 => format!("{value:.1}"),
            _ => format!("{value:.0}"),
        }
    }
}
