"""The live channel: one task polls the runs, every page gets at most five messages a second.

Pending changes of a page are sets of runs and jobs, not a queue: a slow page, or a browser that sleeps for an hour,
gets each once when it is back and delays nobody else.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import anyio.to_thread
import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect

from netscope.errors import NetscopeError
from netscope.schema.job import Job
from netscope.schema.server import Grew, JobChanged
from netscope.show.memory import give_back
from netscope.show.workspace import Workspace

POLL_S = 0.2
IDLE_POLL_S = 1.0  # no page is open
HEARTBEAT_S = 10.0
WORTH_RETURNING = 4 << 20  # bytes of journals; reading them takes a few times as much memory for a moment
_log = logging.getLogger(__name__)


class Page:
    """One open page and the changes it has not received."""

    def __init__(self) -> None:
        """No changes are pending."""
        self.grew: set[str] = set()
        self.jobs: dict[str, Job] = {}
        self.news = asyncio.Event()


class Channel:
    """Sends changes to pages."""

    def __init__(self, workspace: Workspace) -> None:
        """Watch this workspace."""
        self.runs, self.jobs = workspace.runs, workspace.jobs
        self.pages: set[Page] = set()
        self._revision = self.runs.revision
        self._arrived = asyncio.Event()

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Follow runs and jobs until the block ends."""
        loop = asyncio.get_running_loop()

        def changed(job: Job) -> None:
            with suppress(RuntimeError):  # the server has stopped
                loop.call_soon_threadsafe(self._tell_of, job)

        self.jobs.changed = changed
        watcher = asyncio.create_task(self._watch(), name="netscope live")
        try:
            yield
        finally:
            watcher.cancel()
            self.jobs.changed = lambda job: None
            with suppress(asyncio.CancelledError):
                await watcher

    async def _watch(self) -> None:
        returned = 0
        while True:
            try:
                self._publish(await anyio.to_thread.run_sync(self.runs.refresh))
                self.jobs.report("index", "", *self.runs.reading, "runs")
                if not self.runs.is_behind and self.runs.bytes_read > returned + WORTH_RETURNING:
                    await anyio.to_thread.run_sync(give_back)
                    returned = self.runs.bytes_read
            except (NetscopeError, OSError) as error:  # a missing folder may come back
                _log.warning("following the runs: %s", error)
            with suppress(TimeoutError):
                self._arrived.clear()
                await asyncio.wait_for(self._arrived.wait(), self._pause())

    def _pause(self) -> float:
        if self.runs.is_behind:  # a large folder is being read for the first time
            return 0.01
        return POLL_S if self.pages else IDLE_POLL_S

    def _publish(self, grew: set[str]) -> None:
        if not grew and self.runs.revision == self._revision:
            return
        self._revision = self.runs.revision
        for page in self.pages:
            page.grew |= grew
            page.news.set()

    def _tell_of(self, job: Job) -> None:
        for page in self.pages:
            page.jobs[job.id] = job
            page.news.set()

    async def serve(self, socket: WebSocket) -> None:
        """Serve one page until it disconnects."""
        await socket.accept()
        page = Page()
        self.pages.add(page)
        self._arrived.set()
        telling = asyncio.create_task(self._tell(socket, page))
        listening = asyncio.create_task(_until_disconnect(socket))
        try:
            await asyncio.wait((telling, listening), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.pages.discard(page)
            for task in (telling, listening):
                task.cancel()
                with suppress(asyncio.CancelledError, WebSocketDisconnect, RuntimeError):
                    await task

    async def _tell(self, socket: WebSocket, page: Page) -> None:
        while True:
            page.news.clear()
            grew, page.grew = sorted(page.grew), set()
            jobs, page.jobs = page.jobs, {}
            for message in (*map(JobChanged, jobs.values()), Grew(self.runs.revision, grew)):
                await socket.send_text(msgspec.json.encode(message).decode())
            await asyncio.sleep(POLL_S)
            with suppress(TimeoutError):
                await asyncio.wait_for(page.news.wait(), HEARTBEAT_S)


async def _until_disconnect(socket: WebSocket) -> None:
    """Wait until the page disconnects. Pages send nothing."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass
