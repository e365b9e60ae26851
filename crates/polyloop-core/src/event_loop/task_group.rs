//! [`TaskGroup`]: tasks that stand and fall together.

mod member;
mod roll;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

pub use member::GroupTask;

use self::roll::Roll;
use crate::event_loop::spawner::Spawner;
use crate::promise::Promise;
use crate::promise::combine::{joined, polled_again};
use crate::promise::failure::Failure;
use crate::sync::primitive::Arc;

/// Tasks that stand and fall together: asyncio's `TaskGroup`, Trio's nursery
/// (COMB-16).
///
/// | what happens | what follows |
/// | --- | --- |
/// | a task returns a failure, or panics | the others are cancelled at once, and no new one is taken |
/// | a task is cancelled by itself, through its [`GroupTask`] | nothing else: it is no failure |
/// | all tasks are over | [`join`](Self::join) settles: with `()`, or with a [`GroupFailed`] that holds all failures |
/// | the group, or the promise of `join`, is dropped | the tasks are cancelled |
///
/// ```
/// use polyloop_core::{Failure, Spawner, TaskGroup};
///
/// async fn both<S: Spawner>(lp: &S) -> Result<u32, Failure> {
///     let group = TaskGroup::new(lp);
///     let left = group.spawn(async { Ok(20) })?;
///     let right = group.spawn(async { Ok(22) })?;
///     group.join().await?; // ends with every failure there was
///     Ok(left.await? + right.await?)
/// }
/// ```
#[must_use = "dropping a group cancels its tasks; await its `join`"]
pub struct TaskGroup<S: Spawner> {
    spawner: GroupSpawner<S>,
}

/// Puts tasks into a [`TaskGroup`]: for the group's own tasks to hold, so that they
/// can add to it, also while it is being joined.
#[derive(Clone)]
pub struct GroupSpawner<S: Spawner> {
    lp: S,
    roll: Arc<Roll<S>>,
}

/// Why a [`TaskGroup`] failed: tasks of it did. All their failures, in the order in
/// which they happened.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{} of the group's tasks failed: {}", .failures.len(), joined(.failures))]
#[non_exhaustive]
pub struct GroupFailed {
    /// The failures, the one that ended the group first.
    pub failures: Vec<Failure>,
}

/// Why a task was refused: its group takes no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the task group takes no more tasks: it is closing, or over")]
pub struct GroupClosed;

impl From<GroupClosed> for Failure {
    #[track_caller]
    fn from(closed: GroupClosed) -> Self {
        Self::new(closed)
    }
}

impl<S: Spawner> TaskGroup<S> {
    /// An empty group, whose tasks run on `lp`.
    pub fn new(lp: &S) -> Self {
        Self {
            spawner: GroupSpawner {
                lp: lp.clone(),
                roll: Arc::new(Roll::new()),
            },
        }
    }

    /// Runs `future` as a task of the group. What it returns is promised by the
    /// handle; a failure goes to [`join`](Self::join) as well, so the handle may be
    /// dropped.
    #[track_caller]
    pub fn spawn<F, T>(&self, future: F) -> Result<GroupTask<T>, GroupClosed>
    where
        F: Future<Output = Result<T, Failure>> + Send + 'static,
        T: Send + 'static,
    {
        self.spawner.spawn(future)
    }

    /// What the group's tasks use to add to it.
    pub fn spawner(&self) -> GroupSpawner<S> {
        self.spawner.clone()
    }

    /// Waits for all tasks, those too that are added meanwhile. Settles once every
    /// one of them has been dropped, and takes no more from then on.
    pub fn join(self) -> JoinGroup<S> {
        JoinGroup {
            group: self,
            taken: false,
        }
    }
}

impl<S: Spawner> Drop for TaskGroup<S> {
    fn drop(&mut self) {
        self.spawner.roll.abandon();
    }
}

impl<S: Spawner> GroupSpawner<S> {
    /// Runs `future` as a task of the group, as [`TaskGroup::spawn`] does.
    #[track_caller]
    pub fn spawn<F, T>(&self, future: F) -> Result<GroupTask<T>, GroupClosed>
    where
        F: Future<Output = Result<T, Failure>> + Send + 'static,
        T: Send + 'static,
    {
        let number = self.roll.enter()?;
        let (member, handle) = member::member(future, self.roll.clone(), number);
        let task = self.lp.spawn(member);
        self.roll.started(number, task);
        Ok(handle)
    }
}

/// What [`TaskGroup::join`] returns. Dropping it cancels the tasks.
#[must_use = "dropping it cancels the group's tasks; await it"]
pub struct JoinGroup<S: Spawner> {
    group: TaskGroup<S>,
    taken: bool,
}

impl<S: Spawner> Unpin for JoinGroup<S> {}

impl<S: Spawner> Future for JoinGroup<S> {
    type Output = Result<(), Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.taken {
            return polled_again();
        }
        let Some(ending) = self.group.spawner.roll.poll_over(cx.waker()) else {
            return Poll::Pending;
        };
        self.taken = true;
        Poll::Ready(match (ending.failures, ending.cancelled) {
            (failures, _) if !failures.is_empty() => Err(Failure::new(GroupFailed { failures })),
            (_, Some(reason)) => Err(Failure::cancelled(reason)),
            (_, None) => Ok(()),
        })
    }
}

impl<S: Spawner> Promise for JoinGroup<S> {
    type Value = ();

    /// Cancels the group's tasks. Once they are over it fails with their failures,
    /// or as cancelled if there are none.
    fn cancel(&self, reason: &str) -> bool {
        self.group.spawner.roll.cancel(reason)
    }

    fn is_done(&self) -> bool {
        !self.taken && self.group.spawner.roll.is_over()
    }
}

impl<S: Spawner> fmt::Debug for TaskGroup<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskGroup")
            .field("tasks", &self.spawner.roll.len())
            .finish_non_exhaustive()
    }
}

impl<S: Spawner> fmt::Debug for GroupSpawner<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupSpawner")
            .field("tasks", &self.roll.len())
            .finish_non_exhaustive()
    }
}

impl<S: Spawner> fmt::Debug for JoinGroup<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinGroup")
            .field("tasks", &self.group.spawner.roll.len())
            .finish_non_exhaustive()
    }
}
