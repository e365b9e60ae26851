//! [`LoopState`]: what core keeps for each loop, whatever its runtime.
//!
//! Every handle of a loop, and every task on it, shares one. The loop lives as
//! long as somebody holds it or work is left on it. Where only its handles could run it,
//! work holds nothing: it goes with the last handle (LOOP-51).

mod attachments;
mod registry;
mod run_end;

use std::any::Any;
use std::fmt;
use std::task::Waker;
use std::time::{Duration, Instant};

use crate::event_loop::calls::CallQueue;
use crate::event_loop::context::Entered;
use crate::event_loop::error_hook::{ErrorHook, lay_route, report_to};
use crate::event_loop::lifecycle::{LoopClosed, ShutdownHooks, ShutdownPhase};
use crate::event_loop::names::{Installed, NameResolver};
use crate::event_loop::report_limits::{Admitted, ReportLimits};
use crate::event_loop::stop::StopRequest;
use crate::event_loop::task::table::TaskTable;
use crate::event_loop::threads::WorkList;
use crate::promise::discard::{DESTRUCTOR, Guarded, discard, try_drop};
use crate::promise::failure::Failure;
use crate::promise::report::ErrorReport;
use crate::sync::primitive::atomic::{AtomicBool, AtomicU8, Ordering};
use crate::sync::primitive::{Arc, Mutex, lock};
use attachments::Attachments;
pub(crate) use registry::LoopId;
use run_end::RunEnd;

/// How long the end of a run waits for tasks that do not end.
pub(crate) const SHUTDOWN_LIMIT: Duration = Duration::from_secs(10);

/// It was closed, for good.
const CLOSED: u8 = 1;

/// It was killed, as a machine that lost its power.
const KILLED: u8 = 2;

/// The runtime-free half of a loop. A backend creates one per loop, keeps it in
/// an [`Arc`] in every handle, and never looks inside.
pub struct LoopState {
    id: LoopId,
    name: &'static str,
    /// What the backend needs to make another handle of itself, and what has to
    /// live as long as the loop does.
    backend: Box<dyn Any + Send + Sync>,
    clock: Option<Clock>,
    pub(crate) tasks: TaskTable,
    pub(crate) calls: Arc<CallQueue>,
    pub(crate) work: Arc<WorkList>,
    hook: Mutex<Option<Guarded<ErrorHook>>>,
    resolver: Mutex<Option<Installed>>,
    report_limits: ReportLimits,
    pub(crate) shutdown_hooks: Arc<ShutdownHooks>,
    /// Calls that wait for a run to begin; `None` while one is under way.
    when_running: Mutex<Option<Vec<WaitingCall>>>,
    running: AtomicBool,
    /// Why it takes no work: [`CLOSED`], [`KILLED`], or both. One number, since it is
    /// asked at every spawn.
    gone: AtomicU8,
    /// Nothing goes on here unless a run does.
    needs_run: AtomicBool,
    pub(crate) run_end: RunEnd,
    shutdown_limit: Mutex<Duration>,
    pub(crate) stop: StopRequest,
    attachments: Attachments,
}

pub(crate) type WaitingCall = Guarded<Box<dyn FnOnce() + Send>>;
type Clock = Box<dyn Fn() -> Instant + Send + Sync>;

impl LoopState {
    /// Makes the state of a new loop. `name` is the loop's name as users write it
    /// (`"tokio"`); `backend` is given back by [`backend`](Self::backend).
    pub fn new(name: &'static str, backend: impl Any + Send + Sync) -> Arc<Self> {
        Self::build(name, Box::new(backend), None)
    }

    /// The same for a runtime whose timers go by a monotonic clock of its own.
    pub fn with_clock(
        name: &'static str,
        backend: impl Any + Send + Sync,
        clock: impl Fn() -> Instant + Send + Sync + 'static,
    ) -> Arc<Self> {
        Self::build(name, Box::new(backend), Some(Box::new(clock)))
    }

    fn build(
        name: &'static str,
        backend: Box<dyn Any + Send + Sync>,
        clock: Option<Clock>,
    ) -> Arc<Self> {
        let calls = Arc::new(CallQueue::new());
        let state = Arc::new(Self {
            id: LoopId::new(),
            name,
            backend,
            clock,
            tasks: TaskTable::new(),
            stop: StopRequest::new(&calls),
            calls,
            work: Arc::default(),
            hook: Mutex::new(None),
            resolver: Mutex::new(None),
            report_limits: ReportLimits::default(),
            shutdown_hooks: Arc::default(),
            when_running: Mutex::new(Some(Vec::new())),
            running: AtomicBool::new(false),
            gone: AtomicU8::new(0),
            needs_run: AtomicBool::new(false),
            run_end: RunEnd::default(),
            shutdown_limit: Mutex::new(SHUTDOWN_LIMIT),
            attachments: Attachments::default(),
        });
        registry::enter(&state);
        lay_route();
        state
    }

    /// The loop's monotonic clock.
    pub fn now(&self) -> Instant {
        self.clock
            .as_ref()
            .map_or_else(Instant::now, |clock| clock())
    }

    /// What a room above keeps for this loop: its `T`, made when it is first asked for.
    pub(crate) fn attached<T: Any + Default + Send + Sync>(&self) -> Arc<T> {
        self.attachments.get()
    }

    /// What [finds](LoopId::find) this again.
    pub(crate) fn id(&self) -> LoopId {
        self.id
    }

    /// The loop's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What the backend stored, if it is a `T`. This is how a backend's handle is
    /// made again from the [current state](crate::event_loop::context::current_state).
    pub fn backend<T: Any>(&self) -> Option<&T> {
        self.backend.downcast_ref()
    }

    /// Tells the hook; of a loop that was killed nobody is told anything.
    pub(crate) fn report(&self, context: &str, failure: &Failure) {
        if self.is_killed() {
            return;
        }
        // The last to hold it, if it is replaced meanwhile, lets it go like any other.
        let hook = lock(&self.hook)
            .as_ref()
            .map(|hook| Guarded::new(ErrorHook::clone(hook)));
        let report = ErrorReport {
            context: context.to_owned(),
            failure: failure.clone(),
            loop_name: Some(self.name),
        };
        report_to(hook.as_deref(), &report);
    }

    /// Reports what somebody outside can bring about any number of times: what fails alike
    /// in one place is told a few times, and then how often (PROTO-18). `of` says more of the
    /// place than the failure's own location, which for a panic is core's.
    pub(crate) fn report_often(&self, context: &'static str, of: &'static str, failure: &Failure) {
        match self.report_limits.admit(context, of, failure, self.now()) {
            Admitted::Told { left_out: 0 } => self.report(context, failure),
            Admitted::Told { left_out } => {
                let more = format!("{context} (and {left_out} times more since it was last told)");
                self.report(&more, failure);
            }
            Admitted::LeftOut => {}
        }
    }

    /// Says what was left out so far and has not been said.
    pub(crate) fn report_left_out(&self) {
        for (context, failure, left_out) in self.report_limits.take_left_out() {
            let more = format!("{context} ({left_out} times more than was told)");
            self.report(&more, &failure);
        }
    }

    pub(crate) fn set_hook(&self, hook: Option<ErrorHook>) {
        let hook = hook.map(Guarded::new);
        let old = std::mem::replace(&mut *lock(&self.hook), hook);
        // Only now is the lock gone: dropping a closure may run code of a user.
        self.discard(old.map(Guarded::into_inner));
    }

    pub(crate) fn set_resolver(self: &Arc<Self>, resolver: Option<Arc<dyn NameResolver>>) {
        let resolver = resolver.map(Guarded::new);
        let old = std::mem::replace(&mut *lock(&self.resolver), resolver);
        // Only now is the lock gone: a resolver is a user's, and may hold this very loop.
        self.discard_here(old);
    }

    /// Who is asked for names, if it is not the backend.
    pub(crate) fn resolver(&self) -> Option<Installed> {
        // The last to hold it, if it is replaced meanwhile, lets it go like any other.
        let installed = lock(&self.resolver);
        installed
            .as_ref()
            .map(|resolver| Guarded::new(Arc::clone(resolver)))
    }

    /// Drops what is a user's. A destructor that panics is reported to this loop.
    pub(crate) fn discard<T>(&self, value: T) {
        if let Err(failure) = try_drop(value) {
            self.report(DESTRUCTOR, &failure);
        }
    }

    /// Drops what is a user's with this loop as the current one, to which its destructors
    /// report.
    fn discard_here<T>(self: &Arc<Self>, value: T) {
        let mut state = Some(self.clone());
        let _entered = Entered::new(&mut state);
        discard(value);
    }

    /// Drops the calls that are still to be made.
    pub(crate) fn drop_calls(self: &Arc<Self>) {
        self.discard_here(self.calls.clear());
    }

    /// Drops the calls that wait for a run.
    fn drop_waiting_calls(self: &Arc<Self>) {
        let waiting = lock(&self.when_running).as_mut().map(std::mem::take);
        // Only now is the lock gone: dropping a closure may run code of a user.
        self.discard_here(waiting);
    }

    /// Fails once the loop takes no more work. For what a backend hands out by itself.
    pub fn check_open(&self) -> Result<(), LoopClosed> {
        if self.gone.load(Ordering::Acquire) == 0 {
            Ok(())
        } else {
            Err(LoopClosed { name: self.name })
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.gone.load(Ordering::Acquire) & CLOSED != 0
    }

    /// Whether it was [killed](Self::kill), and not revived.
    pub fn is_killed(&self) -> bool {
        self.gone.load(Ordering::Acquire) & KILLED != 0
    }

    pub(crate) fn is_running(&self) -> bool {
        self.running.load(Ordering::Acquire)
    }

    /// Says that nothing goes on on this loop unless a thread is inside
    /// [`run`](crate::MainLoop::run): for a backend whose runtime has no threads of its
    /// own and that nobody else can drive. Tasks hold this state, so such a backend keeps
    /// its runtime in its handles and no more than a `Weak` of it here: with the last handle
    /// the last goes who could run them, and they go with it (LOOP-51).
    pub fn set_needs_run(&self) {
        self.needs_run.store(true, Ordering::Release);
    }

    /// Whether what is asked of the loop goes on: it is being run, or does not
    /// [need](Self::set_needs_run) that.
    pub fn is_driven(&self) -> bool {
        !self.needs_run() || self.is_running()
    }

    pub(crate) fn needs_run(&self) -> bool {
        self.needs_run.load(Ordering::Acquire)
    }

    /// The calls that waited for this run, or `None` if one is under way already.
    /// `stopped` is woken whenever it is asked to stop.
    pub(crate) fn begin_run(&self, stopped: Option<Waker>) -> Option<Vec<WaitingCall>> {
        if self.running.swap(true, Ordering::AcqRel) {
            return None;
        }
        self.stop.begin(stopped);
        Some(lock(&self.when_running).take().unwrap_or_default())
    }

    pub(crate) fn end_run(&self) {
        // In this order, so that what finds no run to be asked can wait for the next.
        *lock(&self.when_running) = Some(Vec::new());
        self.stop.end();
        self.running.store(false, Ordering::Release);
        self.run_end.tell();
    }

    /// Keeps the call for the next run; gives it back if one is under way.
    pub(crate) fn wait_for_run<F: FnOnce() + Send + 'static>(&self, call: F) -> Option<F> {
        match &mut *lock(&self.when_running) {
            Some(waiting) => {
                waiting.push(Guarded::new(Box::new(call)));
                None
            }
            None => Some(call),
        }
    }

    pub(crate) fn shutdown_limit(&self) -> Duration {
        *lock(&self.shutdown_limit)
    }

    pub(crate) fn set_shutdown_limit(&self, limit: Duration) {
        *lock(&self.shutdown_limit) = limit;
    }

    /// Ends the loop as a machine that loses its power does: every task is dropped at
    /// its next turn whatever it waits for, pending calls and shutdown hooks are
    /// dropped now, and the loop takes no work until [`revive`](Self::revive). For a
    /// backend that simulates machines.
    ///
    /// Nobody on it is told: protocols, producers and factories are dropped without their
    /// `connection_lost`, `stop_producing` and `stop_factory`, and nothing is reported.
    /// Destructors run, since memory has to go somewhere; they find the loop closed.
    pub fn kill(self: &Arc<Self>) {
        self.gone.fetch_or(KILLED, Ordering::AcqRel);
        self.as_killed(|| {
            self.tasks.end_all();
            self.tasks.kill_all();
            self.stop.withdraw();
            self.drop_calls();
            self.drop_waiting_calls();
            discard(self.attachments.take());
            for phase in ShutdownPhase::ALL {
                discard(self.shutdown_hooks.take(phase));
            }
        });
    }

    /// Does what is left to be done of a loop that was killed: it is the current loop
    /// meanwhile, and counts as killed also where it was revived before.
    pub fn as_killed<R>(self: &Arc<Self>, f: impl FnOnce() -> R) -> R {
        let revived = !self.is_killed();
        self.gone.fetch_or(KILLED, Ordering::AcqRel);
        let mut slot = Some(self.clone());
        let entered = Entered::new(&mut slot);
        let done = f();
        drop(entered);
        if revived {
            self.gone.fetch_and(!KILLED, Ordering::AcqRel);
        }
        done
    }

    /// Takes tasks again after [`kill`](Self::kill). Those of before still end.
    pub fn revive(&self) {
        self.tasks.reopen();
        self.gone.fetch_and(!KILLED, Ordering::AcqRel);
    }

    /// The runtime below was shut down by whoever owns it: the loop is closed. For a
    /// backend on a runtime that an application has.
    pub fn runtime_lost(self: &Arc<Self>) {
        self.close();
    }

    /// Ends every task and call, for good.
    pub(crate) fn close(self: &Arc<Self>) {
        self.gone.fetch_or(CLOSED, Ordering::AcqRel);
        self.tasks.end_all();
        self.drop_calls();
        self.drop_waiting_calls();
        self.set_resolver(None);
        self.discard_here(self.attachments.take());
    }
}

impl Drop for LoopState {
    fn drop(&mut self) {
        // Its driver holds the queue alone; this lets it go.
        self.calls.close();
        registry::leave(self.id);
    }
}

impl fmt::Debug for LoopState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoopState")
            .field("name", &self.name)
            .field("running", &self.is_running())
            .field("tasks", &self.tasks.alive())
            .finish_non_exhaustive()
    }
}
