"""The console compared with pyte, a terminal emulator."""

from __future__ import annotations

import pyte
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from netscope.record.capture import terminal
from netscope.record.capture.terminal import Terminal, changed_style
from netscope.store.journal.limits import strip_colours

MOVES = [
    "\r",
    "\n",
    "\b",
    "\t",
    "\x1b[A",
    "\x1b[2A",
    "\x1b[B",
    "\x1b[C",
    "\x1b[3C",
    "\x1b[D",
    "\x1b[2D",
    "\x1b[G",
    "\x1b[4G",
    "\x1b[E",
    "\x1b[F",
]
ERASES = ["\x1b[K", "\x1b[1K", "\x1b[2K", "\x1b[J", "\x1b[1J", "\x1b[3X", "\x1b[2P", "\x1b[2@", "\x1b[L"]
LETTERS = [
    "a",
    "bc",
    " ",
    "hello",
    "█▌",
    "é",
    "\x1b[31m",
    "\x1b[0m",
    "\x1b[?25l",
    "\x1b]0;title\x07",
    "\x1b]8;;http://x\x1b\\",
]


def shown(text: str) -> list[str]:
    one = Terminal()
    one.feed(text)
    return [strip_colours(row.text) for row in one.rows]


def by_pyte(text: str) -> list[str]:
    screen = pyte.Screen(200, terminal.ROWS)
    screen.set_mode(pyte.modes.LNM)
    pyte.Stream(screen).feed(text)
    return [line.rstrip() for line in screen.display]


@given(st.lists(st.sampled_from(MOVES + ERASES + LETTERS), max_size=40))
@example(["a", "\n", "\x1b[A", "bc", "\x1b[J"])
@example(["\x1b[31m", " "])
def test_rows_equal_those_of_an_emulator(parts):
    text = "".join(parts)
    rows = shown(text)
    assert rows + [""] * (terminal.ROWS - len(rows)) == by_pyte(text)


@pytest.mark.parametrize(
    ("text", "row"),
    [("\x1b[31mred  \x1b[0m", "\x1b[31mred\x1b[0m"), ("\x1b[41m  \x1b[0m ", "\x1b[41m  \x1b[0m")],
)
def test_trailing_blanks_are_kept_if_they_are_visible(text, row):
    one = Terminal()
    one.feed(text)
    assert one.rows[0].text == row


@given(st.lists(st.sampled_from(MOVES + ERASES + LETTERS + ["中", "e\u0301"]), max_size=30), st.integers(1, 5))
def test_splitting_the_text_does_not_matter(parts, size):
    text = "".join(parts)
    pieces = Terminal()
    for at in range(0, len(text), size):
        pieces.feed(text[at : at + size])
    whole = Terminal()
    whole.feed(text)
    assert [row.text for row in pieces.rows] == [row.text for row in whole.rows]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("10%\r\x1b[32m100%\x1b[0m", ["\x1b[32m100%\x1b[0m"]),
        ("中文\rab", ["ab文"]),
        ("中文\ra", ["a 文"]),
        ("e\u0301x", ["e\u0301x"]),
        ("👩\u200d🔬!", ["👩\u200d🔬!"]),
        ("\x1b[1;31mA\x1b[22mB\x1b[39mC", ["\x1b[1;31mA\x1b[0;31mB\x1b[0mC"]),
        ("\x1b[38;5;200mp\x1b[48;2;1;2;3mq", ["\x1b[38;5;200mp\x1b[0;48;2;1;2;3;38;5;200mq\x1b[0m"]),
        ("a\x1b[?1049h within an editor\n\x1b[?1049l b", ["a b"]),
        ("one\ntwo\x1b[2J\x1b[Hthree", ["three", ""]),
        ("nul\0 bell\a", ["nul bell"]),
        ("one\ntwo\nthree\x1b[2A\x1b[M", ["two", "three", ""]),
        ("a\tb", ["a       b"]),
        ("unknown \x1b[5q\x1b(B codes", ["unknown  codes"]),
        ("\x1b[999999999Aup\x1b[99999Cright", ["up" + " " * 198 + "right"]),
    ],
)
def test_examples_of_terminal_output(text, rows):
    one = Terminal()
    one.feed(text)
    assert [row.text for row in one.rows] == rows


def test_rows_that_scroll_out_at_the_top_stay_unchanged():
    one = Terminal()
    one.feed("".join(f"{i}\n" for i in range(120)) + "\x1b[200Aup")
    assert [row.text for row in one.scrolled_out] == [str(i) for i in range(71)]
    assert one.rows[0].text == "up"
    assert len(one.rows) == terminal.ROWS


def test_style_codes_accumulate():
    assert changed_style("1;31", "0;4") == "4"
    assert changed_style("31", "") == ""
    assert changed_style("31", "41;1") == "41;1;31"
    assert changed_style("1;2", "22") == ""
