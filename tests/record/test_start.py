from __future__ import annotations

import argparse
import copy
import dataclasses
import enum
import math
import os
import random
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import netscope
from netscope.errors import NotFoundError, UsageError
from netscope.record import run_names
from netscope.store.journal import frames
from tests.record.reading import read


def test_a_run_has_an_id_with_its_time_and_a_pronounceable_name(run, journal_of):
    assert re.fullmatch(r"\d{8}-\d{6}-[a-z0-9]{4}", run.id)
    assert re.fullmatch(r"[a-z]+-[a-z]+", run.name)
    start = journal_of(run).start
    assert (start["run"], start["name"], start["attempt"], start["pid"]) == (run.id, run.name, 1, os.getpid())


def test_the_start_time_of_the_process_is_that_of_the_system(run, journal_of):
    import psutil

    assert abs(journal_of(run).start["started"] - psutil.Process().create_time()) < 1.5


def test_starting_a_run_does_not_change_the_users_random_state(begin):
    random.seed(1)
    np.random.seed(1)
    before = random.getstate(), np.random.get_state()[1].tolist()
    begin().log({"a": 1})
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before


def test_a_taken_id_is_drawn_again(begin, monkeypatch, tmp_path):
    ids = iter(["taken", "taken", "free"])
    monkeypatch.setattr(run_names, "new_id", lambda: next(ids))
    assert begin().id == "taken"
    assert begin().id == "free"


@dataclasses.dataclass
class Options:
    lr: float
    path: Path


class Kind(enum.Enum):
    big = 3


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"lr": 0.1, "o": {"b": [1, (2,)]}}, {"lr": 0.1, "o": {"b": [1, [2]]}}),
        (Options(0.1, Path("/x")), {"lr": 0.1, "path": "/x"}),
        (argparse.Namespace(a=1, b=None), {"a": 1, "b": None}),
        ({"n": np.float32(0.5), "i": np.int64(3), "t": np.array(2)}, {"n": 0.5, "i": 3, "t": 2}),
        ({"k": Kind.big, "f": math.sqrt, "c": Options}, {"k": "big", "f": "math.sqrt", "c": f"{__name__}.Options"}),
        ({3: True}, {"3": True}),
    ],
)
def test_a_configuration_of_any_shape_is_written_as_json(begin, journal_of, config, told):
    run = begin(config=config)
    assert dict(run.config) == told
    run.finish()
    assert journal_of(run).event("config")["config"] == told


def test_later_changes_of_the_configuration_are_logged(begin, journal_of):
    run = begin(config={"lr": 0.1})
    run.config["seed"] = 3
    run.config.update({"a": 1}, b=2)
    run.finish()
    assert [event["config"] for event in journal_of(run).events if event["event"] == "config"] == [
        {"lr": 0.1},
        {"seed": 3},
        {"a": 1, "b": 2},
    ]
    assert dict(run.config) == {"lr": 0.1, "seed": 3, "a": 1, "b": 2}


def test_configuration_keys_are_attributes(begin, journal_of):
    run = begin(config={"lr": 0.1, "optimizer": {"name": "sgd", "betas": {"first": 0.9}}})
    run.config.lr = 0.2
    run.config.seed = 3
    run.finish()
    assert (run.config.lr, run.config["seed"]) == (0.2, 3)
    assert run.config.optimizer.betas.first == 0.9
    assert {"lr", "seed", "update"} <= set(dir(run.config))
    changes = [event["config"] for event in journal_of(run).events if event["event"] == "config"]
    assert changes[1:] == [{"lr": 0.2}, {"seed": 3}]


def test_an_unknown_attribute_lists_the_known_keys(begin):
    run = begin(config={"lr": 0.1, "optimizer": {"name": "sgd"}})
    with pytest.raises(AttributeError, match="no 'momentum'; it has: lr, optimizer"):
        _ = run.config.momentum
    with pytest.raises(AttributeError, match="no 'lr'; it has: name"):
        _ = run.config.optimizer.lr
    with pytest.raises(UsageError, match="set the whole dict"):
        run.config.optimizer.name = "adam"
    with pytest.raises(UsageError, match=r"config\['items'\]"):
        run.config.items = 3
    assert copy.deepcopy(dict(run.config)) == {"lr": 0.1, "optimizer": {"name": "sgd"}}


def test_dir_of_a_run_has_only_public_names(run):
    public = {name for name in dir(run) if not name.startswith("_")}
    named = (
        "array attempt audio config figure finish folder graph histogram id image log name note progress step summary "
        "table tag text unwatch watch watch_arrays"
    )
    assert public == set(named.split())


def test_a_recursive_configuration_ends_somewhere(begin):
    config: dict = {}
    config["self"] = config
    begin(config=config)


def test_a_recursive_dataclass_ends_somewhere(begin):
    @dataclasses.dataclass
    class Node:
        next: object = None

    node = Node()
    node.next = node
    begin(config={"node": node})


def test_changing_the_configuration_of_a_finished_run_is_refused(run):
    run.config["lr"] = 0.1
    run.finish()
    with pytest.raises(UsageError, match="is finished; continue it with"):
        run.config["lr"] = 0.2
    assert run.config["lr"] == 0.1


def test_a_configuration_that_is_too_large_changes_nothing(run):
    with pytest.raises(UsageError, match="the configuration is"):
        run.config["text"] = "x" * (8 << 20)
    assert "text" not in run.config


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"config": 3}, "config must be a dict"),
        ({"tags": 3}, "list of strings"),
        ({"tags": "one"}, r"tags=\["),
        ({"tags": [1]}, "list of strings"),
        ({"name": ""}, "1 to 200 characters"),
        ({"name": 7}, "got 7"),
        ({"name": "  "}, "1 to 200 characters"),
        ({"name": "\ud800"}, "name: .* not valid Unicode"),
        ({"tags": ["\ud800"]}, "tags: .* not valid Unicode"),
        ({"tags": (tag for tag in "ab")}, "list of strings"),
        ({"notes": "x" * 1_000_001}, "notes: 1,000,001 characters"),
        ({"config": {"lr": 1, "vocabulary": "x" * (8 << 20)}}, "most of them in 'vocabulary'"),
        ({"dir": "a\0b"}, "path of a folder"),
        ({"notes": None}, "notes must be a string"),
        ({"join": "../x"}, "join must be an id"),
        ({"join": "a", "resume": "b"}, "not both"),
        ({"resume": 3}, "name or id"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_created(tmp_path, options, said):
    with pytest.raises(UsageError, match=said):
        netscope.init(**{"dir": tmp_path / "runs", **options})
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("folder", [3, "", b"runs"])
def test_a_folder_that_is_not_a_path_is_refused(folder):
    with pytest.raises(UsageError, match="path of a folder"):
        netscope.init(dir=folder)
    with pytest.raises(UsageError, match="path of a folder"):
        netscope.open(folder)


def test_a_resumed_run_continues_as_a_new_attempt(begin):
    first = begin(name="one", config={"lr": 0.1})
    for i in range(5):
        first.log({"a": float(i)})
    first._session.put_row("system", ("cpu",), 99, (1.0,))
    first.finish()
    again = begin(resume="one", config={"seed": 1})
    assert (again.id, again.name, again.attempt, again.step) == (first.id, "one", 2, 5)
    assert dict(again.config) == {"lr": 0.1, "seed": 1}
    again.log({"a": 5.0})
    again.finish()
    assert begin(resume=first.id).attempt == 3
    second = read(first.folder)[1]
    assert second.start["attempt"] == 2
    assert second.event("attempt")["fork_step"] is None
    assert second.series("a") == {5: 5.0}


def test_resuming_a_run_that_another_process_writes_warns_at_the_users_line(tmp_path):
    code = f"import netscope; run = netscope.init({str(tmp_path)!r}, name='one'); print(run.id, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        other.stdout.readline()
        with pytest.warns(UserWarning, match=f"process {other.pid} on .* is attempt 2.*join=") as told:
            netscope.init(tmp_path, resume="one", watch_system=False, console=False).finish()
        assert [one.filename for one in told] == [__file__]
        other.kill()
    netscope.init(tmp_path, resume="one", watch_system=False, console=False).finish()  # nobody writes it any more


def test_an_unknown_run_lists_the_known_ones(begin, tmp_path):
    run = begin(name="known")
    with pytest.raises(NotFoundError, match=rf"no run 'other'.*known \({run.id}\)"):
        begin(resume="other")
    with pytest.raises(NotFoundError, match=r"no run 'x' in .*: no run"):
        netscope.init(tmp_path / "nowhere", resume="x")
    with pytest.raises(NotFoundError):
        begin(resume="..")


def test_hidden_characters_of_names_are_visible_in_the_list_of_known_runs(begin):
    run = begin(name="\u202ea\tb")
    with pytest.raises(NotFoundError, match=rf": ⟨U\+202E⟩a⟨U\+0009⟩b \({run.id}\)$"):
        begin(resume="nope")


def test_a_name_of_two_runs_asks_for_an_id(begin):
    ids = sorted(begin(name="twin").id for _ in range(2))
    with pytest.raises(UsageError, match=f"2 runs are named 'twin'.*{ids[0]}, {ids[1]}"):
        begin(resume="twin")


def test_a_run_is_found_by_its_new_name(begin):
    run = begin(name="old")
    run.finish()
    edit = frames.json_frame(frames.EVENT, {"event": "edit", "time": time.time() + 1, "name": "new"})
    start = frames.json_frame(frames.START, {"run": run.id, "attempt": 0, "name": None})
    (run.folder / "0-host-1-abcd.journal").write_bytes(frames.header(0.0, 1) + start + edit)
    assert begin(resume="new").id == run.id
    with pytest.raises(NotFoundError):
        begin(resume="old")


def test_a_damaged_journal_does_not_prevent_resuming_others(begin):
    good, bad = begin(name="good"), begin(name="bad")
    good.finish()
    (bad.folder / "1-x-1-0000.journal").write_bytes(b"no journal at all")
    assert begin(resume="good").id == good.id


def test_a_join_after_a_resume_goes_into_the_last_attempt(begin):
    begin(join="j").finish()
    begin(resume="j").finish()
    assert begin(join="j").attempt == 2


@pytest.fixture
def elsewhere(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_default_folder_is_runs_or_set_by_the_environment(elsewhere, monkeypatch):
    quiet = {"watch_system": False, "console": False}
    first = netscope.init(**quiet)
    monkeypatch.setenv("NETSCOPE_DIR", str(elsewhere / "from-environment"))
    second = netscope.init(**quiet)
    third = netscope.init("given", **quiet)
    for run in (first, second, third):
        run.finish()
    assert [run.folder.parent.name for run in (first, second, third)] == ["runs", "from-environment", "given"]
    assert first.folder.is_absolute()


def test_disabled_writes_nothing_starts_nothing_and_still_checks(elsewhere, monkeypatch):
    monkeypatch.setenv("NETSCOPE_MODE", "disabled")
    threads = threading.active_count()
    with netscope.init(config={"lr": 0.1}) as run:
        run.config["a"] = 1
        run.log({"a": 1.0, "n": np.ones(()), "t": "words", "i": netscope.Image([[1.0]])})
        run.histogram("h", [1, 2])
        run.image("i", [[0.0]])
        run.watch(object()).remove()
        run.watch_arrays({"a": {"weight": np.ones(3)}})
        with pytest.raises(UsageError):
            run.log({"a": object()})
        with pytest.raises(UsageError):
            run.log({"a": 1.0}, step=0.5)
        assert run.step == 1
        assert dict(run.config) == {"lr": 0.1, "a": 1}
        assert run._repr_html_() == ""
    assert list(elsewhere.iterdir()) == []
    assert threading.active_count() == threads


def test_an_unknown_mode_lists_the_known_ones(monkeypatch):
    monkeypatch.setenv("NETSCOPE_MODE", "offline")
    with pytest.raises(UsageError, match='"record" or "disabled", got \'offline\''):
        netscope.init()


def test_recording_plain_scalars_loads_no_numpy_and_no_framework(tmp_path):
    code = (
        "import sys, netscope; run = netscope.init(sys.argv[1], watch_system=False); run.log({'a': {'b': 1}});"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "msgspec" in loaded
    assert {"numpy", "torch", "starlette", "numba", "sqlalchemy", "socket"}.isdisjoint(loaded)
