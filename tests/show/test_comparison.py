"""Two models compared over HTTP: the structure at once, the weights as a job."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from starlette.testclient import TestClient

from netscope.formats import safetensors
from netscope.models.builder import GraphBuilder
from netscope.models.model import Model
from netscope.models.pack import pack
from netscope.schema.comparison import ComparisonReply, Counts
from netscope.schema.job import Job
from netscope.show.app import application
from netscope.show.models import Shelf
from netscope.show.workspace import Workspace
from netscope.store.journal import blobs
from netscope.store.store import Store
from tests.models.comparison_files import fused, network
from tests.store.journals import Script


class Site:
    """A server with two models."""

    def __init__(self, tmp_path: Path) -> None:
        (tmp_path / "runs").mkdir()
        self.folder = tmp_path / "runs"
        self.workspace = Workspace([Store(tmp_path / "runs")], models=Shelf(tmp_path / "uploads"))
        self.before = f"model:{self.workspace.models.add(network(tmp_path / 'a.onnx'))}"
        self.after = f"model:{self.workspace.models.add(network(tmp_path / 'b.onnx', *fused()))}"
        self.app = application(self.workspace)
        self.client = TestClient(self.app, base_url="http://127.0.0.1:6060")
        self.token = {"X-Netscope-Token": self.app.state.token}

    def compare(self, a: str, b: str) -> Any:
        return self.client.get("/api/comparison", params={"a": a, "b": b})

    def job(self, a: str, b: str) -> Job:
        """The job that compares the weights, once it is over."""
        reply = self.client.post("/api/jobs/comparison", json={"a": a, "b": b}, headers=self.token)
        job = msgspec.json.decode(reply.content, type=Job)
        end = time.monotonic() + 30
        while job.state in ("waiting", "running") and time.monotonic() < end:
            time.sleep(0.02)
            job = self.workspace.jobs.get(job.id)
        return job


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    with made.client:
        yield made
    made.workspace.close()


def reply_of(data: bytes) -> tuple[dict[str, np.ndarray], ComparisonReply]:
    arrays, metadata = safetensors.decode(data)
    return arrays, msgspec.json.decode(metadata["reply"], type=ComparisonReply)


def test_the_structure_is_compared_at_once(site: Site) -> None:
    arrays, reply = reply_of(site.compare(site.before, site.after).content)
    assert (reply.summary.a, reply.summary.b) == ("a.onnx", "b.onnx")
    assert reply.summary.nodes == Counts(same=7, removed=1) and reply.summary.compared == 0
    assert arrays["node_a"].tolist() == [0, 1, 2, 3, 4, 5, 6, 7]
    assert arrays["node_b"].tolist() == [0, 1, 2, -1, 3, 4, 5, 6]
    assert np.isnan(arrays["relative"]).all()


def test_the_weights_are_compared_by_a_job(site: Site) -> None:
    job = site.job(site.before, site.after)
    assert (job.state, job.kind, job.title) == ("done", "comparison", "a.onnx → b.onnx")
    arrays, reply = reply_of(site.client.get(f"/api/jobs/{job.id}/file").content)
    assert reply.summary.nodes == Counts(same=6, moved=1, removed=1) and reply.summary.compared == 6
    assert (arrays["relative"] > 0).sum() == 2 and (arrays["differing"] > 0).sum() == 2


def test_the_networks_of_two_runs_are_compared(site: Site) -> None:
    for name, ops in (("aa11", ("Conv", "Relu")), ("bb22", ("Conv", "Gelu"))):
        builder = GraphBuilder()
        value = builder.add_value("x")
        for op in ops:
            made = builder.add_value()
            builder.add_node(op, [value], [made], name=f"net.{op.lower()}")
            value = made
        data = pack(Model("net", "PyTorch", builder.build()))
        folder = site.folder / name
        script = Script(name=name)
        script.asset(1, "graph", kind="graph", blob=blobs.write(folder, data, "safetensors"), n=len(data))
        script.end().write(folder)
    site.workspace.runs.refresh(None)
    _, reply = reply_of(site.compare("run:aa11", "run:bb22").content)
    assert reply.summary.nodes == Counts(same=1, changed=1)


@pytest.mark.parametrize("said", ["", "model", "model:", "file:x", "run:", "x" * 300])
def test_what_is_no_model_is_refused(site: Site, said: str) -> None:
    reply = site.compare(said, site.after)
    assert reply.status_code == 400 and "expected model:ID or run:ID" in reply.json()["error"]


def test_an_unknown_model_and_run_are_not_found(site: Site) -> None:
    assert site.compare("model:none", site.after).status_code == 404
    assert site.compare(site.before, "run:none").status_code == 404


def test_a_job_needs_the_token(site: Site) -> None:
    reply = site.client.post("/api/jobs/comparison", json={"a": site.before, "b": site.after})
    assert reply.status_code == 403
