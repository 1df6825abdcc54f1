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
from hypothesis import given
from hypothesis import strategies as st

from netscope.record import console
from netscope.record.console import Lines, Rate
from tests.record.reading import read


@pytest.fixture
def take_streams(monkeypatch):
    """Put streams of our own in place; within the test, since pytest puts its own there first."""

    def take():
        out, err = io.StringIO(), io.StringIO()
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(sys, "stderr", err)
        return out, err

    return take


def told(found) -> list[tuple[int, str]]:
    return [(stream, line) for stream, text in found.console for line in text.splitlines()]


def test_what_is_printed_is_shown_and_kept(begin, journal_of, take_streams):
    out, _ = take_streams()
    run = begin(console=True)
    print("hello", "world")
    print("careful", file=sys.stderr)
    print("no end", end="")
    run.finish()
    print("after")
    assert out.getvalue() == "hello world\nno endafter\n"
    assert told(journal_of(run)) == [(1, "hello world"), (2, "careful"), (1, "no end")]


def test_a_logger_that_holds_the_stream_already_is_heard(begin, journal_of, take_streams):
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


@given(st.lists(st.sampled_from(["a", "bc", "\r", "\n", "\r\n", "\x1b[31m", "é"]), max_size=30), st.integers(1, 5))
def test_how_the_text_is_cut_changes_nothing(parts, size):
    text = "".join(parts)

    def lines(pieces):
        one = Lines(Rate())
        for piece in pieces:
            one.feed(piece)
        one.end()
        return one.take().split("\n")[:-1]

    whole = text.split("\n")
    shown = [console.shown(line.removesuffix("\r")) for line in whole]
    expected = shown if console.shown(whole[-1]) else shown[:-1]
    assert lines([text]) == expected
    assert lines([text[i : i + size] for i in range(0, len(text), size)]) == expected


def test_a_storm_of_prints_is_bounded_and_said(begin, journal_of, take_streams):
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


def test_a_line_without_end_does_not_fill_the_memory(begin, take_streams):
    out, _ = take_streams()
    run = begin(console=True)
    for _ in range(1000):
        sys.stdout.write("x" * 10_000)
    (lines,) = [hook.__self__._lines for hook in run._recording.at_finish if hook.__self__._stream is out]
    assert len(lines._open) <= 2 * console.LONGEST_LINE + 100
    run.finish()


@pytest.mark.parametrize("size", [7_777, 16 << 10, 50_000])
def test_what_is_cut_from_a_long_line_is_said(begin, journal_of, take_streams, size):
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


def test_streams_are_given_back(begin, take_streams):
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


def test_two_runs_hear_the_same(begin, take_streams):
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


def test_redirected_output_is_not_the_consoles(begin, journal_of, take_streams):
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
        "run = netscope.init(sys.argv[1], watch_system=False)\n"
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
        with run._recording.lock:
            is_held.set()
            has_printed.wait(0.2)  # the other thread has printed, and waits for the run
            print("a warning", file=sys.stdout)

    def prints():
        is_held.wait(10)
        print("a line")
        has_printed.set()

    threads = [threading.Thread(target=work, daemon=True) for work in (warns_while_it_logs, prints)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


def test_a_child_forked_while_a_thread_prints_can_print(begin, take_streams):
    take_streams()
    run = begin(console=True)
    (captured,) = [hook.__self__ for hook in run._recording.at_finish if hook.__self__._stream is sys.stdout]
    is_held, is_forked = threading.Event(), threading.Event()

    def hold():
        with captured._lock:
            is_held.set()
            is_forked.wait(20)

    thread = threading.Thread(target=hold)
    thread.start()
    is_held.wait(10)
    pid = os.fork()
    if pid == 0:
        signal.alarm(10)
        run.log({"a": 1.0})
        print("from the child")
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    is_forked.set()
    thread.join()
    assert code == 0
    run.finish()
    assert [text for one in read(run.folder) for _, text in one.console] == ["from the child\n"]
