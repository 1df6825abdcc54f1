"""The page inside a notebook."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import urllib.request

import pytest

from netscope.show import notebook


@pytest.fixture(autouse=True)
def no_server_is_left():
    yield
    notebook.stop()
    assert not [thread for thread in threading.enumerate() if thread.name == "netscope server"]


def source(html: str) -> str:
    found = re.search(r'<iframe src="([^"]+)"', html)
    assert found
    return found[1]


def test_a_frame_shows_the_folder(folder, write):
    write("a").end()
    with urllib.request.urlopen(source(notebook.frame(folder)) + "api/about", timeout=10) as reply:
        assert b'"n_runs":' in reply.read()


def test_a_frame_of_a_run_shows_that_run_alone(folder, write):
    write("a b").end()
    assert source(notebook.frame(folder, "a b")).endswith("/curves?run=a%20b#compare=a%20b")


def test_a_folder_has_one_server_however_many_frames_show_it(folder, tmp_path, write):
    other = tmp_path / "other"
    other.mkdir()
    first, second, third = (source(notebook.frame(place)) for place in (folder, folder / ".", other))
    assert first == second != third


def test_a_kernel_that_ends_does_not_wait_for_its_server(folder, write):
    write("a").end()
    code = "import sys; from netscope.show.notebook import frame; print(frame(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "<iframe" in done.stdout


def test_a_store_shows_itself_in_a_notebook(folder, write):
    import netscope

    write("a").end()
    with netscope.open(folder) as store:
        assert "<iframe" in store._repr_html_()
        assert "compare=a" in store.run("a")._repr_html_()
