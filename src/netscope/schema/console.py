"""What the processes of a run printed."""

from __future__ import annotations

from typing import Literal

from netscope.schema.noun import Noun


class ConsoleLine(Noun, array_like=True):
    """One line that a process printed (time, stream, text, rank, process)."""

    time: float
    stream: Literal["out", "err"]
    text: str
    """As a terminal shows it; on the wire with the codes of its colours (SGR)."""
    rank: int | None = None
    process: str = ""
    """Which of `Console.processes` printed it."""


class Console(Noun):
    """A window of a run's console."""

    start: int
    total: int
    lines: list[ConsoleLine]
    processes: list[str] = []
    """Of the whole run: "main", "rank 1", or a process of another kind by its number and host, "4711 on host"."""
