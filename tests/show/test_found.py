"""The line that `init` prints, and the server that it finds."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import socket
import subprocess
import sys
import time
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

import netscope
from netscope.cli import print_other_addresses
from netscope.show.server import addresses, bind, serve_in_thread
from netscope.store import servers
from netscope.store.servers import Server
from tests.record.reading import read
from tests.record.test_processes import in_fork

SHOW = [sys.executable, "-m", "netscope.cli", "show", "--no-browser", "--port", "0"]


@pytest.fixture
def begin(tmp_path, monkeypatch):
    """Start runs in the folder "runs" of the current folder; they are finished after the test."""
    monkeypatch.chdir(tmp_path)
    runs = []

    def begin_one(**options):
        runs.append(netscope.init("runs", **{"watch_system": False, "console": False, **options}))
        return runs[-1]

    yield begin_one
    for run in runs:
        run.finish()


def test_init_prints_the_run_and_how_to_see_it(begin, capsys):
    run = begin(name="calm-heron")
    out, err = capsys.readouterr()
    assert (out, err) == (
        "",
        f"netscope: recording calm-heron in runs/{run.id}; to see it: netscope show runs\n",
    )


def test_init_prints_the_address_of_a_running_server(begin, capsys, tmp_path):
    (tmp_path / "runs").mkdir()
    with serve_in_thread(tmp_path / "runs") as serving:
        run = begin()
        assert f"to see it: {serving.url}overview?run={run.id}\n" in capsys.readouterr().err
    begin()
    assert "to see it: netscope show runs\n" in capsys.readouterr().err


def test_a_resumed_run_prints_one_line(begin, capsys):
    first = begin(name="long")
    first.log({"loss": 1.0}, step=41)
    first.finish()
    capsys.readouterr()
    begin(resume="long")
    (line,) = capsys.readouterr().err.splitlines()
    assert "recording long again, as attempt 2 from step 42 in runs/" in line


@pytest.mark.parametrize("options", [{"quiet": True}, {"join": "all", "rank": "1"}])
def test_quiet_runs_and_ranks_print_nothing(begin, capsys, monkeypatch, options):
    if rank := options.pop("rank", None):
        monkeypatch.setenv("RANK", rank)
    begin(**options)
    assert capsys.readouterr().err == ""


def test_only_the_first_joining_worker_prints(begin, capsys):
    begin(join="all")
    begin(join="all")
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_disabled_run_prints_nothing(begin, capsys, monkeypatch):
    monkeypatch.setenv("NETSCOPE_MODE", "disabled")
    begin()
    assert capsys.readouterr().err == ""


def init_in_child(folder):
    netscope.init(folder, watch_system=False, console=False).finish()


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_print_nothing(capfd, method, tmp_path):
    child = multiprocessing.get_context(method).Process(target=init_in_child, args=(tmp_path,))
    child.start()
    child.join()
    assert (child.exitcode, capfd.readouterr().err) == (0, "")


def test_a_forked_child_prints_nothing(begin, capfd):
    begin(quiet=True)
    assert in_fork(begin) == 0
    assert capfd.readouterr().err == ""


def test_the_line_is_not_recorded_in_the_console(begin, capsys):
    first = begin(console=True, quiet=True)
    second = begin(console=True)
    sys.stderr.write("printed\n")
    second.finish()
    first.finish()
    assert "recording" in capsys.readouterr().err
    for run in first, second:
        (journal,) = read(run.folder)
        assert journal.console == [(2, "printed\n")]


def test_an_unwritable_stderr_is_harmless(begin, monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    begin().log({"loss": 1.0})


@contextlib.contextmanager
def shown(*arguments, **options):
    """A server in a process of its own that listens; killed after the test if it still runs."""
    process = subprocess.Popen(
        [*SHOW, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )
    with process:
        try:
            assert "netscope shows" in process.stdout.readline()
            yield process
        finally:
            process.kill()


def test_a_servers_file_is_removed_when_it_stops(tmp_path):
    with shown(tmp_path) as process:
        found = servers.running(tmp_path)
        assert (found.pid, found.url[:17]) == (process.pid, "http://127.0.0.1:")
        urlopen(found.url).close()  # it answers
        process.terminate()
        process.wait(60)
        assert servers.running(tmp_path) is None
        assert not list((tmp_path / ".netscope").glob("server-*"))


def test_a_server_that_was_killed_is_not_found_and_its_file_is_removed(tmp_path):
    with shown(tmp_path):
        pass
    assert servers.running(tmp_path) is None
    with serve_in_thread(tmp_path) as serving:
        assert len(list((tmp_path / ".netscope").glob("server-*"))) == 1
        assert servers.running(tmp_path).url == serving.url


OTHERS = [{"host": "elsewhere"}, {"boot": "before"}, {"pid_ns": 1}, {"ticks": 1, "started": 1.0}]


@pytest.mark.parametrize("other", OTHERS)
def test_a_server_whose_pid_was_reused_is_not_found(tmp_path, other):
    server = Server(**{"url": "http://127.0.0.1:1/", "pid": os.getpid(), "started": time.time(), **other})
    with servers.announced(tmp_path, server):
        assert servers.running(tmp_path) is None


@pytest.mark.parametrize("said", [b"", b"{", b"[]", b'{"url": 3}', b"\xff" * 20_000])
def test_an_invalid_server_file_is_ignored(tmp_path, said):
    (tmp_path / ".netscope").mkdir()
    (tmp_path / ".netscope/server-1-aaaa.json").write_bytes(said)
    assert servers.running(tmp_path) is None


def test_the_address_has_ids_of_several_folders(begin, capsys, tmp_path):
    for name in "runs", "others":
        (tmp_path / name).mkdir()
    with shown("runs", "others", cwd=tmp_path):
        run = begin()
    assert f"overview?run=runs%3A{run.id}" in capsys.readouterr().err


def test_a_local_server_has_no_other_addresses():
    with bind("127.0.0.1", 0) as listening:
        assert addresses(listening) == []


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_the_addresses_for_other_machines_can_be_reached(host):
    with bind(host, 0) as listening:
        for url in addresses(listening):
            parts = urlsplit(url)
            with socket.create_connection((parts.hostname, parts.port), 5):
                pass


def test_show_warns_about_who_can_reach_it(tmp_path, capsys):
    print_other_addresses("0.0.0.0", ["http://192.0.2.7:6060/", "http://[2001:db8::7]:6060/"])
    out, err = capsys.readouterr()
    assert out == "from other machines: http://192.0.2.7:6060/  http://[2001:db8::7]:6060/\n"
    assert "anyone who can reach 0.0.0.0 can read, edit and delete these runs" in err
    print_other_addresses("127.0.0.1", [])
    assert capsys.readouterr() == ("", "")
