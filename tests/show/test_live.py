"""The live channel."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable

import pytest
from starlette.testclient import WebSocketTestSession

from netscope.show.live import Channel
from netscope.show.workspace import Workspace
from netscope.store.store import Store
from tests.waiting import PATIENCE_S, until

LIVE = "ws://127.0.0.1:6060/api/live"


def growth(socket: WebSocketTestSession) -> dict:
    """The next message about growth; others are about jobs, such as the reading of a large folder."""
    while "grew" not in (message := json.loads(socket.receive_text())):
        pass
    return message


def test_a_page_gets_the_revision_at_once(write, show):
    write("a").end()
    shown = show()
    with shown.client.websocket_connect(LIVE) as socket:
        message = json.loads(socket.receive_text())
        assert message["type"] == "grew"
    assert message["revision"] == shown.store.revision


def test_a_page_is_notified_that_a_run_grew_and_finds_the_point(write, show):
    run = write("a").curve("loss", [1, 2])
    shown = show()
    with shown.client.websocket_connect(LIVE) as socket:
        socket.receive_text()
        run.log({"loss": 3}, 2)
        assert growth(socket)["grew"] == ["a"]
        [(_, _, y)] = shown.series(["a"], ["loss"])
    assert y.tolist() == [1, 2, 3]


def test_a_page_is_notified_of_new_and_deleted_runs(write, show):
    write("a").end()
    shown = show()
    with shown.client.websocket_connect(LIVE) as socket:
        first = growth(socket)["revision"]
        write("b").end()
        second = growth(socket)["revision"]
        shown.client.post("/api/runs/delete", json={"runs": ["a"]})
        third = growth(socket)["revision"]
    assert first < second < third
    assert shown.client.get("/api/runs", params={"since": second}).json()["removed"] == ["a"]


def test_many_changes_are_one_message(write, show):
    runs = [write(f"r{i}").curve("loss", [1]) for i in range(20)]
    shown = show()
    n_messages, grew = 0, set()
    with shown.client.websocket_connect(LIVE) as socket:
        socket.receive_text()
        for step in range(1, 20):
            for run in runs:
                run.log({"loss": step}, step)
        while len(grew) < 20:
            grew |= set(growth(socket)["grew"])
            n_messages += 1
    assert n_messages < 20  # fewer than runs that grew, however slowly they grew


class SlowSocket:
    """A browser that connects, then reads nothing until allowed; it records messages about growth."""

    def __init__(self) -> None:
        self.may_read = asyncio.Event()
        self.may_leave = asyncio.Event()
        self.heard: list[dict] = []

    async def accept(self) -> None: ...

    async def receive(self) -> dict:
        await self.may_leave.wait()
        return {"type": "websocket.disconnect"}

    async def send_text(self, text: str) -> None:
        await self.may_read.wait()
        if "grew" in (message := json.loads(text)):  # others are about jobs
            self.heard.append(message)


@pytest.mark.parametrize("n_slow", [1, 5])
def test_a_sleeping_page_delays_nobody_and_gets_one_message_for_all_changes(folder, write, n_slow):
    runs = [write(f"r{i}").curve("loss", [1]) for i in range(3)]

    async def scene() -> None:
        with Store(folder) as store:
            store.refresh(None)
            channel = Channel(Workspace([store]))
            slow = [SlowSocket() for _ in range(n_slow)]
            quick = SlowSocket()
            quick.may_read.set()
            async with channel.watching():
                serving = [asyncio.create_task(channel.serve(socket)) for socket in (*slow, quick)]
                for step in range(1, 4):
                    for run in runs:
                        run.log({"loss": 1}, step)
                    n_heard = len(quick.heard)
                    await soon(lambda n_heard=n_heard: len(quick.heard) > n_heard)
                await soon(lambda: heard_of(quick) == {"r0", "r1", "r2"})
                for socket in slow:
                    assert not socket.heard
                    socket.may_read.set()
                for socket in slow:
                    await soon(lambda socket=socket: heard_of(socket) == {"r0", "r1", "r2"})
                    assert len(socket.heard) <= 2
                for socket in (*slow, quick):
                    socket.may_leave.set()
                await asyncio.wait_for(asyncio.gather(*serving), PATIENCE_S)
                assert not channel.pages

    asyncio.run(scene())


async def soon(is_so: Callable[[], bool]) -> None:
    """Run the channel until the condition holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not is_so():
            await asyncio.sleep(0.02)


def heard_of(socket: SlowSocket) -> set[str]:
    return {run for message in socket.heard for run in message["grew"]}


def test_heartbeats_are_sent_without_changes(folder, monkeypatch):
    monkeypatch.setattr("netscope.show.live.HEARTBEAT_S", 0.1)

    async def scene() -> None:
        with Store(folder) as store:
            channel, socket = Channel(Workspace([store])), SlowSocket()
            socket.may_read.set()
            async with channel.watching():
                serving = asyncio.create_task(channel.serve(socket))
                await soon(lambda: len(socket.heard) >= 3)
                socket.may_leave.set()
                await serving

    asyncio.run(scene())


def test_a_folder_that_vanishes_and_comes_back_is_followed_again(folder, write, show):
    run = write("a").curve("loss", [1])
    shown = show()
    folder.rename(folder.with_name("elsewhere"))
    time.sleep(0.5)
    folder.with_name("elsewhere").rename(folder)
    run.log({"loss": 2}, 1)
    until(lambda: shown.client.get("/api/runs/a").status_code == 200)
    until(lambda: len(shown.series(["a"], ["loss"])[0][1]) == 2)
