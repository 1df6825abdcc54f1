"""The page inside a notebook."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import types
import urllib.request
from xml.etree import ElementTree

import pytest

import netscope
from netscope.show import notebook
from netscope.show.picture import picture

SVG_TEXT = "{http://www.w3.org/2000/svg}text"


@pytest.fixture(autouse=True)
def no_server_is_left():
    yield
    notebook.stop()
    assert not [thread for thread in threading.enumerate() if thread.name == "netscope server"]


def source(html: str) -> str:
    found = re.search(r'data-page="([^"]+)"', html)
    assert found
    return found[1]


def pictured(html: str) -> str:
    """The texts in the still picture."""
    found = re.search(r"<svg.*</svg>", html)
    assert found
    return " | ".join(node.text or "" for node in ElementTree.fromstring(found[0]).iter(SVG_TEXT))


def test_a_frame_shows_the_folder(folder, write):
    write("a").end()
    with urllib.request.urlopen(source(notebook.frame(folder)) + "api/about", timeout=100) as reply:
        assert b'"n_runs":' in reply.read()


def test_a_frame_of_a_run_shows_only_that_run(folder, write):
    write("a b").end()
    assert source(notebook.frame(folder, "a b")).endswith("/curves?run=a%20b#show=a%20b")


def test_a_folder_has_one_server_however_many_frames_show_it(folder, tmp_path, write):
    other = tmp_path / "other"
    other.mkdir()
    first, second, third = (source(notebook.frame(place)) for place in (folder, folder / ".", other))
    assert first == second != third


def test_a_kernel_that_ends_does_not_wait_for_its_server(folder, write):
    write("a").end()
    code = "import sys; from netscope.show.notebook import frame; print(frame(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, timeout=100, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "<svg" in done.stdout


def test_a_store_shows_itself_in_a_notebook(folder, write):
    write("a").end()
    with netscope.open(folder) as store:
        assert "data-page" in store._repr_html_()
        assert "show=a" in store.run("a")._repr_html_()


def test_the_picture_shows_what_a_run_logged(folder, write):
    run = write("a", name="wide <heron>")
    for step in range(3000):
        run.log({"loss": 3 - step / 1500, "train/acc": step / 3000}, step)
    run.end()
    said = pictured(notebook.frame(folder, "a"))
    for part in ("wide <heron>: finished", "loss", "train/acc", "1.001", "step 2,999"):
        assert part in said


def test_the_picture_of_a_folder_has_the_newest_runs_and_says_how_many_there_are(folder, write):
    for i in range(12):
        write(f"r{i:02}", name=f"run {i}", created=1.7e9 + i).curve("loss", [i, i / 2]).end()
    said = pictured(notebook.frame(folder))
    assert "8 of 12 runs" in said
    assert "run 11: finished" in said and "run 3:" not in said


def test_the_picture_of_a_run_reads_no_other_run(folder, write):
    run = write("old", name="old heron").curve("loss", [0.5] * 500).end()
    for i in range(20):
        write(f"new-{i}").curve("loss", [1.0] * 500).end()
    with netscope.open(folder) as store:
        assert "old heron: finished" in picture(store, ["old"])
        assert store.is_behind
        assert store.bytes_read < 4 * run.path.stat().st_size


def test_the_picture_of_a_large_folder_has_the_newest_that_were_read_in_time(folder, write, monkeypatch):
    monkeypatch.setattr("netscope.show.picture.PATIENCE_S", 0.0)
    for i in range(20):
        write(f"r{i:02}", name=f"run {i}", created=1.7e9 + i).curve("loss", [1.0] * 500).end()
    with netscope.open(folder) as store:
        drawn = picture(store)
        assert store.is_behind
    assert "run 19: finished" in drawn and "killed" not in drawn


@pytest.mark.parametrize(
    "values", [[], [float("nan")], [float("inf"), 1.0], [1e308, -1e308], [0.0], [5e-324, 0.0], [1.0, float("nan"), 2.0]]
)
def test_any_logged_data_has_a_picture(folder, write, values):
    write("a\u202eb", name="\u202eevil\x00").curve("loss", values).end()
    with netscope.open(folder) as store:
        drawn = picture(store)
    assert "nan" not in drawn.partition("<path")[2] and "\u202e" not in drawn
    ElementTree.fromstring(drawn)


def test_an_empty_folder_has_a_picture(folder):
    with netscope.open(folder) as store:
        assert "No points yet." in picture(store)


def test_only_this_machine_and_the_notebooks_own_server_may_frame_it(folder, write, tmp_path, monkeypatch):
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    (runtime / "jpserver-7.json").write_text('{"url": "http://box.lan:8888/lab/"}')
    paths = types.ModuleType("jupyter_core.paths")
    paths.jupyter_runtime_dir = lambda: str(runtime)
    monkeypatch.setitem(sys.modules, "jupyter_core", types.ModuleType("jupyter_core"))
    monkeypatch.setitem(sys.modules, "jupyter_core.paths", paths)
    monkeypatch.setenv("JPY_PARENT_PID", "7")
    write("a").end()
    with urllib.request.urlopen(source(notebook.frame(folder)), timeout=100) as reply:
        policy = reply.headers["Content-Security-Policy"]
    ancestors = policy.partition("frame-ancestors ")[2].split(";")[0].split()
    assert ancestors == ["'self'", *notebook.LOCAL, "http://box.lan:8888"]


def test_a_notebook_without_a_server_of_jupyters_is_local(monkeypatch):
    monkeypatch.delenv("JPY_PARENT_PID", raising=False)
    assert notebook.notebook_origins() == []


class Handle:
    """What IPython gives for an output."""

    def __init__(self) -> None:
        self.shown: list[dict[str, str]] = []

    def update(self, output: dict[str, str], raw: bool) -> None:
        self.shown.append(output)


@pytest.fixture
def ipython(monkeypatch):
    """IPython as far as a cell's output is concerned."""
    handle, display, top = Handle(), types.ModuleType("IPython.display"), types.ModuleType("IPython")

    def show(output: dict[str, str], raw: bool, display_id: bool = False) -> Handle:
        handle.update(output, raw)
        return handle

    display.display, top.get_ipython = show, lambda: types.SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", top)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    handle.top = top
    return handle


def test_the_picture_of_a_run_is_updated_when_it_has_ended(tmp_path, ipython):
    run = netscope.init(dir=tmp_path / "runs", name="calm", watch_system=False, console=False)
    run._ipython_display_()
    run.log({"loss": 0.25})
    run.finish()
    begun, ended = (pictured(output["text/html"]) for output in ipython.shown)
    assert "calm: running" in begun and "loss" not in begun
    assert "calm: finished" in ended and "loss" in ended


def test_a_run_that_ends_after_the_servers_stopped_starts_no_server(tmp_path, ipython):
    run = netscope.init(dir=tmp_path / "runs", name="calm", watch_system=False, console=False)
    run._ipython_display_()
    run.log({"loss": 0.25})
    notebook.stop()
    run.finish()
    ended = ipython.shown[-1]["text/html"]
    assert "calm: finished" in pictured(ended) and "loss" in pictured(ended)
    assert "data-page" not in ended
    assert not [thread for thread in threading.enumerate() if thread.name == "netscope server"]


def test_a_closed_notebook_at_the_end_of_a_run_is_a_warning(tmp_path, ipython):
    run = netscope.init(dir=tmp_path / "runs", watch_system=False, console=False)
    run._ipython_display_()
    del ipython.shown
    with pytest.warns(RuntimeWarning, match="shown"):
        run.finish()
    with netscope.open(tmp_path / "runs") as store:
        assert store.runs()[0].state == "finished"


def test_a_terminal_shows_the_text_of_a_run_without_a_server(tmp_path, ipython):
    ipython.top.get_ipython = object
    with netscope.init(dir=tmp_path / "runs", name="calm", watch_system=False, console=False) as run:
        run._ipython_display_()
    (output,) = ipython.shown
    assert list(output) == ["text/plain"] and "calm" in output["text/plain"]
