"""The kinds of files that are followed as runs."""

from __future__ import annotations

from netscope.store.journal.follower import Follower
from netscope.store.journal.journal_follower import JournalFollower

Sources = tuple[type[Follower], ...]

JOURNALS: Sources = (JournalFollower,)
"""What netscope itself records."""

SOURCES: Sources = (*JOURNALS,)
"""All of them. The reader of another log is added here; the first whose `is_mine` is true reads a file."""
