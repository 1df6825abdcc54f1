"""Models over HTTP: the list, summaries, graphs, uploads, and the networks of runs."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from starlette.testclient import TestClient

from netscope.models.builder import GraphBuilder
from netscope.models.child import open_in_child
from netscope.models.model import Model
from netscope.models.open import open_model
from netscope.models.pack import pack, unpack
from netscope.models.summary import summary
from netscope.schema.model import ModelInfo, Models, ModelSummary
from netscope.show.app import application
from netscope.show.models import ABANDONED_S, Shelf, file_name
from netscope.show.workspace import Workspace
from netscope.store.journal import blobs
from netscope.store.store import Store
from tests.models import protobuf_files
from tests.models.onnx_files import LIGHT
from tests.store.journals import Script

NET = LIGHT / "light_squeezenet.onnx"
OOM = "/proc/self/oom_score_adj"


class Site:
    """A server with a shelf."""

    def __init__(self, tmp_path: Path) -> None:
        (tmp_path / "runs").mkdir()
        self.shelf = Shelf(tmp_path / "uploads")
        self.workspace = Workspace([Store(tmp_path / "runs")], models=self.shelf)
        self.app = application(self.workspace)
        self.client = TestClient(self.app, base_url="http://127.0.0.1:6060")
        self.token = {"X-Netscope-Token": self.app.state.token}

    def models(self) -> list[ModelInfo]:
        return msgspec.json.decode(self.client.get("/api/models").content, type=Models).models

    def upload(self, data: Any, name: str, **headers: str) -> Any:
        return self.client.post("/api/models", params={"name": name}, content=data, headers={**self.token, **headers})


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    with made.client:
        yield made
    made.workspace.close()


def test_a_file_is_listed_and_its_graph_is_the_one_that_python_opens(site: Site) -> None:
    model_id = site.shelf.add(NET)
    found = unpack(site.client.get(f"/api/models/{model_id}/graph").content)
    assert found == open_model(NET)
    told = msgspec.json.decode(site.client.get(f"/api/models/{model_id}").content, type=ModelSummary)
    assert told == summary(found)
    (info,) = site.models()
    assert (info.id, info.name, info.state, info.source) == (model_id, NET.name, "ready", "file")
    assert (info.format, info.nodes, info.tensors, info.bytes) == ("ONNX", 105, 52, NET.stat().st_size)


def test_the_id_of_a_file_stays_the_same(site: Site, tmp_path: Path) -> None:
    other = Shelf(tmp_path / "other")
    assert other.add(NET.parent / "." / NET.name) == site.shelf.add(NET)
    other.close()


def test_a_browser_that_has_the_graph_gets_no_bytes(site: Site) -> None:
    address = f"/api/models/{site.shelf.add(NET)}/graph"
    tag = site.client.get(address).headers["ETag"]
    assert site.client.get(address, headers={"If-None-Match": tag}).status_code == 304


def test_a_file_that_changes_is_read_again(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(NET.read_bytes())
    model_id = site.shelf.add(path)
    assert unpack(site.client.get(f"/api/models/{model_id}/graph").content).graph.n_nodes == 105
    path.write_bytes((LIGHT / "light_bvlc_alexnet.onnx").read_bytes())
    assert unpack(site.client.get(f"/api/models/{model_id}/graph").content).graph.n_nodes != 105


def test_a_file_that_cannot_be_read_says_why(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("just words")
    reply = site.client.get(f"/api/models/{site.shelf.add(path)}/graph")
    assert reply.status_code == 422
    assert "a text that begins 'just words'" in reply.json()["error"]
    (info,) = site.models()
    assert info.state == "failed"
    assert info.problem == reply.json()["error"]


def test_an_unknown_model_is_not_found(site: Site) -> None:
    assert site.client.get("/api/models/0123/graph").status_code == 404


def test_an_upload_is_kept_and_shown(site: Site, tmp_path: Path) -> None:
    reply = site.upload(NET.read_bytes(), "my net.onnx")
    info = msgspec.json.decode(reply.content, type=ModelInfo)
    assert (info.name, info.state, info.source, info.nodes) == ("my net.onnx", "ready", "upload", 105)
    assert site.models() == [info]
    again = msgspec.json.decode(site.upload(NET.read_bytes(), "my net.onnx").content, type=ModelInfo)
    assert again.id == info.id  # the same bytes
    later = Shelf(tmp_path / "uploads")  # of another server
    (listed,) = later.list()
    assert (listed.id, listed.name, listed.state) == (info.id, "my net.onnx", "stored")
    assert later.entry(info.id).opened.result().summary.nodes == 105
    assert later.list() == [info]
    later.close()


def test_an_upload_comes_in_parts(site: Site) -> None:
    whole = NET.read_bytes()
    reply = site.upload((whole[i : i + 999] for i in range(0, len(whole), 999)), "net.onnx")
    assert reply.json()["nodes"] == 105


def test_an_upload_needs_the_token(site: Site) -> None:
    reply = site.client.post("/api/models?name=x.onnx", content=NET.read_bytes())
    assert reply.status_code == 403
    assert site.models() == []


def test_an_upload_that_is_too_large_is_refused_before_and_while_it_comes(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("netscope.show.models.LARGEST_UPLOAD_BYTES", 1000)
    assert site.client.get("/api/models").json()["largest_upload_bytes"] == 1000
    assert site.upload(b"x" * 1001, "net.onnx").status_code == 413
    reply = site.upload((b"x" * 600 for _ in range(2)), "net.onnx")
    assert reply.status_code == 400
    assert "larger than the 1,000 bytes" in reply.json()["error"]
    assert list((tmp_path / "uploads").iterdir()) == []


def test_an_upload_that_breaks_off_leaves_nothing_and_is_no_failure_of_the_server(site: Site, tmp_path: Path) -> None:
    site.client.get("/api/about")
    come = iter([{"type": "http.request", "body": b"half", "more_body": True}, {"type": "http.disconnect"}])
    headers = [(b"host", b"127.0.0.1:6060"), (b"x-netscope-token", site.app.state.token.encode())]
    scope = {
        "type": "http", "method": "POST", "path": "/api/models", "raw_path": b"/api/models", "root_path": "",
        "query_string": b"name=net.onnx", "headers": headers, "scheme": "http", "http_version": "1.1",
        "server": ("127.0.0.1", 6060), "client": ("127.0.0.1", 50_000),
    }  # fmt: skip
    sent: list[Any] = []

    async def ask() -> None:
        async def receive() -> Any:
            return next(come)

        async def send(message: Any) -> None:
            sent.append(message)

        await site.app(scope, receive, send)

    anyio.run(ask)
    assert sent[0]["status"] == 400
    assert list((tmp_path / "uploads").iterdir()) == []


def test_an_empty_upload_is_refused(site: Site, tmp_path: Path) -> None:
    assert site.upload(b"", "net.onnx").status_code == 400
    assert list((tmp_path / "uploads").iterdir()) == []


def test_uploads_make_room_for_each_other(site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("netscope.show.models.LARGEST_KEPT_BYTES", NET.stat().st_size + 10)
    site.upload(b"first", "a.txt")
    site.upload(b"some more than ten", "b.txt")
    site.upload(NET.read_bytes(), "c.onnx")
    assert [path.name for path in (tmp_path / "uploads").glob("*/*")] == ["c.onnx"]


def test_an_upload_that_a_killed_server_left_is_removed_after_a_day(site: Site, tmp_path: Path) -> None:
    (tmp_path / "uploads").mkdir()
    for name, age_s in (("old", ABANDONED_S + 60), ("new", 60)):
        part = tmp_path / "uploads" / f".{name}"
        part.write_bytes(b"half of it")
        os.utime(part, (time.time() - age_s,) * 2)
    site.upload(NET.read_bytes(), "net.onnx")
    assert [path.name for path in (tmp_path / "uploads").iterdir() if path.is_file()] == [".new"]


def test_the_folder_of_a_saved_model_is_shown_under_its_name(site: Site, tmp_path: Path) -> None:
    folder = tmp_path / "digits"
    folder.mkdir()
    (folder / "saved_model.pb").write_bytes(protobuf_files.saved_model())
    model_id = site.shelf.add(folder)
    assert site.client.get(f"/api/models/{model_id}").json()["format"] == "TensorFlow SavedModel"
    assert [model.name for model in site.models()] == ["digits"]


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b\\c.onnx", "..", "", "é" * 400, "x\0y", ".hidden"])
def test_no_name_leads_out_of_the_folder(name: str, tmp_path: Path) -> None:
    path = tmp_path / file_name(name)
    path.write_bytes(b"")
    assert path.parent.resolve() == tmp_path.resolve()


def test_a_server_that_stops_gives_up_what_it_reads(tmp_path: Path) -> None:
    given_up: Future[bool] = Future()

    def slow(path: Path, stopped: Any) -> Any:
        given_up.set_result(stopped.wait(60))
        raise RuntimeError

    shelf = Shelf(tmp_path / "uploads", slow)
    shelf.add(NET)
    shelf.close()
    assert given_up.result(60)


def test_the_version_of_a_reply_is_that_of_the_file_that_was_read(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(NET.read_bytes())
    shelf = Shelf(tmp_path / "uploads")
    model_id = shelf.add(path)
    entry = shelf.entry(model_id)
    os.utime(path, ns=(1, 1))  # written again while it is read
    assert entry.version != shelf.entry(model_id).version == (1, path.stat().st_size)
    assert entry.opened.result().summary.nodes == 105
    shelf.close()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel enforces it on Linux")
@pytest.mark.parametrize(
    ("act", "said"), [("bytearray(2 << 30)", "and 1 GiB of memory; is the file damaged?"), ("iter(int, 1)", "")]
)
def test_a_file_that_needs_too_much_memory_or_time_ends_its_process(tmp_path: Path, act: str, said: str) -> None:
    code = f"""
from netscope.models import child, limits
child.limits_of = lambda path: limits.Limits(1, 1 << 30)
child.open_model = lambda path: sum({act})
child.main({str(tmp_path / "net.json")!r})
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert said in done.stdout if said else done.returncode == -signal.SIGXCPU


def network(op: str) -> bytes:
    builder = GraphBuilder()
    builder.add_node(op, [], [])
    return pack(Model("net", "PyTorch", builder.build()))


def test_the_network_of_a_run_is_the_newest_that_it_logged(site: Site, tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "a"
    script = Script()
    for step, op in ((0, "Linear"), (9, "Conv2d"), (5, "ReLU")):
        packed = network(op)
        script.asset(step, "graph", kind="graph", blob=blobs.write(folder, packed, "safetensors"), n=len(packed))
    script.end().write(folder)
    Script(name="without").end().write(tmp_path / "runs" / "b")
    site.workspace.runs.refresh(None)
    found = unpack(site.client.get("/api/runs/a/graph").content).graph
    assert [node.op for node in found.nodes] == ["Conv2d"]
    reply = site.client.get("/api/runs/b/graph")
    assert reply.status_code == 404
    assert "run.graph(" in reply.json()["error"]
    shutil.rmtree(folder / blobs.FOLDER)
    reply = site.client.get("/api/runs/a/graph")
    assert reply.status_code == 404
    assert "are gone" in reply.json()["error"]


@pytest.mark.skipif(not os.access(OOM, os.W_OK), reason="Linux only")
def test_the_process_that_reads_a_model_is_the_first_to_go_if_memory_runs_out() -> None:
    code = f"from netscope.models.child import main; main({str(NET)!r}); print(open({OOM!r}).read())"  # to stderr
    child = subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert child.stderr.split()[-1] == "1000"


def test_python_files_beside_a_model_are_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("numpy.py", "onnx.py", "netscope.py"):
        (tmp_path / name).write_text("raise SystemExit('executed')")
    path = tmp_path / "net.onnx"
    path.write_bytes(NET.read_bytes())
    monkeypatch.chdir(tmp_path)
    assert open_in_child(path).summary.nodes == 105
