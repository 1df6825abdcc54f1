"""Running a model over HTTP: what it takes, the job, its values, and what goes wrong in its process."""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from starlette.testclient import TestClient

import netscope
from netscope.errors import FormatError
from netscope.formats import safetensors
from netscope.frameworks.values import child
from netscope.schema.job import Job
from netscope.schema.values import InputFile, ModelRunner, ValuesRequest, ValuesSummary
from netscope.show.app import application
from netscope.show.models import Shelf
from netscope.show.workspace import Workspace
from netscope.store.store import Store
from tests.frameworks.test_values_onnx import net
from tests.waiting import until


class Site:
    """A server with one model."""

    def __init__(self, folder: Path) -> None:
        (folder / "runs").mkdir()
        self.path = net(folder)
        self.shelf = Shelf(folder / "uploads")
        self.workspace = Workspace([Store(folder / "runs")], models=self.shelf)
        self.model = self.shelf.add(self.path)
        self.client = TestClient(application(self.workspace), base_url="http://127.0.0.1:6060")
        self.client.headers["X-Netscope-Token"] = self.client.app.state.token  # type: ignore[attr-defined]

    def start(self, **request: Any) -> Job:
        reply = self.client.post(f"/api/models/{self.model}/values", json={"inputs": {}, **request})
        assert reply.status_code == 200, reply.text
        return msgspec.json.decode(reply.content, type=Job)

    def over(self, job: Job) -> Job:
        until(lambda: self.workspace.jobs.get(job.id).state not in ("waiting", "running"))
        return self.workspace.jobs.get(job.id)

    def upload(self, name: str, data: bytes) -> InputFile:
        reply = self.client.post("/api/inputs", params={"name": name}, content=data)
        return msgspec.json.decode(reply.content, type=InputFile)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    with made.client:
        yield made
    made.workspace.close()


def told(content: bytes) -> tuple[dict[str, np.ndarray], ValuesSummary]:
    arrays, metadata = safetensors.decode(content)
    return arrays, msgspec.json.decode(metadata["values"], type=ValuesSummary)


def test_what_a_model_takes_is_known_without_running_it(site: Site) -> None:
    reply = site.client.get(f"/api/models/{site.model}/runner")
    found = msgspec.json.decode(reply.content, type=ModelRunner)
    assert (found.runner, found.problem, found.runs_code) == ("onnxruntime", "", False)
    (one,) = found.inputs
    assert (one.name, one.dtype, one.shape, one.proposed) == ("x", "float32", ["n", 3, 8, 8], [1, 3, 8, 8])
    assert "image" in one.kinds
    assert site.workspace.jobs.list() == []


def test_a_job_runs_the_model_and_its_values_are_those_of_python(site: Site) -> None:
    job = site.over(site.start(seed=3))
    assert (job.state, job.error, job.unit) == ("done", "", "operations")
    arrays, summary = told(site.client.get(f"/api/jobs/{job.id}/values").content)
    expected = netscope.values(site.path, seed=3)
    assert arrays["value"].tolist() == list(expected.measured)
    assert summary.first_nan == expected.first_nan.index  # type: ignore[union-attr]
    assert [one.source for one in summary.given] == ["random"]
    for row, value in enumerate(arrays["value"].tolist()):
        assert arrays["mean"][row] == pytest.approx(expected[value].mean, nan_ok=True)
        assert arrays["histogram"][row].sum() == expected[value].histogram.sum()
    assert not any(name.startswith(("picture.", "kept.")) for name in arrays)


def test_pictures_and_whole_values_come_one_at_a_time(site: Site) -> None:
    job = site.over(site.start())
    arrays, _ = told(site.client.get(f"/api/jobs/{job.id}/values").content)
    conv = int(arrays["value"][1])
    found, _ = safetensors.decode(site.client.get(f"/api/jobs/{job.id}/values/{conv}/picture").content)
    assert found["picture"].shape == (8, 6, 6)
    whole = np.load(io.BytesIO(site.client.get(f"/api/jobs/{job.id}/values/{conv}/array").content))
    assert whole.shape == (1, 8, 6, 6)
    assert site.client.get(f"/api/jobs/{job.id}/values/99/array").status_code == 404


def test_a_value_that_is_too_large_to_be_kept_is_kept_on_request(site: Site) -> None:
    graph = netscope.open_model(site.path).graph
    large = next(value.index for value in graph.values if value.name == "c")
    inputs = {"x": {"shape": [9000, 3, 8, 8]}}  # 10 MB
    job = site.over(site.start(inputs=inputs))
    assert site.client.get(f"/api/jobs/{job.id}/values/{large}/array").status_code == 404
    job = site.over(site.start(inputs=inputs, keep=[large]))
    whole = np.load(io.BytesIO(site.client.get(f"/api/jobs/{job.id}/values/{large}/array").content))
    assert whole.shape == (9000, 8, 6, 6)


def test_an_uploaded_array_is_the_input(site: Site) -> None:
    file, x = io.BytesIO(), np.ones((2, 3, 8, 8), np.float32)
    np.save(file, x)
    sent = site.upload("../x.npy", file.getvalue())
    assert sent.name == "x.npy"
    job = site.over(site.start(inputs={"x": {"kind": "array", "file": sent.file}}))
    arrays, summary = told(site.client.get(f"/api/jobs/{job.id}/values").content)
    assert summary.given[0].source == "x.npy"
    assert (arrays["min"][0], arrays["max"][0], arrays["n"][0]) == (1, 1, x.size)


def test_an_input_that_does_not_fit_fails_the_job_with_a_sentence(site: Site) -> None:
    job = site.over(site.start(inputs={"x": {"shape": [1, 2]}}))
    assert job.state == "failed"
    assert job.error == "the input 'x' has 4 axes, got the shape [1, 2]"


def test_the_same_request_reuses_the_result_and_another_seed_does_not(site: Site) -> None:
    jobs = [site.over(site.start(seed=seed)) for seed in (0, 0, 1)]
    files = [site.workspace.jobs.file(job.id) for job in jobs]
    assert files[0] == files[1] != files[2]


def test_running_needs_the_token(site: Site) -> None:
    for path, body in [(f"/api/models/{site.model}/values", {"inputs": {}}), ("/api/inputs", {})]:
        assert site.client.post(path, json=body, headers={"X-Netscope-Token": "no"}).status_code == 403


def test_files_that_are_not_here_are_not_found(site: Site) -> None:
    for file in ("abc", "../../etc", "."):
        request = {"inputs": {"x": {"kind": "array", "file": file}}}
        assert site.client.post(f"/api/models/{site.model}/values", json=request).status_code == 404


def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Let the process that runs a model do something else."""
    script = tmp_path / "python"
    script.write_text(f"#!{sys.executable}\nimport os, sys, time\nprint('to stderr', file=sys.stderr)\n{code}\n")
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script))


def ran(path: Path, tmp_path: Path) -> None:
    child.run_in_child(path, ValuesRequest({}), {}, tmp_path / "result", lambda done, total, unit: None)


def test_a_process_that_exits_is_an_error_with_its_last_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, monkeypatch, "os._exit(3)")
    with pytest.raises(FormatError, match=r"running 'm.onnx' failed: its process ended with status 3: to stderr"):
        ran(tmp_path / "m.onnx", tmp_path)


def test_a_process_that_is_killed_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, monkeypatch, "os.kill(os.getpid(), 11)")
    with pytest.raises(FormatError, match="was ended by signal 11"):
        ran(tmp_path / "m.onnx", tmp_path)


def test_a_process_that_never_ends_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, monkeypatch, "while True: time.sleep(1)")
    monkeypatch.setattr(child, "PATIENCE_S", 1)
    with pytest.raises(FormatError, match="took longer than 1 s"):
        ran(tmp_path / "m.onnx", tmp_path)


def test_a_process_that_takes_too_much_memory_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, monkeypatch, "a = bytearray(1 << 24)\nwhile True: time.sleep(1)")
    monkeypatch.setattr(child, "LARGEST_SHARE", 1e-5)
    with pytest.raises(FormatError, match="of memory and was ended"):
        ran(tmp_path / "m.onnx", tmp_path)


def test_a_cancelled_job_ends_its_process(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, monkeypatch, f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\ntime.sleep(100)")
    job = site.start()
    until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text() != "")
    site.client.post(f"/api/jobs/{job.id}/cancel")
    assert site.over(job).state == "cancelled"
    pid = int((tmp_path / "pid").read_text())
    until(lambda: not _lives(pid))


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    time.sleep(0.05)
    return True
