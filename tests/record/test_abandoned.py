"""Abandoned runs, and workers that only import the script."""

from __future__ import annotations

import gc
import subprocess
import sys
import types

import pytest

import netscope
from netscope.errors import NetscopeError, UsageError
from netscope.record import guard
from tests.record.reading import read


def ends(folder) -> dict[str, str]:
    """The state of each run; "" while it is open."""
    with netscope.open(folder) as store:
        return {run.name: run.state for run in store.runs()}


def begin(folder, name: str, **options) -> netscope.Run:
    return netscope.init(folder, name, **{"watch_system": False, "console": False, **options})


def test_an_unreferenced_run_is_abandoned_when_another_begins(tmp_path):
    begin(tmp_path, "first").log({"a": 1.0})
    assert ends(tmp_path) == {"first": "running"}
    with pytest.warns(RuntimeWarning, match=r"'first' was not finished .* ends as abandoned") as told:
        second = begin(tmp_path, "second")
    assert told[0].filename == __file__
    assert ends(tmp_path) == {"first": "abandoned", "second": "running"}
    second.finish()
    assert ends(tmp_path)["second"] == "finished"


@pytest.mark.parametrize("options", [{"resume": "nope"}, {"join": "a/b"}, {"tags": "a"}])
def test_a_run_that_cannot_begin_abandons_none(tmp_path, options):
    begin(tmp_path, "first").log({"a": 1.0})
    with pytest.raises(NetscopeError):
        begin(tmp_path, "second", **options)
    (tmp_path / "file").write_text("")
    with pytest.raises(NetscopeError):
        begin(tmp_path / "file" / "runs", "second")
    assert ends(tmp_path) == {"first": "running"}
    with pytest.warns(RuntimeWarning, match="abandoned"):
        begin(tmp_path, None, resume="first").finish()  # without a warning that it is still running


def test_only_the_console_of_the_new_run_has_the_warning(tmp_path):
    code = (
        "import netscope\n"
        "for name in ('first', 'second'):\n"
        f"  netscope.init({str(tmp_path)!r}, name, watch_system=False).log({{'x': 1.0}})\n"
    )
    subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    with netscope.open(tmp_path) as store:
        said = {name: [line.text for line in store.run(name).console()] for name in ("first", "second")}
    assert said["first"] == []
    assert "ends as abandoned" in "".join(said["second"])


def test_assigning_another_run_to_a_variable_abandons_the_first(tmp_path, monkeypatch):
    from netscope.record import heartbeat

    monkeypatch.setattr(heartbeat, "BEAT_S", 0.02)
    told = []
    monkeypatch.setattr(guard, "warn_once", lambda kind, sentence: told.append(kind))
    run = begin(tmp_path, "first")
    first = run._session
    run = begin(tmp_path, "second")
    gc.collect()
    first._heartbeat._thread.join(100)
    assert ends(tmp_path) == {"first": "abandoned", "second": "running"}
    assert told == ["abandoned"]
    run.finish()


def test_referenced_runs_continue_side_by_side(tmp_path):
    runs = [begin(tmp_path, name) for name in ("generator", "critic", "third")]
    for run in runs:
        run.log({"a": 1.0})
    assert set(ends(tmp_path).values()) == {"running"}
    for run in runs:
        run.finish()
    assert set(ends(tmp_path).values()) == {"finished"}


def test_a_run_in_a_reference_cycle_is_abandoned(tmp_path):
    circle = [begin(tmp_path, "first")]
    circle.append(circle)
    del circle
    with pytest.warns(RuntimeWarning, match="abandoned"):
        begin(tmp_path, "second").finish()
    assert ends(tmp_path)["first"] == "abandoned"


def test_an_unreferenced_last_run_is_finished_at_the_end_of_the_script(tmp_path):
    code = (
        f"import netscope\ndef main():\n"
        f"  netscope.init({str(tmp_path)!r}, 'a', watch_system=False, quiet=True).log({{'x': 1.0}})\n"
    )
    done = subprocess.run([sys.executable, "-c", code + "main()\nprint('more')"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    (folder,) = tmp_path.iterdir()
    assert read(folder)[0].event("end")["state"] == "finished"
    assert [text for _, text in read(folder)[0].console] == ["more\n"]


def test_an_abandoned_run_stops_watching_and_capturing(tmp_path):
    import torch

    model = torch.nn.Linear(2, 1)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)

    def train(run):
        for _ in range(3):
            optimiser.zero_grad()
            model(torch.ones(4, 2)).sum().backward()
            optimiser.step()
            run.log({"loss": 1.0})

    run = begin(tmp_path, "first", console=True)
    run.watch(model, every=1)
    train(run)
    keeps = run.folder
    del run
    with pytest.warns(RuntimeWarning, match="abandoned"):
        run = begin(tmp_path, "second", console=True)
    run.watch(model, every=1)
    print("of the second")
    train(run)
    run.finish()
    (first,) = read(keeps)
    assert first.console == []
    assert len(first.series("weight/gradient/norm", "layer") or first.series("/weight/gradient/norm", "layer")) <= 3
    assert len(first.rows) == len(read(run.folder)[0].rows)


@pytest.fixture
def shell(monkeypatch):
    """The part of IPython that netscope uses, and a way to run a cell in it."""
    names: dict = {"__name__": "__main__"}

    class Shell:
        user_ns = user_global_ns = names
        execution_count = 0
        parent: dict = {}

        def get_parent(self):
            return self.parent

        def run(self, code: str, cell: str | None = None):
            self.execution_count += 1
            self.parent = {"metadata": {"cellId": cell} if cell else {}}
            exec(compile(code, f"/tmp/ipykernel/{hash(code)}.py", "exec"), names)

    one = Shell()
    python = types.ModuleType("IPython")
    python.get_ipython = lambda: one
    monkeypatch.setitem(sys.modules, "IPython", python)
    return one


BEGIN = "run = netscope.init({0!r}, {1!r}, watch_system=False, console=False); held = [run]"


@pytest.mark.parametrize("ids", [("c", "c"), (None, None), ("c", "d")])
def test_running_a_cell_again_ends_its_run_even_if_outputs_refer_to_it(shell, tmp_path, ids):
    shell.run("import netscope; outputs = []")
    shell.run(BEGIN.format(str(tmp_path), "first") + "; outputs.append(run)", ids[0])
    with pytest.warns(RuntimeWarning, match="abandoned"):
        shell.run(BEGIN.format(str(tmp_path), "second") + "; outputs.append(run)", ids[1])
    assert ends(tmp_path) == {"first": "abandoned", "second": "running"}
    with pytest.raises(UsageError, match="'first' is abandoned; continue it with"):
        shell.user_ns["outputs"][0].log({"a": 1.0})


def test_two_cells_with_two_variables_record_side_by_side(shell, tmp_path):
    shell.run("import netscope")
    shell.run(BEGIN.format(str(tmp_path), "first").replace("run", "one", 1).replace("[run]", "[one]"), "c")
    shell.run(BEGIN.format(str(tmp_path), "second").replace("run", "two", 1).replace("; held = [run]", ""), "d")
    assert ends(tmp_path) == {"first": "running", "second": "running"}


def test_runs_in_a_list_from_one_cell_record_side_by_side(shell, tmp_path):
    shell.run(
        "import netscope; runs = []\n"
        "for name in 'ab':\n"
        f"    run = netscope.init({str(tmp_path)!r}, name, watch_system=False, console=False)\n"
        "    runs.append(run)",
        "c",
    )
    assert ends(tmp_path) == {"a": "running", "b": "running"}
    for run in shell.user_ns["runs"]:
        run.finish()


SCRIPT = """
import multiprocessing, netscope, sys
run = netscope.init(sys.argv[1], "top", watch_system=False)

def work(given, how):
    if how == "own":
        netscope.init(sys.argv[1], "own", watch_system=False).log({"x": 1.0})
    elif how == "global":
        run.log({"x": 1.0})
    elif how == "given":
        given.log({"x": 1.0})

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[2])
    worker = context.Process(target=work, args=(run if sys.argv[3] == "given" else None, sys.argv[3]))
    worker.start()
    worker.join()
    run.log({"loss": 1.0})
    sys.exit(worker.exitcode)
"""


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
@pytest.mark.parametrize(
    ("how", "found"),
    [
        ("import", {"top": ["loss"]}),
        ("global", {"top": ["loss"]}),
        ("given", {"top": ["loss", "x"]}),
        ("own", {"top": ["loss"], "own": ["x"]}),
    ],
)
def test_a_spawned_worker_that_only_imports_the_script_creates_no_run(tmp_path, method, how, found):
    (tmp_path / "train.py").write_text(SCRIPT)
    command = [sys.executable, tmp_path / "train.py", tmp_path / "runs", method, how]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    with netscope.open(tmp_path / "runs") as store:
        assert {run.name: run.keys() for run in store.runs()} == found
    assert ("this run records nothing" in done.stderr) == (how == "global")
