"""Write finished measurements once their step is known and their numbers have arrived from the device.

A measurement belongs to the step of the next `log` of the thread that trained. If there are several optimiser steps
between two logs, and the logged steps turn out to count optimiser steps, each measurement gets its counted step.
Otherwise only the newest one has a step; the others are dropped with a warning.
"""

from __future__ import annotations

import threading
import warnings
import weakref
from collections.abc import Callable
from typing import NamedTuple

from netscope.record.stacklevel import depth_of_caller
from netscope.record.watch.measurement import Measurement
from netscope.record.watch.rows import Recorder
from netscope.schema.layer import LayerChange

PATIENCE = 10
"""Measurements that wait for a first `log`; after that, optimiser steps are used as steps."""
MOST_PENDING = 50
"""Measurements that wait for a second `log`, which shows whether logged steps count optimiser steps."""


_trainers: weakref.WeakKeyDictionary[Recorder, set[int]] = weakref.WeakKeyDictionary()


class LogThread:
    """Decides which thread's `log` a measurement waits for: the training thread's or, if that never logs, another's."""

    def __init__(self, run: Recorder) -> None:
        """Start without any threads known."""
        self._trainers = _trainers.setdefault(run, set())  # shared by all watches of the run
        self._trainer: int | None = None
        self._loggers: set[int] = set()
        self._n_others = 0

    def trains(self, thread: int | None) -> None:
        """Note that a thread made a step; None for one of torch's own threads, which never log."""
        if thread != self._trainer:
            self._trainer = thread
            if thread is not None:
                self._trainers.add(thread)

    def is_mine(self) -> bool:
        """Whether a log of the current thread belongs to the measured training."""
        me = threading.get_ident()
        self._loggers.add(me)
        if self._trainer is None or me == self._trainer:
            return True
        if me in self._trainers or self._trainer in self._loggers:
            return False
        self._n_others += 1  # the training thread may be about to log for the first time
        return self._n_others > 1


class _Pending(NamedTuple):
    measurement: Measurement
    changes: list[LayerChange]


class MeasurementWriter:
    """Writes the measurements of one watch to the run."""

    def __init__(self, run: Recorder, write_changes: Callable[[int, list[LayerChange]], None]) -> None:
        """Write to `run`; `write_changes` is called with changes of layers and the step at which they were noticed."""
        self._run = run
        self._write_changes = write_changes
        self._pending: list[_Pending] = []  # waiting for a step; the newest last
        self._undecided: list[_Pending] = []  # from before the first log, which does not show what steps count
        self._sent: list[tuple[int, Measurement]] = []  # waiting for their device
        self._shift: int | None = None  # logged step minus the number of optimiser steps, at the last log
        self._first_step: int | None = None  # of the first log, if the newest undecided measurement belongs to it
        self._n_logs = 0
        self._counts_steps = False  # whether logged steps count optimiser steps
        self._changes: list[LayerChange] = []
        self._has_dropped = self._has_warned = False
        self._lock = threading.RLock()  # a signal handler may log while its own thread is writing

    def take(self, measurement: Measurement, changes: list[LayerChange]) -> None:
        """Add a measurement, whose step is known at the next `log`."""
        if self._counts_steps or self._n_logs > 1:
            self._release()
        self._pending.append(_Pending(measurement, changes))
        if not self._n_logs and len(self._pending) > PATIENCE:
            self._shift, self._counts_steps = -1, True
            self._release()
        elif len(self._pending) > MOST_PENDING:
            self._drop([self._pending.pop(0)])
        self.resolve()

    def logged(self, step: int, n_steps: int) -> None:
        """Assign steps at a `log`, after `n_steps` optimiser steps."""
        if not self._pending:
            return
        shift = step - n_steps
        self._n_logs += 1
        self._counts_steps = shift == self._shift or shift in (-1, 0)
        self._shift = shift
        self._decide()
        is_just_before = self._pending[-1].measurement.steps_before == n_steps - 1
        *older, last = self._pending
        if is_just_before:
            self._pending = older
        if self._counts_steps:
            self._release()
        elif self._n_logs == 1:
            self._undecided, self._pending = self._pending, []
            self._first_step = None if is_just_before else step
        else:
            self._pending = []
            self._drop(older)
        if is_just_before or (self._n_logs > 1 and not self._counts_steps):
            self._send(step, last)
        self._warn_dropped()

    def _decide(self) -> None:
        """Handle undecided measurements, now that it is known whether logged steps count optimiser steps."""
        undecided, self._undecided = self._undecided, []
        if self._counts_steps:
            self._pending = [*undecided, *self._pending]
        elif undecided:
            if self._first_step is not None:
                self._send(self._first_step, undecided.pop())
            self._drop(undecided)

    def _release(self) -> None:
        """Write pending measurements at their counted step, or drop them if steps are not counted."""
        held, self._pending = self._pending, []
        if not self._counts_steps:
            self._drop(held)
            return
        for one in held:
            self._send(one.measurement.steps_before + (self._shift or 0) + 1, one)

    def _drop(self, several: list[_Pending]) -> None:
        for one in several:
            self._changes += one.changes
        self._has_dropped = self._has_dropped or bool(several)

    def _warn_dropped(self) -> None:
        if self._has_dropped and not self._has_warned:
            self._has_warned = True
            warnings.warn(
                "only the last of several measurements between two logs is kept: logged steps do not count optimiser "
                "steps, so the others have no step of their own. To keep all, pass the number of optimiser steps as "
                "log(…, step=); to measure less often, pass a larger `every` to watch",
                stacklevel=depth_of_caller(),
            )

    def _send(self, step: int, one: _Pending) -> None:
        changes, self._changes = [*self._changes, *one.changes], []
        if changes:
            self._write_changes(step, changes)
        one.measurement.seal()
        with self._lock:
            self._sent.append((step, one.measurement))
        self.resolve()

    def resolve(self, wait: bool = False) -> None:
        """Write the measurements that have arrived from their devices; also called at every beat."""
        with self._lock:
            while self._sent and (wait or self._sent[0][1].is_ready()):
                step, measurement = self._sent.pop(0)
                rows = measurement.rows()
                self._run.put_row("layer", rows.keys, step, rows.values, measurement.time)
                self._run.put_bins(rows.bins_keys, step, rows.bins)

    def close(self) -> None:
        """Write everything, waiting for devices."""
        if not self._n_logs:
            self._shift, self._counts_steps = -1, True
        self._decide()
        self._release()
        self.resolve(wait=True)
        self._warn_dropped()
