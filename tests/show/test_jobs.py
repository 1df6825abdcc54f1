"""Jobs: progress, files, cancelling, and what goes wrong."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet
import pytest

from netscope.errors import NotFoundError, StorageError
from netscope.schema.job import Job
from netscope.show.jobs import Jobs
from tests.waiting import PATIENCE_S, until


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    made = Jobs(tmp_path / "results")
    yield made
    made.close()


def over(jobs: Jobs, job: Job) -> Job:
    """The job once it has ended."""
    until(lambda: jobs.get(job.id).state not in ("waiting", "running"))
    return jobs.get(job.id)


def test_a_job_writes_its_file_and_reports_progress(jobs):
    told = []
    jobs.changed = told.append

    def work(report, path):
        report(1, 2, "series")
        path.write_text("all")

    job = jobs.start("export", "everything", "all.csv", b"1", work)
    assert over(jobs, job).state == "done"
    assert jobs.file(job.id).read_text() == "all"
    until(lambda: told[-1].state == "done")  # the message comes after the job has ended
    assert (told[-1].done, told[-1].total, told[-1].unit) == (1, 2, "series")


def test_an_existing_result_is_reused(jobs):
    made = []

    def work(report, path):
        made.append(path)
        path.write_text("x")

    for _ in range(2):
        job = jobs.start("export", "all", "all.csv", b"same", work)
        over(jobs, job)
        assert jobs.file(job.id).read_text() == "x"
    over(jobs, jobs.start("export", "all", "all.csv", b"other", work))
    assert len(made) == 2


def test_an_equal_request_joins_the_running_job(jobs):
    go = threading.Event()
    first = jobs.start("export", "all", "a.csv", b"1", lambda report, path: go.wait(PATIENCE_S) and path.write_text(""))
    assert jobs.start("export", "all", "a.csv", b"1", lambda report, path: None).id == first.id
    go.set()
    over(jobs, first)


def test_a_cancelled_job_ends_and_leaves_no_file(jobs, tmp_path):
    begun = threading.Event()

    def work(report, path):
        path.write_text("half")
        while True:
            report(1, 0, "series")
            begun.set()
            time.sleep(0.005)

    job = jobs.start("export", "all", "a.csv", b"1", work)
    assert begun.wait(PATIENCE_S)
    jobs.cancel(job.id)
    assert over(jobs, job).state == "cancelled"
    assert list((tmp_path / "results").iterdir()) == []
    with pytest.raises(NotFoundError, match="cancelled"):
        jobs.file(job.id)


def test_a_waiting_job_is_cancelled_at_once(jobs):
    go = threading.Event()
    busy = [
        jobs.start(
            "export", "all", "a.csv", bytes([i]), lambda report, path: go.wait(PATIENCE_S) and path.write_text("")
        )
        for i in range(2)
    ]
    ran = []
    waiting = jobs.start("export", "all", "a.csv", b"w", lambda report, path: ran.append(path))
    assert jobs.cancel(waiting.id).state == "cancelled"
    go.set()
    for job in busy:
        over(jobs, job)
    assert not ran


def test_a_failed_job_has_its_reason(jobs):
    def refuse(report, path):
        raise StorageError("the disk is full")

    def full(report, path):
        raise OSError(28, "No space left on device")

    def defect(report, path):
        raise ZeroDivisionError

    errors = [
        over(jobs, jobs.start("export", "a", "a.csv", str(work).encode(), work)) for work in (refuse, full, defect)
    ]
    assert [job.state for job in errors] == ["failed"] * 3
    assert [job.error for job in errors] == [
        "the disk is full",
        "No space left on device",
        "the server failed: ZeroDivisionError; its log has the details",
    ]


def test_work_of_the_server_itself_is_listed_as_a_job(jobs):
    told = []
    jobs.changed = told.append
    jobs.report("index", "", 10, 10, "runs")
    assert jobs.list() == []
    jobs.report("index", "", 3, 10, "runs")
    assert [(job.kind, job.done, job.total) for job in jobs.list()] == [("index", 3, 10)]
    jobs.report("index", "", 10, 10, "runs")
    assert jobs.list() == []
    assert told[-1].state == "done"


def test_old_files_make_room_for_new_ones(jobs, monkeypatch):
    monkeypatch.setattr("netscope.show.jobs.LARGEST_CACHE_BYTES", 250)
    made = []
    for i in range(4):
        job = jobs.start("export", "a", "a.csv", bytes([i]), lambda report, path: path.write_text("x" * 100))
        over(jobs, job)
        made.append(jobs.file(job.id))
        time.sleep(0.02)
    assert [path.is_file() for path in made] == [False, False, True, True]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def ask(shown, **request) -> dict:
    """Export over HTTP; returns the finished job."""
    reply = shown.client.post("/api/jobs/export", json=request)
    assert reply.status_code == 200, reply.text
    job = reply.json()
    until(lambda: get(shown, job["id"])["state"] not in ("waiting", "running"))
    return get(shown, job["id"])


def get(shown, job_id: str) -> dict:
    return next(job for job in shown.client.get("/api/jobs").json()["jobs"] if job["id"] == job_id)


def test_runs_are_exported_as_csv(write, show, cache):
    write("a").curve("loss", [1, 2, 4]).end()
    write("b").curve("loss", [8]).end()
    shown = show()
    job = ask(shown, runs=["a", "b"], keys=[], smooth=0.5)
    assert (job["state"], job["done"], job["total"], job["file"]) == ("done", 2, 2, "2-runs.csv")
    reply = shown.client.get(f"/api/jobs/{job['id']}/file")
    assert reply.headers["content-disposition"] == 'attachment; filename="2-runs.csv"'
    lines = reply.text.splitlines()
    assert lines[0] == "run,key,step,time,value,replaced,smoothed"
    assert [line.split(",")[0] for line in lines[1:]] == ["a", "a", "a", "b"]
    assert float(lines[-1].split(",")[-1]) == 8


def test_runs_are_exported_as_parquet(write, show, cache, tmp_path):
    write("a").curve("loss", [1, 2, 4]).curve("acc", [3]).end()
    shown = show()
    job = ask(shown, runs=["a"], keys=["loss"], format="parquet")
    assert job["file"] == "name-of-a.parquet"
    path = tmp_path / "a.parquet"
    path.write_bytes(shown.client.get(f"/api/jobs/{job['id']}/file").content)
    assert pyarrow.parquet.read_table(path)["value"].to_pylist() == [1, 2, 4]


def test_an_export_of_nothing_is_refused(write, show, cache):
    write("a").end()
    shown = show()
    assert (
        "nothing to export" in shown.client.post("/api/jobs/export", json={"runs": ["a"], "keys": []}).json()["error"]
    )
    assert shown.client.post("/api/jobs/export", json={"runs": ["x"], "keys": []}).status_code == 404
    assert shown.client.get("/api/jobs/none/file").status_code == 404


def test_only_the_page_may_start_and_cancel_jobs(write, show, cache):
    write("a").curve("loss", [1]).end()
    shown = show()
    del shown.client.headers["X-Netscope-Token"]
    assert shown.client.post("/api/jobs/export", json={"runs": ["a"], "keys": []}).status_code == 403
    assert shown.client.post("/api/jobs/x/cancel", json={}).status_code == 403


def test_the_live_channel_reports_jobs(write, show, cache):
    write("a").curve("loss", [1]).end()
    shown = show()
    with shown.client.websocket_connect("ws://127.0.0.1:6060/api/live") as socket:
        job = ask(shown, runs=["a"], keys=["loss"])
        while True:
            message = socket.receive_json()
            if message["type"] == "job" and message["job"]["state"] == "done":
                break
        assert message["job"]["id"] == job["id"]
