"""The command line."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys

import pyarrow.parquet
import pytest

import netscope
from netscope import cli
from tests.store.journals import Script


def run(capsys, *arguments: str) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of a command."""
    try:
        cli.main(arguments)
        status = 0
    except SystemExit as left:
        status = int(left.code or 0)
    said = capsys.readouterr()
    return status, said.out, said.err


@pytest.mark.parametrize("command", ["runs", "show"])
def test_a_file_in_place_of_a_folder_is_called_a_file(tmp_path, capsys, command):
    file = tmp_path / "t1.py"
    file.write_text("import torch")
    status, out, said = run(capsys, command, str(file))
    assert (status, out) == (cli.WRONG, "")
    assert "is a file" in said and "init" not in said and len(said.splitlines()) == 1


def test_opening_a_file_that_is_no_model_is_refused_at_once(tmp_path, capsys):
    file = tmp_path / "t1.py"
    file.write_text("import torch")
    status, out, said = run(capsys, "open", str(file), "--no-browser")
    assert (status, out) == (cli.WRONG, "")
    assert "'t1.py' is a text that begins 'import torch', which" in said


def test_runs_are_listed_with_a_filter_a_sort_and_a_key(folder, write, capsys):
    for name, lr in (("a", 0.1), ("b", 0.2), ("c", 0.3)):
        write(name).curve("loss", [lr * 10]).event(event="config", config={"lr": lr}).end()
    status, out, _ = run(
        capsys, "runs", str(folder), "--where", "config.lr < 0.25", "--sort", "-config.lr", "--keys", "loss"
    )
    head, *rows = out.splitlines()
    assert status == 0
    assert head.split() == ["id", "name", "state", "created", "duration", "tags", "loss"]
    assert [row.split()[0] for row in rows] == ["b", "a"]
    assert [row.split()[-1] for row in rows] == ["2", "1"]


def test_keys_are_separated_by_commas_and_unknown_ones_reported(folder, write, capsys):
    write("a").curve("loss", [1.0]).curve("p(a,b)", [2.0]).curve("acc", [0.5]).end()
    status, out, err = run(capsys, "runs", str(folder), "--keys", "loss,lost", "--keys", "p(a,b)")
    assert (status, out.splitlines()[0].split()[-3:]) == (0, ["loss", "lost", "p(a,b)"])
    assert out.splitlines()[1].split()[-2:] == ["1", "2"]
    assert err == "netscope: none of these runs has a key 'lost'; they have: acc, loss, p(a,b)\n"
    assert run(capsys, "runs", str(folder), "--keys", "loss")[2] == ""
    _, out, _ = run(capsys, "export", str(folder), "a", "--key", "loss,acc", "--key", "p(a,b)")
    assert [row["key"] for row in csv.DictReader(io.StringIO(out))] == ["loss", "acc", "p(a,b)"]


def test_runs_are_listed_as_json_for_scripts(folder, write, capsys):
    write("a", name="two\nlines").curve("loss", [2.0, float("nan"), 1.0]).event(
        event="config", config={"lr": 0.1}
    ).end()
    write("b").end().path.write_bytes(b"no journal" + bytes(64))
    status, out, _ = run(capsys, "runs", str(folder), "--json", "--keys", "loss", "--sort", "id")
    first, second = json.loads(out)
    assert status == 0
    assert (first["id"], first["name"], first["state"], first["tags"]) == ("a", "two\nlines", "finished", [])
    assert (first["created"], first["config"]) == (1_760_000_000, {"lr": 0.1})
    assert first["summary"] == {"loss": {"last": 1.0, "min": 1.0, "max": 2.0, "value": 1.0}}
    assert (second["id"], second["state"], second["summary"]) == ("b", "unreadable", {})
    assert run(capsys, "runs", str(folder), "--json", "--where", "nothing")[1] == "[]\n"


def test_a_run_that_diverged_shows_so_in_the_list(folder, write, capsys):
    write("a").curve("loss", [1.0, float("nan")]).end()
    _, out, _ = run(capsys, "runs", str(folder), "--keys", "loss")
    assert out.splitlines()[1].split()[-1] == "nan"


def test_a_run_of_a_newer_version_is_marked(folder, write, capsys):
    path = write("a").end().path
    path.write_bytes(path.read_bytes()[:8] + b"\x02\x00" + path.read_bytes()[10:])
    write("b").end()
    status, out, err = run(capsys, "runs", str(folder))
    assert status == 0
    assert ["unreadable" in row for row in out.splitlines()[1:]] == [True, False]  # nobody knows when it began
    assert "1970" not in out
    assert err.startswith("netscope: a cannot be read: ")
    assert "upgrade netscope" in err


def test_a_run_is_listed_with_how_long_it_took(folder, write, capsys):
    write("a").event(event="end", state="finished", time=1_760_000_000.046)
    elsewhere = write("b").log({"loss": 1.0}, 0).end().path
    target = elsewhere.rename(folder.parent / "elsewhere.journal")
    elsewhere.symlink_to(target)
    _, out, _ = run(capsys, "runs", str(folder), "--sort", "-created")
    head, brief, unknown = out.splitlines()
    assert head.split()[4] == "duration"
    assert brief[head.index("duration") :] == "46 ms"
    assert unknown.split() == ["b", "b", "unreadable"]


def test_the_name_of_a_run_cannot_affect_the_terminal(folder, write, capsys):
    write("a\x1b[31m").end()
    write("b", name="two\nlines " + "x" * 10_000).end()
    write("c", name="学习").event(event="edit", tags=["t"], time=1.0).end()
    _, out, _ = run(capsys, "runs", str(folder))
    head, *rows = out.splitlines()
    assert len(rows) == 3
    assert "\x1b" not in out
    assert max(map(len, rows)) < 200
    assert {cli.columns(row[: row.index("finished")]) for row in rows} == {head.index("state")}
    _, _, err = run(capsys, "export", str(folder), "\x1b[2J")
    assert "\x1b" not in err


def test_every_point_is_exported(folder, write, capsys):
    write("a").curve("loss", [0.1 * i for i in range(5000)]).end()
    status, out, _ = run(capsys, "export", str(folder), "a")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert status == 0
    assert [float(row["value"]) for row in rows] == [0.1 * i for i in range(5000)]


def test_the_suffix_of_the_file_sets_the_format(folder, write, capsys, tmp_path):
    write("a").curve("loss", [1.0, 0.5, float("nan")]).curve("acc", [0.25]).end()
    comma, parquet = tmp_path / "out.csv", tmp_path / "out.PARQUET"
    for place in (comma, parquet, parquet):  # over one that is there
        assert run(capsys, "export", str(folder), "a", "--key", "loss", "-o", str(place)) == (0, "", "")
    rows = list(csv.DictReader(io.StringIO(comma.read_text())))
    assert [(row["run"], row["key"], row["step"], row["value"]) for row in rows] == [
        ("a", "loss", "0", "1.0"), ("a", "loss", "1", "0.5"), ("a", "loss", "2", "nan"),
    ]  # fmt: skip
    table = pyarrow.parquet.read_table(parquet)
    assert table.column_names == list(rows[0])
    assert [str(value) for value in table["value"].to_pylist()] == [row["value"] for row in rows]
    assert table["time"].to_pylist() == [float(row["time"]) for row in rows]
    assert set(table["replaced"].to_pylist()) == {False}
    assert sorted(path.name for path in tmp_path.iterdir() if path != folder) == ["out.PARQUET", "out.csv"]


@pytest.mark.parametrize("key", ["", ","])
def test_an_unknown_key_does_not_export_everything(folder, write, capsys, key):
    write("a").curve("loss", [1.0]).end()
    status, out, err = run(capsys, "export", str(folder), "a", "--key", key)
    assert (status, out) == (2, "")
    assert "has no key ''" in err


def test_several_keys_are_exported_in_the_requested_order(folder, write, capsys):
    write("a").curve("loss", [1.0]).curve("acc", [0.25]).end()
    _, out, _ = run(capsys, "export", str(folder), "a", "--key", "loss", "--key", "acc")
    assert [row["key"] for row in csv.DictReader(io.StringIO(out))] == ["loss", "acc"]


def test_a_run_may_be_given_by_its_name(folder, write, capsys):
    write("a").curve("loss", [1]).end()
    assert run(capsys, "export", str(folder), "name of a")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["runs", "/no/such/folder"], "/no/such/folder"),
        (["export", "{folder}", "zebra"], "zebra"),
        (["export", "{folder}", "a", "--key", "lost"], "it has: loss"),
        (["export", "{folder}", "a", "-o", "a.xlsx"], ".csv or .parquet"),
        (["export", "{folder}", "a", "-o", "/no/such/folder/a.csv"], "cannot be written"),
        (["export", "{folder}", "a", "-o", "/etc/hostname/a.csv"], "cannot be written"),
        (["runs", "{folder}", "--where", "config. <"], ""),
        (["show", "{folder}", "--port", "70000"], "70000"),
        (["show", "{folder}", "--port", "x"], "port"),
        (["show", "{folder}", "--host", "no.such.host.invalid"], "no.such.host.invalid"),
        (["show", "{folder}", "--colour"], "colour"),
        (["shwo"], "shwo"),
        (["runs", "{folder}", "--sort", "-"], "expected for example 'created'"),
        (["runs", "{folder}/a"], "folder of a single run"),
        (["show", "{folder}/a", "--port", "0"], "folder of a single run"),
        (["export", "{folder}/a", "a"], "folder of a single run"),
    ],
)  # fmt: skip
def test_an_error_is_one_line_on_stderr_and_status_2(folder, write, capsys, arguments, word):
    write("a").curve("loss", [1.0]).end()
    status, out, err = run(capsys, *(argument.format(folder=folder) for argument in arguments))
    assert (status, out) == (2, "")
    assert err.startswith("netscope: ")
    assert err.count("\n") == 1
    assert word in err


def test_the_version_is_printed(capsys):
    assert run(capsys, "--version")[1].strip() == netscope.__version__


def test_help_names_every_command(capsys):
    _, out, _ = run(capsys, "--help")
    assert all(command in out for command in ("show", "runs", "export", "demo"))


def test_help_describes_every_command(capsys):
    _, out, _ = run(capsys, "--help")
    commands = [line for line in out.splitlines() if line.startswith("│ ") and "--" not in line]
    names = "console demo diff export open prune-curve render runs scene show summary trash values"
    assert set(names.split()) == {line.split()[1] for line in commands if line[2] != " "}
    assert all(len(line.strip("│ ").split()) > 3 for line in commands)


def test_a_closed_pipe_is_not_an_error(folder, write):
    write("a").curve("loss", range(20_000)).end()
    command = f"{sys.executable} -m netscope.cli export {folder} a | head -n 1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, timeout=100, check=False
    )
    assert "Traceback" not in done.stderr
    assert done.stdout.startswith("run,key,step")


@pytest.mark.parametrize(
    ("environment", "platform", "is_shown"),
    [({}, "linux", False), ({"DISPLAY": ":0"}, "linux", True), ({"WAYLAND_DISPLAY": "w"}, "linux", True),
     ({"DISPLAY": ":0", "CI": "1"}, "linux", False), ({}, "darwin", True), ({"CI": "true"}, "darwin", False)],
)  # fmt: skip
def test_a_browser_is_opened_only_on_a_screen(monkeypatch, environment, platform, is_shown):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "CI"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    assert cli.has_screen() is is_shown


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_letters_that_the_terminal_lacks_are_replaced(folder, write, encoding):
    write("a", name="größe-🎉").curve("précision", [1.0]).end()
    command = [sys.executable, "-m", "netscope.cli", "runs", str(folder), "--keys", "précision"]
    done = subprocess.run(command, capture_output=True, env={**os.environ, "PYTHONIOENCODING": encoding})
    assert (done.returncode, done.stderr) == (0, b"")
    shown = "gr??e-?" if encoding == "ascii" else "größe-?"
    assert shown in done.stdout.decode(encoding)


def test_data_is_utf_8_whatever_the_terminal(folder, write):
    write("a", name="größe-🎉").curve("précision", [1.0]).end()
    for command in (["export", str(folder), "a"], ["runs", str(folder), "--json"]):
        done = subprocess.run(
            [sys.executable, "-m", "netscope.cli", *command],
            capture_output=True,
            env={**os.environ, "PYTHONIOENCODING": "ascii"},
        )
        assert (done.returncode, done.stderr) == (0, b"")
        assert ("précision" if command[0] == "export" else "größe-🎉") in done.stdout.decode()


@pytest.mark.parametrize("command", ["runs", "show", "export"])
def test_an_address_in_place_of_a_folder_is_refused_with_advice(capsys, command):
    arguments = [command, "s3://bucket/runs", *(["a"] if command == "export" else [])]
    status, out, err = run(capsys, *arguments)
    assert (status, out) == (2, "")
    assert "got the address 's3://bucket/runs'; mount it as a folder, or log to a local folder and copy it" in err


def test_the_console_of_a_run_is_shown_plain_or_with_colours(tmp_path, capsys):
    first, second = Script(rank=0), Script(rank=1)
    first.print("\x1b[32mgood\x1b[0m\n\x1b]0;title\x07bad\n", time=1.0).print("late\n", stream=2, time=9.0)
    second.print("between\n", time=5.0)
    for rank, script in enumerate((first, second)):
        script.end().write(tmp_path / "r", f"1-h-{rank}-a.journal")
    assert run(capsys, "console", str(tmp_path), "r")[1] == "good\n⟨U+001B⟩]0;title⟨U+0007⟩bad\nbetween\nlate\n"
    assert run(capsys, "console", str(tmp_path), "r", "--search", "GOOD", "--colour")[1] == "\x1b[32mgood\x1b[0m\n"
    assert run(capsys, "console", str(tmp_path), "r", "--rank", "0", "--stream", "err")[1] == "late\n"
    status, out, err = run(capsys, "console", str(tmp_path), "r", "--rank", "5")
    assert (status, out) == (2, "")
    assert "it has: 'rank 0', 'rank 1'" in err


def test_the_trash_is_listed_restored_from_and_emptied(folder, write, capsys):
    for name in ("a", "b", "c"):
        write(name, name=f"run {name}").curve("loss", [1.0]).end()
    with netscope.open(folder) as store:
        store.delete(["a", "b", "c"])
    status, out, _ = run(capsys, "trash", str(folder))
    assert (status, sorted(line.split()[0] for line in out.splitlines()[1:])) == (0, ["a", "b", "c"])
    assert run(capsys, "trash", str(folder), "--restore", "a")[1] == "restored a\n"
    assert run(capsys, "trash", str(folder), "--delete", "b", "--yes")[1] == "deleted for good b\n"
    assert run(capsys, "trash", str(folder), "--empty", "--yes")[1] == "deleted for good c\n"
    status, _, err = run(capsys, "trash", str(folder), "--restore", "b")
    assert (status, err) == (2, "netscope: no run 'b' in the trash\n")
    assert run(capsys, "runs", str(folder))[1].splitlines()[1].startswith("a ")


@pytest.mark.parametrize(("answer", "left"), [("y\n", 0), ("\n", 1)])
def test_deleting_for_good_asks_on_a_terminal(folder, write, capsys, monkeypatch, answer, left):
    write("a").end()
    with netscope.open(folder) as store:
        store.delete(["a"])
        terminal = io.StringIO(answer)
        terminal.isatty = lambda: True
        monkeypatch.setattr("sys.stdin", terminal)
        assert "Delete 1 run for good? [y/N]" in run(capsys, "trash", str(folder), "--empty")[2]
        assert len(store.trash()) == left


def test_deleting_for_good_without_a_terminal_needs_yes(folder, write, capsys, monkeypatch):
    write("a").end()
    monkeypatch.setattr("sys.stdin", io.StringIO())
    status, _, err = run(capsys, "trash", str(folder), "--delete", "a")
    assert status == 2
    assert "--yes" in err
