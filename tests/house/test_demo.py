"""`netscope demo` as a command: it trains for real, ends when asked, and says what is wrong in one line."""

import importlib.util
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import netscope
from netscope import demo
from netscope.errors import MissingExtraError, StorageError, UsageError

DEMO = [sys.executable, "-m", "netscope.cli", "demo", "--no-browser"]


def test_it_trains_well_then_too_fast_and_too_slowly_and_ends_when_asked(tmp_path: Path) -> None:
    command = [*DEMO, "--epochs", "2", "--exit", "--port", "0"]
    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert found.stdout.startswith("netscope shows the training at http://127.0.0.1:")
    assert found.stderr == ""
    with netscope.open(tmp_path / "runs") as store:
        run, high, low = store.runs()
        assert [one.state for one in (run, high, low)] == ["finished"] * 3
        assert [one.tags for one in (run, high, low)] == [["demo", "learned"], ["demo", "failed"], ["demo", "failed"]]
        assert high.summary("train/loss")[2] > 20
        assert 1 < low.value("train/loss") < 3
        assert "held-out digits are right" in run.notes
        progress = run.noun.progress
        assert progress is not None
        assert progress.done == progress.total == 2 * 62
        assert run.value("val/accuracy") == run.summary("val/accuracy")[2]
        assert run.series("val/accuracy").values[-1] > 0.9
        loss = run.series("train/loss")
        assert loss.steps.tolist() == list(range(2 * 62))
        assert loss.values[-20:].mean() < loss.values[:20].mean() / 2
        said = run.tables("val/predictions")[-1].value
        assert np.equal(said["label"], said["prediction"]).mean() == run.series("val/accuracy").values[-1]
        samples = run.images("val/samples")
        assert len(samples) == 2 * demo.SHOWN
        assert all(one.caption[0].isdigit() for one in samples)


def test_ctrl_c_while_it_trains_keeps_what_was_logged(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [*DEMO, "--epochs", "500", "--port", str(port)]  # in the first of the three trainings
        training = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
        assert training.stdout
        first = training.stdout.readline()
        assert f"port {port} is taken" in first
        assert training.stdout.readline().startswith("training 1 of 3")
        assert training.stdout.readline().startswith("epoch 1 of 500")
        training.send_signal(signal.SIGINT)
        rest = training.stdout.read()
        assert training.wait(30) == 0
        training.stdout.close()
    assert "stopped; what was logged is kept" in rest
    with netscope.open(tmp_path / "runs") as store:
        (run,) = store.runs()
        assert run.state == "crashed"
        assert len(run.series("train/loss").steps) >= 62


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_the_training_ends_with_a_command_that_is_killed(tmp_path: Path) -> None:
    command = [*DEMO, "--epochs", "500", "--port", "0"]
    training = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    assert training.stdout
    with training.stdout:
        while not training.stdout.readline().startswith("epoch 1"):
            assert training.poll() is None
        training.kill()
        training.stdout.read()  # until the other process, which has the same stdout, has ended
    training.wait()
    with netscope.open(tmp_path / "runs") as store:
        assert [run.state for run in store.runs()] == ["crashed"]


def test_a_server_that_cannot_start_leaves_no_run(tmp_path: Path) -> None:
    refused = subprocess.run([*DEMO, "--host", "192.0.2.1"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "192.0.2.1" in refused.stderr
    with netscope.open(tmp_path / "runs") as store:
        assert store.runs() == []


def test_a_missing_package_is_reported_with_advice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "mlxtend" else found(name))
    with pytest.raises(MissingExtraError, match=r'mlxtend: pip install "netscope\[demo\]"'):
        demo.demo(folder=tmp_path / "runs", browser=False)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(("asked", "why"), [({"epochs": 0}, "epochs is 0"), ({"trainings": 4}, "trainings is 4")])
def test_meaningless_options_are_refused(tmp_path: Path, asked: dict[str, int], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        demo.demo(folder=tmp_path, browser=False, **asked)


def test_a_folder_that_cannot_be_one_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "t1.py"
    file.write_text("")
    with pytest.raises(UsageError, match=r"expected a folder, but '.*t1\.py' is a file"):
        demo.demo(folder=file, browser=False)
    with pytest.raises(StorageError, match=r"cannot create the folder '.*runs': Not a directory"):
        demo.demo(folder=file / "runs", browser=False)


def test_the_digits_are_the_real_ones() -> None:
    digits = demo.read_digits()
    assert digits.images.shape == (5000, 1, 28, 28)
    assert np.bincount(digits.labels).tolist() == [500] * 10
    assert digits.images.min() == 0.0 and digits.images.max() == 1.0


def test_the_held_out_set_is_stratified_and_disjoint() -> None:
    labels = np.repeat(np.arange(10), 50)
    images = np.arange(500, dtype=np.float32).reshape(-1, 1, 1, 1)
    learnt, held = demo.hold_out(demo.Digits(images, labels), 0.2, np.random.default_rng(0))
    assert np.bincount(held.labels).tolist() == [10] * 10
    assert np.bincount(learnt.labels).tolist() == [40] * 10
    assert sorted([*learnt.images.ravel(), *held.images.ravel()]) == list(range(500))


@pytest.mark.parametrize(("is_right", "colour"), [(True, demo.BLUE), (False, demo.ORANGE)])
def test_wrong_digits_are_framed_in_orange(is_right: bool, colour: tuple[int, int, int]) -> None:
    picture = demo.framed(np.zeros((28, 28), np.float32), is_right)
    assert picture.shape == (32, 32, 3)
    assert tuple(picture[0, 0]) == tuple(picture[-1, -1]) == colour
    assert tuple(picture[2, 2]) == (0, 0, 0)
