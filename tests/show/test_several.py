"""Several folders of runs on one server."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from netscope.errors import NotFoundError, UsageError
from netscope.show.app import application
from netscope.show.workspace import Workspace
from netscope.store.several import names_of
from tests.show.conftest import Written, unpacked


@pytest.fixture
def two(tmp_path: Path):
    """Two folders that both have a run `a`."""
    for folder, values in (("one/runs", [1, 2]), ("two/runs", [5])):
        Written(tmp_path / folder, "a").curve("loss", values).end()
    Written(tmp_path / "two/runs", "b").curve("acc", [3]).end()
    with Workspace.open([tmp_path / "one/runs", tmp_path / "two/runs"]) as workspace:
        workspace.runs.refresh(None)
        with TestClient(application(workspace), base_url="http://127.0.0.1:6060") as client:
            client.headers["X-Netscope-Token"] = client.get("/api/about").json()["token"]
            yield client


def test_folders_are_distinguished_by_as_much_of_their_paths_as_needed():
    assert names_of([Path("/a/runs"), Path("/a/logs")]) == ["runs", "logs"]
    assert names_of([Path("/a/x/runs"), Path("/b/x/runs"), Path("/c/y/runs")]) == ["a.x.runs", "b.x.runs", "y.runs"]
    assert names_of([Path("/a/b:c")]) == ["b-c"]
    assert len(set(names_of([Path("/runs"), Path("/a/runs"), Path("/a.runs")]))) == 3


def test_the_table_has_the_runs_of_all_folders(two):
    runs = two.get("/api/runs").json()["runs"]
    assert sorted((run["id"], run["folder"]) for run in runs) == [
        ("one.runs:a", "one.runs"),
        ("two.runs:a", "two.runs"),
        ("two.runs:b", "two.runs"),
    ]
    assert two.get("/api/about").json()["n_runs"] == 3


def test_one_chart_has_curves_of_several_folders_in_the_requested_order(two):
    asked = {"runs": ["two.runs:a", "one.runs:a", "two.runs:b", "gone:x"], "keys": ["loss"], "smooth": 0.5}
    curves = unpacked(two.post("/api/series", json=asked).content)
    assert [(info.run, y.tolist()) for info, _, y in curves] == [("two.runs:a", [5]), ("one.runs:a", [1, 2])]


def test_groups_span_folders(two):
    reply = two.post("/api/groups", json={"groups": [["one.runs:a", "two.runs:a"]], "keys": ["loss"]})
    assert unpacked_groups(reply.content)[0] == 3


def unpacked_groups(content: bytes) -> np.ndarray:
    from netscope.formats import safetensors

    return safetensors.decode(content)[0]["mean"]


def test_keys_are_counted_over_folders(two):
    keys = two.post("/api/keys", json={"runs": ["one.runs:a", "two.runs:a", "two.runs:b"]}).json()["keys"]
    assert [(key["key"], key["n_runs"]) for key in keys] == [("acc", 1), ("loss", 2)]


def test_one_run_is_found_in_its_folder(two):
    detail = two.get("/api/runs/two.runs:a?key=loss").json()
    assert (detail["run"]["id"], detail["run"]["folder"]) == ("two.runs:a", "two.runs")
    assert detail["run"]["summary"]["loss"] == [5, 5, 5, 5]
    assert two.get("/api/runs/one.runs:a/console").status_code == 200
    for unknown in ("none:a", "one.runs:none", "a"):
        reply = two.get(f"/api/runs/{unknown}")
        assert reply.status_code == 404
        assert "one.runs:a" in reply.json()["error"]


def test_editing_deleting_and_restoring_reach_the_right_folder(two, tmp_path):
    both = ["one.runs:a", "two.runs:a"]
    edited = two.post("/api/runs/edit", json={"runs": both, "add_tags": ["x"]}).json()
    assert [(run["id"], run["tags"]) for run in edited] == [(run, ["x"]) for run in both]
    assert two.post("/api/runs/edit", json={"runs": ["one.runs:a", "two.runs:z"], "name": "n"}).status_code == 404
    assert two.get("/api/runs/one.runs:a").json()["run"]["name"] == "name of a"  # nothing was written
    assert two.post("/api/runs/delete", json={"runs": ["two.runs:a"]}).json()["runs"] == ["two.runs:a"]
    assert not (tmp_path / "two/runs/a").exists()
    assert (tmp_path / "one/runs/a").exists()
    assert two.post("/api/runs/restore", json={"runs": ["two.runs:a"]}).json()["runs"] == ["two.runs:a"]
    assert (tmp_path / "two/runs/a").exists()


def test_changes_since_a_revision_are_sent_for_every_folder(two, tmp_path):
    before = two.get("/api/runs").json()["revision"]
    two.post("/api/runs/edit", json={"runs": ["one.runs:a"], "name": "first"})
    two.post("/api/runs/edit", json={"runs": ["two.runs:b"], "name": "second"})
    table = two.get(f"/api/runs?since={before}").json()
    assert sorted(run["name"] for run in table["runs"]) == ["first", "second"]
    assert two.get(f"/api/runs?since={table['revision']}").json()["runs"] == []
    two.post("/api/runs/delete", json={"runs": ["two.runs:a"]})
    assert two.get(f"/api/runs?since={table['revision']}").json()["removed"] == ["two.runs:a"]


def test_a_folder_named_twice_is_shown_once_with_plain_ids(tmp_path):
    Written(tmp_path / "runs", "a").end()
    with Workspace.open([tmp_path / "runs", str(tmp_path / "runs")]) as workspace:
        workspace.runs.refresh(None)
        assert [run.id for run in workspace.runs.table().runs] == ["a"]


def test_a_missing_folder_closes_those_that_were_opened(tmp_path):
    (tmp_path / "runs").mkdir()
    with pytest.raises(NotFoundError, match="no folder"):
        Workspace.open([tmp_path / "runs", tmp_path / "none"])
    with pytest.raises(UsageError, match="at least one"):
        Workspace.open([])
