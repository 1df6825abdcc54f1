"""From finished measurements to rows: under which step, and when their numbers have come from the device.

A measurement belongs to the step of the next `log`. Where several measurements lie between two logs, the step is
counted on from the optimiser's steps, provided that the logs showed that the user counts likewise; else only the newest
is kept.
"""

from __future__ import annotations

import threading

from netscope.record.watch_measure import Measurement
from netscope.record.watch_rows import Recorder

PATIENCE = 10
"""Measurements held for a first `log`; after that, steps are the optimiser's."""


class Writing:
    """The way of one watch's measurements into the run."""

    def __init__(self, run: Recorder) -> None:
        """Write into `run`."""
        self._run = run
        self._held: list[Measurement] = []  # wait for a step; the newest last
        self._coming: list[tuple[int, Measurement]] = []  # wait for their device
        self._asked = False
        self._offset: int | None = None  # the user's step minus the optimiser's, at the last log
        self._is_steady = False
        self._lock = threading.Lock()

    def take(self, measurement: Measurement) -> None:
        """Hold a measurement until the next `log` tells its step."""
        if self._held and self._offset is not None:
            self._release(self._offset)
        self._held.append(measurement)
        if len(self._held) > PATIENCE:
            self._is_steady = True
            self._release(0)
        if not self._asked:
            self._asked = True
            self._run.pending.append(self.logged)
        self.resolve()

    def logged(self, step: int) -> None:
        """Called by the run's next `log` with its step."""
        self._asked = False
        if not self._held:
            return
        offset = step - self._held[-1].steps_before
        self._is_steady = offset == self._offset or abs(offset) <= 1
        self._offset = offset
        newest = self._held.pop()
        self._release(offset)
        self._send(step, newest)

    def _release(self, offset: int) -> None:
        """Write what no log came for."""
        held, self._held = self._held, []
        for measurement in held if self._is_steady else ():
            self._send(measurement.steps_before + offset, measurement)

    def _send(self, step: int, measurement: Measurement) -> None:
        measurement.seal()
        with self._lock:
            self._coming.append((step, measurement))
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
        if self._offset is None:
            self._is_steady = True
        self._release(self._offset or 0)
        self.resolve(wait=True)
