"""How a run ends, and what its journal records."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.record.reading import read
from tests.waiting import until


def play(folder, script: str, code: int | None = 0):
    folder = folder / "runs"
    file = folder.with_name("script.py")
    file.write_text(f"import netscope, sys, os\n{script}")
    done = subprocess.run([sys.executable, file, folder], capture_output=True, text=True)
    assert code is None or done.returncode == code, done.stderr
    runs = sorted(folder.iterdir())
    return [one for run in runs for one in read(run)], done


BEGIN = "run = netscope.init(sys.argv[1], watch_system=False)\nrun.log({'a': 1.0})\n"


def test_a_script_that_ends_without_finish_is_finished(tmp_path):
    (found,), _ = play(tmp_path, BEGIN)
    assert found.event("end") == {**found.event("end"), "state": "finished", "error": "", "dropped": 0}
    assert found.n_bytes < 20_000, "cut to its length"


def test_an_exception_is_recorded_and_still_shown(tmp_path):
    (found,), done = play(tmp_path, BEGIN + "raise ValueError('no such luck')", code=1)
    end = found.event("end")
    assert end["state"] == "crashed"
    assert end["error"].startswith("Traceback")
    assert end["error"].endswith("ValueError: no such luck")
    assert "ValueError: no such luck" in done.stderr


def test_an_exception_of_another_hook_is_still_recorded(tmp_path):
    script = BEGIN + "sys.excepthook = lambda *_, before=sys.excepthook: before(*_)\n1 / 0"
    (found,), _ = play(tmp_path, script, code=1)
    assert found.event("end")["error"].endswith("ZeroDivisionError: division by zero")


def test_ctrl_c_is_recorded_as_such(tmp_path):
    (found,), _ = play(tmp_path, BEGIN + "import signal; os.kill(os.getpid(), signal.SIGINT)", code=None)
    assert (found.event("end")["state"], found.event("end")["error"]) == ("crashed", "KeyboardInterrupt")


@pytest.mark.parametrize(
    ("code", "state"), [("0", "finished"), ("None", "finished"), ("3", "crashed"), ("'bad'", "crashed")]
)
def test_sys_exit_in_a_with_block_ends_by_its_code(tmp_path, code, state):
    script = (
        f"with netscope.init(sys.argv[1], watch_system=False) as run:\n    run.log({{'a': 1}})\n    sys.exit({code})"
    )
    (found,), _ = play(tmp_path, script, code={"3": 3, "'bad'": 1}.get(code, 0))
    assert found.event("end")["state"] == state


@pytest.mark.parametrize(
    ("code", "state"), [("0", "finished"), ("", "finished"), ("3", "crashed"), ("'bad'", "crashed")]
)
def test_sys_exit_ends_by_its_code(tmp_path, code, state):
    (found,), _ = play(tmp_path, BEGIN + f"sys.exit({code})", code={"3": 3, "'bad'": 1}.get(code, 0))
    end = found.event("end")
    assert (end["state"], end["error"]) == (state, f"SystemExit: {code.strip(chr(39))}" if state == "crashed" else "")


def test_a_caught_exit_is_ignored_if_training_continues(tmp_path):
    script = BEGIN + "try: sys.exit(3)\nexcept SystemExit: run.log({'a': 2.0})"
    (found,), _ = play(tmp_path, script)
    assert found.event("end")["state"] == "finished"


def test_the_exit_of_a_thread_does_not_end_the_run(tmp_path):
    script = (
        BEGIN + "import threading\nthread = threading.Thread(target=sys.exit, args=(3,))\nthread.start(); thread.join()"
    )
    (found,), _ = play(tmp_path, script)
    assert found.event("end")["state"] == "finished"


def test_a_with_block_records_its_exception_and_lets_it_pass(begin, journal_of):
    with pytest.raises(RuntimeError, match="out of luck"), begin() as run:
        run.log({"a": 1})
        raise RuntimeError("out of luck")
    assert journal_of(run).event("end")["state"] == "crashed"
    assert "out of luck" in journal_of(run).event("end")["error"]


def test_a_with_block_that_ends_normally_is_finished(begin, journal_of):
    with begin() as run:
        run.log({"a": 1})
    assert journal_of(run).event("end")["state"] == "finished"


def test_a_failing_callback_does_not_keep_the_others_from_running(begin, journal_of):
    run = begin()
    called = []
    for call in (lambda: called.append("first"), lambda: 1 / 0, lambda: called.append("last")):
        run._session.on_finish(call)
    with pytest.warns(RuntimeWarning, match="work at the end of a run failed; the training continues: ZeroDiv"):
        run.finish()
    assert sorted(called) == ["first", "last"]
    assert journal_of(run).event("end")["state"] == "finished"


def test_two_runs_of_one_process_both_end(tmp_path):
    found, _ = play(tmp_path, BEGIN + BEGIN.replace("run", "other"))
    assert [one.event("end")["state"] for one in found] == ["finished", "finished"]


def test_of_an_endless_traceback_the_end_is_recorded(begin, journal_of):
    with pytest.raises(ValueError, match="x"), begin() as run:
        raise ValueError("x" * 500_000 + " the point")
    assert journal_of(run).event("end")["error"].endswith("the point")
    assert journal_of(run).n_bytes < 100_000


def test_the_background_thread_survives_a_failing_call(begin, monkeypatch):
    from netscope.record import heartbeat

    monkeypatch.setattr(heartbeat, "BEAT_S", 0.01)
    told, beats = [], []
    monkeypatch.setattr("netscope.record.guard.warn_once", lambda kind, sentence: told.append(sentence))
    run = begin()

    def fails():
        raise ZeroDivisionError

    run._session.on_beat(fails)
    run._session.on_beat(lambda: beats.append(1))
    run._session._heartbeat.wake()
    until(lambda: len(beats) >= 3)
    run.finish()
    assert "ZeroDivisionError" in told[0]
