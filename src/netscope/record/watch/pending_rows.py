"""From finished measurements to rows: under which step, and when their numbers have come from the device.

A measurement belongs to the step of the next `log` of the thread that trained. Where optimiser steps without a `log`
lie between, and the logs show that the user's steps count the optimiser's, its step is counted; else only the newest of
them has a step, and the others are not written, which is said.
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
"""Measurements held for a first `log`; after that, steps are the optimiser's."""
MOST_HELD = 50
"""Measurements held for a second `log`, which tells whether the first one's step counted the optimiser's."""


_trainers: weakref.WeakKeyDictionary[Recorder, set[int]] = weakref.WeakKeyDictionary()


class LogThread:
    """Decides whose `log` a measurement waits for: that of the thread that trained or, if it never logs, another's."""

    def __init__(self, run: Recorder) -> None:
        """No thread has trained or logged yet."""
        self._trainers = _trainers.setdefault(run, set())  # of all watches of the run
        self._trainer: int | None = None
        self._loggers: set[int] = set()
        self._n_others = 0

    def trains(self, thread: int | None) -> None:
        """A thread made a step; None: one of torch's own, which logs nothing."""
        if thread != self._trainer:
            self._trainer = thread
            if thread is not None:
                self._trainers.add(thread)

    def is_mine(self) -> bool:
        """Whether a log of the current thread is for what was trained."""
        me = threading.get_ident()
        self._loggers.add(me)
        if self._trainer is None or me == self._trainer:
            return True
        if me in self._trainers or self._trainer in self._loggers:
            return False
        self._n_others += 1  # perhaps the trainer is about to log for the first time
        return self._n_others > 1


class _Held(NamedTuple):
    measurement: Measurement
    changes: list[LayerChange]


class Writing:
    """The way of one watch's measurements into the run."""

    def __init__(self, run: Recorder, tell_changes: Callable[[int, list[LayerChange]], None]) -> None:
        """Write into `run`; `tell_changes` is called with the step at which layers were seen to have changed."""
        self._run = run
        self._tell_changes = tell_changes
        self._held: list[_Held] = []  # wait for a step; the newest last
        self._undecided: list[_Held] = []  # of before the first log, which does not tell what steps count
        self._coming: list[tuple[int, Measurement]] = []  # wait for their device
        self._shift: int | None = None  # the user's step minus the number of the optimiser's steps, at the last log
        self._first_step: int | None = None  # of the first log, if the newest of what is undecided is for it
        self._n_logs = 0
        self._counts_steps = False  # whether the user's steps count the optimiser's
        self._changes: list[LayerChange] = []
        self._has_dropped = self._has_said = False
        self._lock = threading.RLock()  # a signal's handler may log while its own thread writes

    def take(self, measurement: Measurement, changes: list[LayerChange]) -> None:
        """Hold a measurement until the next `log` tells its step."""
        if self._counts_steps or self._n_logs > 1:
            self._release()
        self._held.append(_Held(measurement, changes))
        if not self._n_logs and len(self._held) > PATIENCE:
            self._shift, self._counts_steps = -1, True
            self._release()
        elif len(self._held) > MOST_HELD:
            self._drop([self._held.pop(0)])
        self.resolve()

    def logged(self, step: int, n_steps: int) -> None:
        """A log came, after so many optimiser steps."""
        if not self._held:
            return
        shift = step - n_steps
        self._n_logs += 1
        self._counts_steps = shift == self._shift or shift in (-1, 0)
        self._shift = shift
        self._decide()
        is_just_before = self._held[-1].measurement.steps_before == n_steps - 1
        *older, last = self._held
        if is_just_before:
            self._held = older
        if self._counts_steps:
            self._release()
        elif self._n_logs == 1:
            self._undecided, self._held = self._held, []
            self._first_step = None if is_just_before else step
        else:
            self._held = []
            self._drop(older)
        if is_just_before or (self._n_logs > 1 and not self._counts_steps):
            self._send(step, last)
        self._say_dropped()

    def _decide(self) -> None:
        """Whether the first log's step counted the optimiser's is known now."""
        undecided, self._undecided = self._undecided, []
        if self._counts_steps:
            self._held = [*undecided, *self._held]
        elif undecided:
            if self._first_step is not None:
                self._send(self._first_step, undecided.pop())
            self._drop(undecided)

    def _release(self) -> None:
        """What no log came for is written under the counted step, or dropped."""
        held, self._held = self._held, []
        if not self._counts_steps:
            self._drop(held)
            return
        for one in held:
            self._send(one.measurement.steps_before + (self._shift or 0) + 1, one)

    def _drop(self, several: list[_Held]) -> None:
        for one in several:
            self._changes += one.changes
        self._has_dropped = self._has_dropped or bool(several)

    def _say_dropped(self) -> None:
        if self._has_dropped and not self._has_said:
            self._has_said = True
            warnings.warn(
                "of several measurements between two logs only the last one is kept: the steps of `log` do not count "
                "the optimiser's, so the others have no step of their own. To keep all, log(…, step=) the number of "
                "optimiser steps; to measure no more than that, give watch a larger `every`",
                stacklevel=depth_of_caller(),
            )

    def _send(self, step: int, one: _Held) -> None:
        changes, self._changes = [*self._changes, *one.changes], []
        if changes:
            self._tell_changes(step, changes)
        one.measurement.seal()
        with self._lock:
            self._coming.append((step, one.measurement))
        self.resolve()

    def resolve(self, wait: bool = False) -> None:
        """Write what has come from the devices; called on the run's beat too."""
        with self._lock:
            while self._coming and (wait or self._coming[0][1].is_ready()):
                step, measurement = self._coming.pop(0)
                rows = measurement.rows()
                self._run.put_row("layer", rows.keys, step, rows.values, measurement.time)
                self._run.put_bins(rows.bins_keys, step, rows.bins)

    def close(self) -> None:
        """Write everything; waits for devices."""
        if not self._n_logs:
            self._shift, self._counts_steps = -1, True
        self._decide()
        self._release()
        self.resolve(wait=True)
        self._say_dropped()
