"""Emulate a terminal: keep the rows that can still change, with their styles.

Handles one stream, without line wrapping. Printing must stay cheap: a row of single-width characters in the default
style is a `str`; only styles and wide characters turn a row into a list of cells.

Source of the escape codes: ECMA-48, and xterm's ctlseqs for extensions.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

from netscope.text import width

ROWS = 50
"""Number of rows that can still change; more than the height of most terminals."""
SCREEN = 24
"""Height of the screen in rows, for "clear the screen" and absolute positions."""
WIDTH = 200
"""Columns that the cursor can move to beyond the end of a row. Text may be longer."""
LONGEST_ROW = 16 << 10  # characters
LONGEST_CODE = 4 << 10  # characters; a longer sequence is not treated as an escape code

# An escape code or a control character. _BEGINS matches an incomplete code at the end of the text.
_CODE = re.compile(
    r"\x1b\[([0-?]*)[ -/]*([@-~])"  # CSI: parameters, final
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)"  # OSC (titles, links) and other strings
    r"|\x1b([ -/]*[0-OQ-WYZ\\`-~])"  # a single function
    r"|[\x00-\x1f\x7f-\x9f]"
)
_BEGINS = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|[\]PX^_][^\x07\x1b]*\x1b?|[ -/]*)?\Z")
# Single-width characters: Latin, Greek, Cyrillic, punctuation, arrows, boxes, blocks, Braille.
_NARROW = re.compile(
    r"[ -~\xa0-\xac\xae-\u02ff\u0370-\u0482\u2010-\u2027\u2030-\u205e\u2190-\u2319\u2500-\u25fc\u2800-\u28ff]*\Z"
)

Cell = tuple[str, str]
"""A character with its combining marks, and its style; '' is the right half of a wide character."""
BLANK: Cell = (" ", "")


class TerminalRow:
    """One row of the terminal."""

    __slots__ = ("cells", "is_recorded", "n_cut")

    def __init__(self) -> None:
        """Start empty."""
        self.cells: str | list[Cell] = ""
        self.n_cut = 0
        """Number of columns beyond `LONGEST_ROW`, which are not kept."""
        self.is_recorded = False
        """Whether the row is in the journal as a line."""

    def write(self, column: int, text: str, style: str) -> int:
        """Overwrite with text from a column on; return the column after it."""
        is_narrow = _NARROW.match(text) is not None
        if is_narrow and not style and isinstance(self.cells, str):
            end = column + len(text)
            if column == len(self.cells):
                self.cells += text
            elif column < LONGEST_ROW:
                self.cells = self.cells[:column].ljust(column) + text + self.cells[end:]
        else:
            new = [(character, style) for character in text] if is_narrow else _cells(text, style)
            end = column + len(new)
            if column < LONGEST_ROW:
                cells = self.as_cells()
                cells += [BLANK] * (column - len(cells))
                cells[column:end] = new
                _blank_halves(cells, column, end)
        if end > LONGEST_ROW:
            self.n_cut = max(self.n_cut, end - LONGEST_ROW)
            self.cells = self.cells[:LONGEST_ROW]
        return end

    def erase(self, start: int, end: int | None = None) -> None:
        """Blank the columns from `start` to `end`, or to the end of the row."""
        n = len(self.cells)
        if end is None or end >= n:
            self.cells = self.cells[:start]
            self.n_cut = 0
        elif start < n and isinstance(self.cells, str):
            self.cells = self.cells[:start] + " " * (end - start) + self.cells[end:]
        elif start < n:
            cells = self.as_cells()
            cells[start:end] = [BLANK] * (end - start)
            _blank_halves(cells, start, end)

    def insert(self, column: int, n: int) -> None:
        """Insert `n` blanks at a column."""
        cells = self.as_cells()
        if column < len(cells):
            cells[column:column] = [BLANK] * min(n, LONGEST_ROW)
            del cells[LONGEST_ROW:]

    def delete(self, column: int, n: int) -> None:
        """Delete `n` cells at a column."""
        del self.as_cells()[column : column + n]

    def combine(self, column: int, mark: str) -> None:
        """Add a combining mark to the character before a column."""
        cells = self.as_cells()
        at = min(column, len(cells)) - 1
        while at > 0 and not cells[at][0]:
            at -= 1
        if at >= 0 and len(cells[at][0]) < 32:
            cells[at] = (cells[at][0] + mark, cells[at][1])

    def as_cells(self) -> list[Cell]:
        """Turn the row into a list of cells and return it for modification."""
        if isinstance(self.cells, str):
            self.cells = [(character, "") for character in self.cells]
        return self.cells

    @property
    def text(self) -> str:
        """The row as text with escape codes for its styles, without trailing blanks."""
        text = self.cells.rstrip() if isinstance(self.cells, str) else _joined(self.cells)
        return f"{text}… (cut: {self.n_cut:,} more characters)" if self.n_cut else text


class Terminal:
    """The rows of one stream."""

    def __init__(self) -> None:
        """Start with one empty row."""
        self.rows = [TerminalRow()]
        """The rows that can still change, from the top."""
        self.scrolled_out: list[TerminalRow] = []
        """Rows that scrolled out at the top since this list was last cleared."""
        self.changed = 0
        """Index of the first row that was written to since this was last reset."""
        self.n_rows_total = 1
        """Total number of rows so far."""
        self.has_moved_up = False
        """Whether the cursor moved up since this was last reset, which means that rows will be overwritten."""
        self._y = self._x = 0
        self._style = ""
        self._saved = (0, 0)
        self._is_alternate = False  # on the alternate screen, as used by editors
        self._rest = ""  # an incomplete code

    def feed(self, text: str) -> None:
        """Process printed text."""
        if text == "\n" and not self._rest:  # as `print` ends every line
            self._next_row(0)
            return
        if self._rest:
            text, self._rest = self._rest + text, ""
        begins = _BEGINS.search(text, max(0, len(text) - LONGEST_CODE)) if "\x1b" in text else None
        if begins is not None:
            text, self._rest = text[: begins.start()], text[begins.start() :]
        at = 0
        for code in _CODE.finditer(text):
            if code.start() > at:
                self._print(text[at : code.start()])
            at = code.end()
            character = code[0]
            if character == "\n":
                self._next_row(0)
            elif character == "\r":
                self._x = 0
            elif code[2]:
                self._control(code[1], code[2])
            else:
                self._other(character, code[3])
        if at < len(text):
            self._print(text[at:])

    @property
    def row(self) -> int:
        """Index of the cursor's row in `rows`."""
        return self._y

    def forget(self, n: int) -> None:
        """Drop the first `n` rows, which can then no longer change."""
        del self.rows[:n]
        self._y = max(0, self._y - n)
        self.changed = max(0, self.changed - n)
        if not self.rows:
            self.rows.append(TerminalRow())

    def _print(self, text: str) -> None:
        if self._is_alternate:
            return
        row = self._touched()
        if self._x and not _NARROW.match(text[:1]) and width(text[0]) == 0:
            row.combine(self._x, text[0])
            text = text[1:]
        if text:
            self._x = row.write(self._x, text, self._style)

    def _touched(self) -> TerminalRow:
        self.changed = min(self.changed, self._y)
        return self.rows[self._y]

    def _next_row(self, column: int) -> None:
        if self._is_alternate:
            return
        self._x, self._y = column, self._y + 1
        if self._y == len(self.rows):
            self._append()

    def _append(self) -> None:
        self.rows.append(TerminalRow())
        self.n_rows_total += 1
        if len(self.rows) > ROWS:
            self.scrolled_out.append(self.rows[0])
            self.forget(1)

    def _go(self, row: int, column: int | None = None) -> None:
        """Move the cursor; rows are added if necessary."""
        row = max(0, min(row, ROWS - 1))
        self.has_moved_up |= row < self._y
        while row >= len(self.rows):
            self._append()
        self._y = row
        if column is not None:
            self._x = max(0, min(column, max(WIDTH, len(self.rows[row].cells))))

    @property
    def _top(self) -> int:
        """Index of the first row of the screen, to which absolute positions are relative."""
        return max(0, len(self.rows) - SCREEN)

    def _other(self, character: str, function: str | None) -> None:
        """Process a control character other than a line end, or a single-character code."""
        if character == "\b":
            self._x = max(0, self._x - 1)
        elif character == "\t":
            n = 8 - self._x % 8
            if self._x < len(self.rows[self._y].cells):
                self._x += n
            else:
                self._print(" " * n)
        elif character in ("\v", "\f"):
            self._next_row(self._x)
        elif function == "7":
            self._saved = (self._y, self._x)
        elif function == "8":
            self._go(*self._saved)
        elif function == "M":
            self._go(self._y - 1)
        elif function == "D":
            self._next_row(self._x)
        elif function == "E":
            self._next_row(0)
        elif function == "c":
            self._style = ""

    def _control(self, parameters: str, final: str) -> None:
        """Process a code with parameters."""
        if final == "m" and parameters[:1] not in ("<", "=", ">", "?"):
            self._style = changed_style(self._style, parameters)
            return
        if parameters[:1] == "?":
            if final in "hl" and {"47", "1047", "1049"} & set(parameters[1:].split(";")):
                self._is_alternate = final == "h"
            return
        if self._is_alternate:
            return
        numbers = [int(one) if one.isdecimal() and len(one) < 6 else 0 for one in parameters.split(";")]
        first, n = numbers[0], max(1, numbers[0])
        if final == "A":
            self._go(self._y - n)
        elif final in "Be":
            self._go(self._y + n)
        elif final in "Ca":
            self._go(self._y, self._x + n)
        elif final == "D":
            self._go(self._y, self._x - n)
        elif final == "E":
            self._go(self._y + n, 0)
        elif final == "F":
            self._go(self._y - n, 0)
        elif final in "G`":
            self._go(self._y, n - 1)
        elif final == "d":
            self._go(self._top + n - 1)
        elif final in "Hf":
            column = numbers[1] if len(numbers) > 1 else 1
            self._go(self._top + n - 1, max(1, column) - 1)
        elif final == "K":
            self._erase_in_row(first)
        elif final == "J":
            self._erase_below_or_above(first)
        elif final == "X":
            self._touched().erase(self._x, self._x + n)
        elif final == "@":
            self._touched().insert(self._x, n)
        elif final == "P":
            self._touched().delete(self._x, n)
        elif final in "LM":
            self._move_rows(n if final == "L" else -n)
        elif final == "s":
            self._saved = (self._y, self._x)
        elif final == "u":
            self._go(*self._saved)

    def _erase_in_row(self, how: int) -> None:
        row = self._touched()
        if how == 0:
            row.erase(self._x)
        elif how == 1:
            row.erase(0, self._x + 1)
        else:
            row.erase(0)

    def _erase_below_or_above(self, how: int) -> None:
        """Erase 0: from the cursor to the end, 1: up to the cursor, 2: the whole screen."""
        self._erase_in_row(how if how < 2 else 2)
        below = range(self._y + 1, len(self.rows)) if how != 1 else range(0)
        above = range(self._top, self._y) if how in (1, 2) else range(0)
        for i in (*above, *below):
            self.rows[i].erase(0)
            self.changed = min(self.changed, i)

    def _move_rows(self, n: int) -> None:
        """Insert `n` blank rows at the cursor (delete rows if `n` is negative) and shift the rows below."""
        if n > 0:
            for _ in range(min(n, ROWS - len(self.rows))):
                self._append()
        old = [row.cells for row in self.rows[self._y :]]
        new = [*([""] * min(n, len(old))), *old] if n > 0 else old[-n:]
        for i, row in enumerate(self.rows[self._y :]):
            row.cells = new[i] if i < len(new) else ""
        self._x = 0
        self.changed = min(self.changed, self._y)


def _cells(text: str, style: str) -> list[Cell]:
    """Convert characters of any width to cells; combining marks join the character before."""
    found: list[Cell] = []
    for character in text:
        n = width(character)
        if n == 0 and found:
            at = -1 if found[-1][0] or len(found) < 2 else -2
            found[at] = (found[at][0] + character, style)
        elif n:
            found.append((character, style))
            if n == 2:
                found.append(("", style))
    return found


def _blank_halves(cells: list[Cell], start: int, end: int) -> None:
    """Blank the remaining halves of wide characters that were partly overwritten."""
    if 0 < start < len(cells) and cells[start - 1][0] and width(cells[start - 1][0][0]) == 2 and cells[start][0]:
        cells[start - 1] = BLANK
    if end < len(cells) and not cells[end][0]:
        cells[end] = BLANK


def _joined(cells: list[Cell]) -> str:
    """Convert cells to text with codes where the style changes; the last style is reset."""
    n = len(cells)
    while n and cells[n - 1][0] == " " and not _shows_on_blanks(cells[n - 1][1]):
        n -= 1
    parts: list[str] = []
    style = ""
    for character, of in cells[:n]:
        if of != style:
            parts.append(f"\x1b[0;{of}m" if of and style else f"\x1b[{of or 0}m")
            style = of
        parts.append(character)
    return "".join(parts) + ("\x1b[0m" if style else "")


# The attributes that style (SGR) codes set, and those that they reset.
_SETS = {
    "1": "bold", "2": "dim", "3": "italic", "4": "under", "21": "under", "7": "inverse", "8": "hidden", "9": "struck",
}  # fmt: skip
_ENDS = {
    "22": ("bold", "dim"), "23": ("italic",), "24": ("under",), "27": ("inverse",), "28": ("hidden",),
    "29": ("struck",), "39": ("fore",), "49": ("back",),
}  # fmt: skip


@functools.lru_cache(4096)
def changed_style(style: str, parameters: str) -> str:
    """The style after one more SGR code; both are SGR parameters.

    >>> changed_style(changed_style("", "1;31"), "39")
    '1'
    """
    state = dict(_settings(style)) if style else {}
    for kind, code in _settings(parameters or "0"):
        if kind == "reset":
            state.clear()
        elif code:
            state[kind] = code
        else:
            state.pop(kind, None)
    return ";".join(state[kind] for kind in sorted(state))


@functools.lru_cache(4096)
def _shows_on_blanks(style: str) -> bool:
    """Whether a blank in this style is visible, for example because of its background."""
    return any(kind in ("back", "inverse", "under", "struck") for kind, _ in _settings(style))


def _settings(parameters: str) -> Iterator[tuple[str, str]]:
    """Yield (attribute, code) for each parameter; an empty code resets the attribute."""
    codes = parameters.replace(":", ";").split(";") if parameters else []
    at = 0
    while at < len(codes):
        code = codes[at].lstrip("0")
        at += 1
        if not code:
            yield "reset", ""
        elif code in ("38", "48") and at < len(codes):
            n = {"5": 2, "2": 4}.get(codes[at].lstrip("0"), 1)
            yield ("fore" if code == "38" else "back"), ";".join((code, *codes[at : at + n]))
            at += n
        elif code in _SETS:
            yield _SETS[code], code
        elif code in _ENDS:
            yield from ((what, "") for what in _ENDS[code])
        elif code.isdecimal() and (30 <= int(code) <= 37 or 90 <= int(code) <= 97):
            yield "fore", code
        elif code.isdecimal() and (40 <= int(code) <= 47 or 100 <= int(code) <= 107):
            yield "back", code
