"""Long-running work with progress, cancellation and a file as its result.

Jobs run in their own threads, so no page waits for them. A result is named by a digest of its inputs: the same request
reuses it.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import secrets
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from msgspec.structs import replace

from netscope.errors import NetscopeError, NotFoundError, StorageError
from netscope.schema.job import Job, JobKind
from netscope.store.index.database import cache_folder

AT_ONCE = 2
LARGEST_CACHE_BYTES = 2 << 30
KEPT = 50  # jobs that are over, in the list
TOLD_S = 0.2  # between two messages of one job
_log = logging.getLogger(__name__)


class Cancelled(Exception):
    """Raised in the work of a job that was cancelled."""


class Jobs:
    """The jobs of one server."""

    def __init__(self, folder: Path | None = None) -> None:
        """No jobs yet.

        Args:
            folder: Where files are kept; in the user's cache unless given.
        """
        self.changed: Callable[[Job], None] = lambda job: None
        """Called in any thread when a job starts, makes progress or ends."""
        self._folder = folder
        self._jobs: dict[str, Job] = {}
        self._files: dict[str, Path] = {}
        self._digests: dict[str, str] = {}
        self._cancelled: set[str] = set()
        self._told: dict[str, float] = {}
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None

    def list(self) -> list[Job]:
        """All jobs, oldest first."""
        with self._lock:
            return list(self._jobs.values())

    def get(self, job_id: str) -> Job:
        """One job.

        Raises:
            NotFoundError: There is none.
        """
        with self._lock:
            if job_id not in self._jobs:
                raise NotFoundError(f"no job {job_id[:100]!r}; the server may have restarted: start the job again")
            return self._jobs[job_id]

    def start(
        self, kind: JobKind, title: str, file: str, made_from: bytes, work: Callable[[Progress, Path], None]
    ) -> Job:
        """Start a job, or return the running one that does the same.

        Args:
            kind: Kind of work.
            title: What it works on.
            file: Name of the resulting file, with its suffix.
            made_from: Everything the file depends on.
            work: Writes the file; called in another thread.
        """
        digest = hashlib.blake2b(made_from, digest_size=16).hexdigest()
        with self._lock:
            for job in self._jobs.values():
                if self._digests.get(job.id) == digest and job.state in ("waiting", "running"):
                    return job
            job = Job(secrets.token_hex(6), kind, title, "waiting", 0, 0, "", "", file, time.time())
            self._forget_old()
            self._jobs[job.id], self._digests[job.id] = job, digest
            if self._pool is None:
                self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="netscope-job")
            future = self._pool.submit(self._run, job.id, digest, work)
        future.add_done_callback(lambda future: self._failed(job, future))
        return job

    def report(self, kind: JobKind, title: str, done: int, total: int, unit: str) -> None:
        """Report progress of work that the server does anyway; the job disappears when `done` reaches `total`."""
        with self._lock:
            job = next((j for j in self._jobs.values() if j.kind == kind and j.state == "running"), None)
            if job is None and done < total:
                self._forget_old()
                job = Job(secrets.token_hex(6), kind, title, "running", done, total, unit, "", "", time.time())
                self._jobs[job.id] = job
        if job is None:
            return
        self._put(job.id, state="done" if done >= total else "running", done=done, total=total)
        if done >= total:
            with self._lock:
                self._forget(job.id)

    def cancel(self, job_id: str) -> Job:
        """Cancel a job; a finished one stays as it is.

        Raises:
            NotFoundError: There is none.
        """
        job = self.get(job_id)
        with self._lock:
            self._cancelled.add(job_id)
        if job.state == "waiting":
            self._put(job_id, state="cancelled")
        return self.get(job_id)

    def file(self, job_id: str) -> Path:
        """The result of a job.

        Raises:
            NotFoundError: No such job, or it has made none.
        """
        job = self.get(job_id)
        path = self._files.get(job_id)
        if path is None or not path.is_file():
            raise NotFoundError(f"{job.file!r} is not available; the job is {job.state}: start it again")
        return path

    def close(self) -> None:
        """Cancel what runs and wait for it."""
        with self._lock:
            self._cancelled.update(self._jobs)
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(cancel_futures=True)

    def _run(self, job_id: str, digest: str, work: Callable[[Progress, Path], None]) -> None:
        if job_id in self._cancelled:
            return
        job = self.get(job_id)
        self._put(job_id, state="running")
        try:
            path = self._place() / f"{digest}{Path(job.file).suffix}"
            if not path.is_file():
                part = path.with_name(f".{digest}-{job_id}{path.suffix}")
                try:
                    work(Progress(self, job_id), part)
                    os.replace(part, path)
                finally:
                    with contextlib.suppress(OSError):
                        part.unlink()
            path.touch()
            self._files[job_id] = path
            self._make_room(path)
        except Cancelled:
            self._put(job_id, state="cancelled")
        except (NetscopeError, OSError) as error:
            why = error.strerror or str(error) if isinstance(error, OSError) else str(error)
            self._put(job_id, state="failed", error=why)
        else:
            self._put(job_id, state="done")

    def _failed(self, job: Job, future: Future[None]) -> None:
        """Mark a job as failed because of a defect."""
        error = None if future.cancelled() else future.exception()
        if error is not None:
            _log.error("job %r", job.title, exc_info=error)
            self._put(
                job.id, state="failed", error=f"the server failed: {type(error).__name__}; its log has the details"
            )

    def _put(self, job_id: str, **fields: object) -> None:
        with self._lock:
            before = self._jobs[job_id]
            job = self._jobs[job_id] = replace(before, **fields)
            now = time.monotonic()
            is_news = job.state != before.state or now - self._told.get(job_id, 0.0) > TOLD_S
            if job == before or not is_news:
                return
            self._told[job_id] = now
        self.changed(job)

    def _forget_old(self) -> None:
        over = [job.id for job in self._jobs.values() if job.state not in ("waiting", "running")]
        for job_id in over[: max(len(over) - KEPT + 1, 0)]:
            self._forget(job_id)

    def _forget(self, job_id: str) -> None:
        for table in (self._jobs, self._files, self._digests, self._told):
            table.pop(job_id, None)
        self._cancelled.discard(job_id)

    def _place(self) -> Path:
        if self._folder is None:
            cache = cache_folder()
            self._folder = Path(tempfile.mkdtemp(prefix="netscope-jobs-")) if cache is None else cache / "jobs"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"{self._folder} cannot be made: {error.strerror or error}") from error
        return self._folder

    def _make_room(self, keep: Path) -> None:
        """Remove the least recently used files while all together are too large."""
        files = [(path.stat().st_mtime, path.stat().st_size, path) for path in keep.parent.iterdir() if path != keep]
        room = LARGEST_CACHE_BYTES - keep.stat().st_size
        for _, size, path in sorted(files, reverse=True):
            room -= size
            if room < 0:
                with contextlib.suppress(OSError):
                    path.unlink()


class Progress:
    """Progress of a job, passed to its work."""

    def __init__(self, jobs: Jobs, job_id: str) -> None:
        """Of this job."""
        self._jobs, self._id = jobs, job_id

    def __call__(self, done: int, total: int, unit: str) -> None:
        """Report progress; call it often.

        Raises:
            Cancelled: The job was cancelled; do not catch it.
        """
        if self._id in self._jobs._cancelled:
            raise Cancelled
        self._jobs._put(self._id, done=done, total=total, unit=unit)
