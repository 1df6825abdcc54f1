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
from netscope.errors import MissingExtraError, UsageError

DEMO = [sys.executable, "-m", "netscope.cli", "demo", "--no-browser"]


def test_it_trains_and_ends_when_asked(tmp_path: Path) -> None:
    command = [*DEMO, "--epochs", "2", "--exit", "--port", "0"]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert said.startswith("netscope shows the training at http://127.0.0.1:")
    with netscope.open(tmp_path / "runs") as store:
        (run,) = store.runs()
        assert run.state == "finished"
        assert run.series("val/accuracy").values[-1] > 0.9
        loss = run.series("train/loss")
        assert loss.steps.tolist() == list(range(2 * 62))
        assert loss.values[-20:].mean() < loss.values[:20].mean() / 2


def test_ctrl_c_while_it_trains_keeps_what_was_logged(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [*DEMO, "--epochs", "500", "--port", str(port)]
        training = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
        assert training.stdout
        first = training.stdout.readline()
        assert f"port {port} is taken" in first
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


def test_a_missing_package_is_said_with_the_way_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "mlxtend" else found(name))
    with pytest.raises(MissingExtraError, match=r'mlxtend: pip install "netscope\[demo\]"'):
        demo.demo(folder=tmp_path / "runs", browser=False)
    assert not (tmp_path / "runs").exists()


def test_no_epochs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="epochs is 0"):
        demo.demo(folder=tmp_path, browser=False, epochs=0)


def test_the_digits_are_the_real_ones() -> None:
    digits = demo.read_digits()
    assert digits.images.shape == (5000, 1, 28, 28)
    assert np.bincount(digits.labels).tolist() == [500] * 10
    assert digits.images.min() == 0.0 and digits.images.max() == 1.0


def test_the_same_share_of_every_class_is_held_out_and_nothing_is_in_both() -> None:
    labels = np.repeat(np.arange(10), 50)
    images = np.arange(500, dtype=np.float32).reshape(-1, 1, 1, 1)
    learnt, held = demo.hold_out(demo.Digits(images, labels), 0.2, np.random.default_rng(0))
    assert np.bincount(held.labels).tolist() == [10] * 10
    assert np.bincount(learnt.labels).tolist() == [40] * 10
    assert sorted([*learnt.images.ravel(), *held.images.ravel()]) == list(range(500))


def test_wrong_digits_are_framed_in_orange() -> None:
    picture = demo.sheet(np.zeros((20, 28, 28), np.float32), np.arange(20) != 13)
    assert tuple(picture[0, 0]) == demo.RIGHT
    assert tuple(picture[32, 3 * 32]) == demo.WRONG
