//! A single-threaded executor: polls woken tasks until none is left, and can drop a task at once.
//!
//! Owns the tasks. Does not know what wakes them. A task is one exchange or one HTTP/2 connection, so dropping it is
//! how either is cancelled: its sockets close before `remove` returns.

use std::{
    cell::RefCell,
    collections::VecDeque,
    future::{Future, poll_fn},
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use slab::Slab;

type Work = Pin<Box<dyn Future<Output = ()>>>;

/// Names a task for [`Executor::remove`]; stays unique when slots are used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TaskId {
    slot: usize,
    serial: u64,
}

#[derive(Default)]
pub(crate) struct Executor {
    tasks: RefCell<Tasks>,
    woken: Arc<Woken>,
}

#[derive(Default)]
struct Tasks {
    slots: Slab<Slot>,
    next_serial: u64,
}

struct Slot {
    serial: u64,
    /// None while the task is being polled.
    task: Option<Task>,
}

struct Task {
    work: Work,
    alarm: Arc<Alarm>,
    waker: Waker,
}

/// Slots to poll, in the order they were woken. A mutex only because a [`Waker`] must be `Send`; it is never contended.
#[derive(Default)]
struct Woken(Mutex<VecDeque<TaskId>>);

struct Alarm {
    task: TaskId,
    queued: AtomicBool,
    woken: Arc<Woken>,
}

// === impl Executor ===

impl Executor {
    /// Take over `work`; it is polled at the next [`run`](Self::run).
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + 'static) -> TaskId {
        let mut tasks = self.tasks.borrow_mut();
        let serial = tasks.next_serial;
        tasks.next_serial += 1;
        let entry = tasks.slots.vacant_entry();
        let id = TaskId { slot: entry.key(), serial };
        let alarm =
            Arc::new(Alarm { task: id, queued: AtomicBool::new(true), woken: Arc::clone(&self.woken) });
        let waker = Waker::from(Arc::clone(&alarm));
        entry.insert(Slot { serial, task: Some(Task { work: Box::pin(work), alarm, waker }) });
        self.woken.push(id);
        id
    }

    /// Drop a task, and with it what it holds. Nothing happens when it is over already.
    pub(crate) fn remove(&self, id: TaskId) {
        let removed = {
            let mut tasks = self.tasks.borrow_mut();
            match tasks.slots.get(id.slot) {
                Some(slot) if slot.serial == id.serial => Some(tasks.slots.remove(id.slot)),
                _ => None,
            }
        };
        drop(removed); // only now: what a task drops may come back here
    }

    /// Drop every task.
    pub(crate) fn clear(&self) {
        let slots = std::mem::take(&mut self.tasks.borrow_mut().slots);
        drop(slots);
    }

    /// Poll woken tasks until no task is woken.
    pub(crate) fn run(&self) {
        while let Some(id) = self.woken.pop() {
            let Some(mut task) = self.take(id) else { continue };
            task.alarm.queued.store(false, Ordering::Relaxed);
            match task.work.as_mut().poll(&mut Context::from_waker(&task.waker)) {
                Poll::Pending => self.put_back(id, task),
                Poll::Ready(()) => self.remove(id),
            }
        }
    }

    fn take(&self, id: TaskId) -> Option<Task> {
        let mut tasks = self.tasks.borrow_mut();
        let slot = tasks.slots.get_mut(id.slot).filter(|slot| slot.serial == id.serial)?;
        slot.task.take()
    }

    fn put_back(&self, id: TaskId, task: Task) {
        let mut tasks = self.tasks.borrow_mut();
        let slot = tasks.slots.get_mut(id.slot).filter(|slot| slot.serial == id.serial);
        let orphan = match slot {
            Some(slot) => slot.task.replace(task),
            None => Some(task), // it was removed while it ran
        };
        drop(tasks);
        drop(orphan);
    }
}

/// Let the tasks woken before this moment go first.
pub(crate) async fn yield_now() {
    let mut yielded = false;
    poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

// === impl Woken ===

impl Woken {
    fn push(&self, id: TaskId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(id);
    }

    fn pop(&self) -> Option<TaskId> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.queued.swap(true, Ordering::Relaxed) {
            self.woken.push(self.task);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, rc::Rc};

    use super::*;

    /// Yields `times` times, waking itself each time, and counts its polls.
    fn yielding(times: usize, polls: &Rc<Cell<usize>>) -> impl Future<Output = ()> + use<> {
        let polls = Rc::clone(polls);
        poll_fn(move |context| {
            polls.set(polls.get() + 1);
            if polls.get() > times {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            context.waker().wake_by_ref();
            Poll::Pending
        })
    }

    #[test]
    fn runs_until_nothing_is_woken_and_polls_once_for_many_wakes() {
        let executor = Executor::default();
        let polls = Rc::new(Cell::new(0));
        executor.spawn(yielding(3, &polls));
        executor.run();
        assert_eq!(polls.get(), 4);
        assert!(executor.tasks.borrow().slots.is_empty());
    }

    #[test]
    fn removing_a_task_drops_it_at_once_and_leaves_its_slot_to_others() {
        let executor = Executor::default();
        let held = Rc::new(());
        let kept = Rc::clone(&held);
        let first = executor.spawn(async move {
            std::future::pending::<()>().await;
            drop(kept);
        });
        executor.run();
        assert_eq!(Rc::strong_count(&held), 2);
        executor.remove(first);
        assert_eq!(Rc::strong_count(&held), 1);

        let polls = Rc::new(Cell::new(0));
        let second = executor.spawn(yielding(0, &polls));
        assert_eq!(second.slot, first.slot);
        executor.remove(first); // an old name does not touch the new task
        executor.run();
        assert_eq!(polls.get(), 1);
    }

    #[test]
    fn a_task_may_spawn_and_remove_others_and_itself() {
        let executor = Rc::new(Executor::default());
        let polls = Rc::new(Cell::new(0));
        let own = Rc::new(Cell::new(None));
        let id = executor.spawn({
            let (executor, polls, own) = (Rc::clone(&executor), Rc::clone(&polls), Rc::clone(&own));
            async move {
                own.get().into_iter().for_each(|id| executor.remove(id));
                executor.spawn(yielding(0, &polls)); // may reuse the slot this task ran in
                std::future::pending::<()>().await;
            }
        });
        own.set(Some(id));
        executor.run();
        assert_eq!(polls.get(), 1);
        assert!(executor.tasks.borrow().slots.is_empty());
    }
}
