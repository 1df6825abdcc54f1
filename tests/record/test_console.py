from __future__ import annotations

import contextlib
import io
import logging
import os
import signal
import subprocess
import sys
import threading

import pytest

import netscope
from netscope.record.capture import console, terminal
from tests.record.reading import read


@pytest.fixture
def take_streams(monkeypatch):
    """Replace the streams, inside the test because pytest replaces them first."""

    def take():
        out, err = io.StringIO(), io.StringIO()
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(sys, "stderr", err)
        return out, err

    return take


def told(found) -> list[tuple[int, str]]:
    return [(stream, line) for stream, text in found.console for line in text.splitlines()]


def test_printed_text_is_shown_and_recorded(begin, journal_of, take_streams):
    out, _ = take_streams()
    run = begin(console=True)
    print("hello", "world")
    print("careful", file=sys.stderr)
    print("no end", end="")
    run.finish()
    print("after")
    assert out.getvalue() == "hello world\nno endafter\n"
    assert told(journal_of(run)) == [(1, "hello world"), (2, "careful"), (1, "no end")]


def test_a_logger_that_already_has_the_stream_is_recorded(begin, journal_of, take_streams):
    take_streams()
    logger = logging.Logger("early")
    logger.addHandler(logging.StreamHandler(sys.stderr))
    run = begin(console=True)
    logger.warning("loss is high")
    run.finish()
    assert told(journal_of(run)) == [(2, "loss is high")]


def test_a_progress_bar_is_one_line(begin, journal_of, take_streams):
    take_streams()
    run = begin(console=True)
    for i in range(101):
        print(f"\r{i:3d}% |{'#' * (i // 10):10s}|", end="", file=sys.stderr)
    print(file=sys.stderr)
    run.finish()
    assert told(journal_of(run)) == [(2, "100% |##########|")]


def shown(run) -> list[tuple[str, str]]:
    """The recorded console of a run: stream and text."""
    with netscope.open(run.folder.parent) as store:
        return [(line.stream, line.text) for line in store.run(run.id).console()]


NESTED = (
    "epoch 0%\n\rbatch 0%\x1b[A\n\rbatch 50%\x1b[A\repoch 50%\n\rbatch 99%\x1b[A\n\r         \r\x1b[A\repoch 100%\n"
)


@pytest.mark.parametrize("beats", [False, True])
def test_stacked_bars_leave_what_a_terminal_shows(begin, take_streams, beats):
    take_streams()
    run = begin(console=True)
    (console,) = consoles(run)
    print("before")
    for i in range(0, len(NESTED), 3):
        sys.stdout.write(NESTED[i : i + 3])
        if beats:
            console.beat()
    run.finish()
    assert shown(run) == [("out", "before"), ("out", "epoch 100%")]


def test_bars_are_visible_while_they_move(begin, take_streams):
    take_streams()
    run = begin(console=True)
    (console,) = consoles(run)
    print("loading")
    for percent in (10, 20):
        sys.stderr.write(f"epoch {percent}%\n\rbatch {percent}%\x1b[A\r")
        console.beat()
        assert shown(run) == [("out", "loading"), ("err", f"epoch {percent}%"), ("err", f"batch {percent}%")]
    print("and printed to the other stream")
    assert shown(run)[1] == ("out", "and printed to the other stream")
    run.finish()
    assert shown(run)[-2:] == [("err", "epoch 20%"), ("err", "batch 20%")]


def test_an_incomplete_line_is_visible(begin, take_streams):
    take_streams()
    run = begin(console=True)
    (console,) = consoles(run)
    print("downloading… ", end="")
    console.beat()
    assert shown(run) == [("out", "downloading…")]
    print("done")
    assert shown(run) == [("out", "downloading… done")]


def test_lines_are_recorded_as_soon_as_they_are_complete(begin, journal_of, take_streams):
    take_streams()
    run = begin(console=True)
    print("the last words")
    assert told(journal_of(run)) == [(1, "the last words")]


def test_lines_overwritten_long_ago_are_recorded_quickly_again(begin, journal_of, take_streams, monkeypatch):
    take_streams()
    run = begin(console=True)
    print("a\nb")
    sys.stdout.write("\x1b[2Anew\n\x1b[B")
    print("while it may change")
    monkeypatch.setattr(console, "LIVE_S", -1.0)
    print("at once")
    assert [text for _, text in shown(run)] == ["new", "b", "while it may change", "at once"]
    assert told(journal_of(run))[-4:] == [(1, "new"), (1, "b"), (1, "while it may change"), (1, "at once")]


def test_colours_are_recorded_and_can_be_removed(begin, take_streams):
    take_streams()
    run = begin(console=True)
    print("\x1b[1;32mgood\x1b[0m news")
    run.finish()
    with netscope.open(run.folder.parent) as store:
        one = store.run(run.id)
        assert [line.text for line in one.console()] == ["good news"]
        assert [line.text for line in one.console(ansi=True)] == ["\x1b[1;32mgood\x1b[0m news"]
        assert [line.text for line in one.console("GOOD N")] == ["good news"]
        assert one.console("32m") == []


def test_tools_that_draw_in_a_terminal_leave_what_it_shows(begin, take_streams):
    import rich.progress as progress
    import tqdm

    take_streams()
    run = begin(console=True)
    for _ in tqdm.tqdm(range(3), desc="epoch", ncols=60, mininterval=0):
        for _ in tqdm.tqdm(range(20), desc="batch", position=1, leave=False, ncols=60, mininterval=0):
            pass
    screen = progress.Console(file=sys.stdout, force_terminal=True, width=60)
    with progress.Progress(console=screen) as bars:
        tasks = [bars.add_task(name, total=20) for name in ("train", "val")]
        for _ in range(20):
            for task in tasks:
                bars.advance(task)
            bars.refresh()
    run.finish()
    lines = shown(run)
    assert sorted(text.split()[0] for _, text in lines) == ["epoch:", "train", "val"]
    assert all("100%" in text for _, text in lines)


def consoles(run) -> list[console.Console]:
    hooks = [getattr(hook, "__self__", None) for hook in run._session._at_finish]
    return [one for one in hooks if isinstance(one, console.Console)]


def test_a_flood_of_output_is_limited_and_reported(begin, journal_of, take_streams):
    take_streams()
    run = begin(console=True)
    for i in range(30_000):
        print(f"{i:06d} " + "x" * 93)
    run.finish()
    lines = [line for _, line in told(journal_of(run))]
    assert lines[0].startswith("000000 ")
    kept = sum(line.endswith("xxx") for line in lines)
    assert 10_000 < kept < 15_000
    left_out = sum(int(line.split()[1].replace(",", "")) for line in lines if line.startswith("…"))
    assert kept + left_out == 30_000
    assert journal_of(run).n_bytes < 4 << 20


def test_an_endless_line_does_not_fill_the_memory(begin, take_streams):
    take_streams()
    run = begin(console=True)
    for _ in range(1000):
        sys.stdout.write("x" * 10_000)
    (one,) = consoles(run)
    (row,) = one._printed[1]._terminal.rows
    assert len(row.cells) <= terminal.LONGEST_ROW
    run.finish()


@pytest.mark.parametrize("size", [7_777, 16 << 10, 50_000])
def test_truncation_of_a_long_line_is_reported(begin, journal_of, take_streams, size):
    take_streams()
    run = begin(console=True)
    text = "é" * 49_999 + "\n" + "short\n" + "y" * (16 << 10) + "\n" + "z" * 20_000
    for at in range(0, len(text), size):
        sys.stdout.write(text[at : at + size])
    run.finish()
    cut, short, whole, last = [line for _, line in told(journal_of(run))]
    assert cut == "é" * (16 << 10) + "… (cut: 33,615 more characters)"
    assert (short, whole) == ("short", "y" * (16 << 10))
    assert last.endswith("z… (cut: 3,616 more characters)")


def test_streams_are_restored(begin, take_streams):
    take_streams()
    run = begin(console=True)
    assert "write" in vars(sys.stdout)
    run.finish()
    assert "write" not in vars(sys.stdout)


def test_a_stream_that_someone_wraps_later_stays_wrapped(begin, take_streams):
    out, _ = take_streams()
    run = begin(console=True)
    ours = sys.stdout.write
    sys.stdout.write = lambda text: ours(text.upper())
    run.finish()
    print("loud")
    assert out.getvalue() == "LOUD\n"


def test_two_runs_record_the_same_output(begin, take_streams):
    out, _ = take_streams()
    first, second = begin(console=True), begin(console=True)
    print("both")
    first.finish()
    print("one")
    second.finish()
    print("none")
    assert [text for _, text in read(first.folder)[0].console] == ["both\n"]
    assert [text for _, text in read(second.folder)[0].console] == ["both\n", "one\n"]
    assert out.getvalue() == "both\none\nnone\n"


def test_redirected_output_is_not_recorded(begin, journal_of, take_streams):
    take_streams()
    run = begin(console=True)
    with contextlib.redirect_stdout(io.StringIO()):
        print("elsewhere")
    run.finish()
    assert told(journal_of(run)) == []


def test_a_process_without_streams_can_be_recorded(begin, monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    begin(console=True).log({"a": 1.0})


def test_console_is_off_when_switched_off(begin, journal_of, take_streams):
    take_streams()
    run = begin(console=False)
    print("unheard")
    run.finish()
    assert journal_of(run).console == []


def test_real_streams_are_wrapped_too(tmp_path):
    code = (
        "import netscope, sys\n"
        "run = netscope.init(sys.argv[1], watch_system=False, quiet=True)\n"
        "print('out'); sys.stderr.write('err\\n'); sys.stdout.writelines(['a\\n', 'b\\n'])"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("out\na\nb\n", "err\n")
    (run,) = tmp_path.iterdir()
    assert [text for _, text in read(run)[0].console] == ["out\n", "err\n", "a\n", "b\n"]


def test_printing_while_another_thread_holds_the_run_never_hangs(begin, take_streams):
    take_streams()
    run = begin(console=True)
    is_held, has_printed = threading.Event(), threading.Event()

    def warns_while_it_logs():
        with run._session.lock:
            is_held.set()
            has_printed.wait(0.2)  # the other thread has printed, and waits for the run
            print("a warning", file=sys.stdout)

    def prints():
        is_held.wait(100)
        print("a line")
        has_printed.set()

    threads = [threading.Thread(target=work, daemon=True) for work in (warns_while_it_logs, prints)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(100)
        assert not thread.is_alive()


def test_a_child_forked_while_a_thread_prints_can_still_print(begin, take_streams):
    take_streams()
    run = begin(console=True)
    (one,) = consoles(run)
    is_held, is_forked = threading.Event(), threading.Event()

    def hold():
        with one._lock:
            is_held.set()
            is_forked.wait(200)

    thread = threading.Thread(target=hold)
    thread.start()
    is_held.wait(100)
    pid = os.fork()
    if pid == 0:
        signal.alarm(100)
        run.log({"a": 1.0})
        print("from the child")
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    is_forked.set()
    thread.join()
    assert code == 0
    run.finish()
    assert [text for one in read(run.folder) for _, text in one.console] == ["from the child\n"]
