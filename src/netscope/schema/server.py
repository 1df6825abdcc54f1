"""The server itself: what it is, what it refused, and what grew."""

from __future__ import annotations

from netscope.schema.job import Job
from netscope.schema.noun import Noun


class About(Noun):
    """What this server is."""

    version: str
    folders: list[str]
    """Folders of runs that it shows."""
    names: list[str]
    """Short names of the folders, all different; those of `Run.folder` if there are several."""
    writable: bool
    """Whether runs of any folder can be edited and deleted."""
    n_runs: int
    index: str
    """Where the index lives: "sqlite" or "postgresql", or "memory" for a folder that cannot be written."""
    token: str
    """The header X-Netscope-Token of requests that change something; a new one with every start of the server."""


class Problem(Noun):
    """Body of every reply that is not a success."""

    error: str
    """What was found, what was expected, and what to do."""


class Grew(Noun, tag="grew"):
    """Runs grew. Also sent after 10 s without changes, to show that the server is still there."""

    revision: int
    """Of the whole store: ask GET /api/runs?since= for what changed."""
    grew: list[str]
    """Runs whose series, console or assets grew since the last message."""


class JobChanged(Noun, tag="job"):
    """A job began, went on or ended."""

    job: Job


Live = Grew | JobChanged
"""A message on the live channel (WebSocket /api/live), server to page."""
