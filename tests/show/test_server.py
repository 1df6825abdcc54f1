"""A real server: `netscope show` in its own process, a training process beside it, a client over TCP."""

from __future__ import annotations

import http.client
import json
import logging
import re
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from websockets.sync.client import ClientConnection, connect

from netscope.formats import safetensors
from netscope.schema.series import SeriesReply
from netscope.show.server import bind, serve_in_thread
from tests.waiting import PATIENCE_S, until

TRAIN = """
import sys, time
import netscope
run = netscope.init(dir=sys.argv[1], name="training", watch_system=False, console=False)
print(run.id, flush=True)
for step, line in enumerate(sys.stdin):
    run.log({"loss": float(line)}, step=step)
run.finish()
"""


class Server:
    """`netscope show` and how to reach it."""

    def __init__(self, folder: Path, *options: str) -> None:
        command = [sys.executable, "-m", "netscope.cli", "show", str(folder), "--no-browser", *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.said = self.line()
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", self.said)
        assert found, self.said + (self.process.communicate(timeout=PATIENCE_S)[1] if self.process.poll() else "")
        self.port = int(found[1])

    def line(self) -> str:
        assert self.process.stdout
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE_S)
        return self.process.stdout.readline() if ready else ""

    def ask(self, method: str, path: str, body: object = None, token: str = "") -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        headers = {"Content-Type": "application/json", "X-Netscope-Token": token}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            reply = connection.getresponse()
            return reply.status, reply.read()
        finally:
            connection.close()

    def losses(self, run: str) -> list[float]:
        status, content = self.ask("POST", "/api/series", {"runs": [run], "keys": ["loss"]})
        if status != 200:
            return []
        arrays, metadata = safetensors.decode(content)
        return arrays["y"].tolist() if msgspec.json.decode(metadata["reply"], type=SeriesReply).series else []

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode


@pytest.fixture
def start(folder: Path) -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def started(*options: str) -> Server:
        servers.append(Server(folder, *options))
        return servers[-1]

    yield started
    for server in servers:
        server.stop()


class Training:
    """A training process that logs on command."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", TRAIN, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout
        self.run = self.process.stdout.readline().strip()

    def log(self, value: float) -> None:
        assert self.process.stdin
        self.process.stdin.write(f"{value}\n")
        self.process.stdin.flush()

    def end(self) -> None:
        self.process.communicate(timeout=PATIENCE_S)


def grew(page: ClientConnection) -> list[str]:
    """The runs of the next message about growth; others are about jobs."""
    while "grew" not in (message := json.loads(page.recv(timeout=PATIENCE_S))):
        pass
    return message["grew"]


def test_points_of_another_process_are_served_while_it_trains(folder, start):
    server = start("--port", "0")
    training = Training(folder)
    try:
        with connect(f"ws://127.0.0.1:{server.port}/api/live") as page:
            for i in range(5):
                training.log(i)
                until(lambda: training.run in grew(page))
                until(lambda i=i: server.losses(training.run) == list(range(i + 1)))
    finally:
        training.end()
    until(lambda: json.loads(server.ask("GET", f"/api/runs/{training.run}")[1])["run"]["state"] == "finished")


def test_two_servers_show_one_folder(folder, start, write):
    run = write("a").curve("loss", [1, 2])
    servers = [start("--port", "0") for _ in range(2)]
    for server in servers:
        until(lambda server=server: server.losses("a") == [1, 2])
    run.log({"loss": 3}, 2)
    for server in servers:
        until(lambda server=server: server.losses("a") == [1, 2, 3])
    token = json.loads(servers[0].ask("GET", "/api/about")[1])["token"]
    status, _ = servers[0].ask("POST", "/api/runs/edit", {"runs": ["a"], "name": "told once"}, token)
    assert status == 200
    until(lambda: json.loads(servers[1].ask("GET", "/api/runs/a")[1])["run"]["name"] == "told once")


def test_a_taken_port_becomes_the_next_free_one_with_a_message(start):
    with bind("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        server = start("--port", str(port))
        assert server.port > port
        assert f"port {port} is taken" in server.said
        assert server.ask("GET", "/api/about")[0] == 200


def test_ctrl_c_ends_it_cleanly_while_a_page_is_open(start):
    server = start("--port", "0")
    with connect(f"ws://127.0.0.1:{server.port}/api/live") as page:
        page.recv(timeout=PATIENCE_S)
        server.process.send_signal(signal.SIGINT)
        _, said = server.process.communicate(timeout=PATIENCE_S)
    assert server.process.returncode == 0
    assert "Traceback" not in said


def test_a_client_that_sends_nonsense_does_not_affect_others(start):
    server = start("--port", "0")
    for nonsense in (
        b"\x16\x03\x01" * 50,
        b"GET / HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"GET /\0 HTTP/1.1\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S) as one:
            one.sendall(nonsense)
            one.shutdown(socket.SHUT_WR)
            one.recv(1000)
    assert server.ask("GET", "/api/about")[0] == 200


@pytest.mark.parametrize(
    "path", ["/../../../../etc/passwd", "/..%2f..%2f..%2fetc/passwd", "//etc/passwd", "/assets/../../app.py"]
)
def test_no_path_serves_other_files(start, path):
    status, content = start("--port", "0").ask("GET", path)
    assert b"root:" not in content
    assert b"ASGI" not in content
    assert status in (200, 404)


def test_a_server_in_a_thread_serves_until_it_is_stopped(folder, write):
    write("a").end()
    with serve_in_thread(folder) as serving:
        port = int(serving.url.rstrip("/").rpartition(":")[2])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
        connection.request("GET", "/api/about")
        assert connection.getresponse().status == 200
        connection.close()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=1).close()


def test_a_server_does_not_close_the_log_file_of_the_training(tmp_path):
    (tmp_path / "runs").mkdir()
    handler = logging.FileHandler(tmp_path / "training.log", mode="w")
    logger = logging.getLogger("a training")
    logger.addHandler(handler)
    logger.error("before")
    with serve_in_thread(tmp_path / "runs"):
        logger.error("beside")
    logger.error("after")
    logger.removeHandler(handler)
    handler.close()
    assert (tmp_path / "training.log").read_text().split() == ["before", "beside", "after"]
