"""Long work of the server: exports and the like."""

from __future__ import annotations

from typing import Literal

from netscope.schema.noun import Noun

JobKind = Literal["export", "index", "values", "comparison"]
"""Write series to a file; read a large folder for the first time; run a model and measure its values; compare the
weights of two models."""
JobState = Literal["waiting", "running", "done", "failed", "cancelled"]


class Job(Noun):
    """Work that takes longer than a reply may."""

    id: str
    kind: JobKind
    title: str
    """What it works on, in a few words."""
    state: JobState
    done: int
    total: int
    """`done` of `total` units are done; 0 while the total is unknown."""
    unit: str
    """What `done` and `total` count: "series", "runs", "bytes"."""
    error: str
    """Why it failed, or ''."""
    file: str
    """Name of the file that GET /api/jobs/{job}/file gives once it is done, or ''."""
    created: float
    """Unix seconds."""


class Jobs(Noun):
    """All jobs since the server began, oldest first."""

    jobs: list[Job]


class ExportRequest(Noun):
    """Every point of some series as a file."""

    runs: list[str]
    keys: list[str]
    """Empty: all that the user logged as numbers."""
    format: Literal["csv", "parquet"] = "csv"
    smooth: float = 0.0
    """Also the moving average with this weight; 0: none."""
