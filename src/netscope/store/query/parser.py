"""Parser of the filter language: turns text into a function of a run."""

from __future__ import annotations

import math
import re
from typing import NamedTuple, NoReturn

from netscope.errors import UsageError
from netscope.schema.run import Run
from netscope.store.ingest.run_row import empty_run
from netscope.store.journal.exact_numbers import MOST_DIGITS
from netscope.store.query.known_keys import PARTS, KnownKeys
from netscope.store.query.operators import (
    Node,
    Value,
    all_of,
    comparison,
    constant,
    is_missing,
    is_true,
    javascript_text,
)

FIELDS = ("id", "name", "state", "created", "updated", "duration", "tags", "notes", "archived", "folder")
CONSTANTS: dict[str, Value] = {
    "True": True, "true": True, "False": False, "false": False, "None": None, "null": None,
    "nan": math.nan, "inf": math.inf,
}  # fmt: skip
STATES = ("running", "finished", "crashed", "killed", "abandoned", "unreadable")
COMPARISONS = ("==", "!=", "<", "<=", ">", ">=", "~", "=~", "!~", "in", "not", "is")
TOKEN = re.compile(
    r"\s*(?:(?P<number>[0-9]+\.?[0-9]*(?:[eE][+-]?[0-9]+)?|\.[0-9]+(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<text>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')"
    r"|(?P<name>[^\W\d]\w*(?:[/@-]\w+)*)"
    r"|(?P<mark>==|!=|<=|>=|=~|!~|[<>~()\[\],.+-]))"
)
MOST_NESTED = 100


class Token(NamedTuple):
    """A token and its position in the text."""

    kind: str
    text: str
    at: int


def _tokens(text: str, what: str) -> list[Token]:
    found, at = [], 0
    while text[at:].strip():
        match = TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            rest = text[at:].strip()[:20]
            raise UsageError(f"the {what} {text!r} cannot be read from character {at + 1} on: {rest!r}")
        found.append(Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup)))
        at = match.end()
    return [*found, Token("end", "", len(text))]


class Parser:
    """Recursive descent parser. Precedence from low to high: or, and, not, comparison, sign, atom."""

    def __init__(self, text: str, known: KnownKeys | None = None, what: str = "filter") -> None:
        """Split the text into tokens.

        Args:
            text: What was typed.
            known: The keys of all runs, to which names are resolved: an unknown or ambiguous name is an error. None:
                names are taken as they are.
            what: How error messages refer to the text.
        """
        self.text, self.known, self.what = text, known, what
        self.keys: set[str] = set()
        """Series whose summaries are needed."""
        self._tokens = _tokens(text, what)
        self._position = 0
        self._depth = 0

    def parse(self) -> Node:
        """Parse the whole text."""
        node = self._or()
        if self._next.kind != "end":
            self._fail()
        return node

    @property
    def _next(self) -> Token:
        return self._tokens[self._position]

    def _take(self, *texts: str) -> str | None:
        kind, text, _ = self._next
        if kind not in ("mark", "name") or text not in texts:
            return None
        self._position += 1
        return text

    def _expect(self, text: str) -> None:
        if self._take(text) is None:
            self._fail()

    def _fail(self, expected: str = "") -> NoReturn:
        kind, text, at = self._next
        found = "it ends too early" if kind == "end" else f"{text!r} at character {at + 1} was not expected"
        self._refuse(found + expected)

    def _refuse(self, why: str) -> NoReturn:
        raise UsageError(f"the {self.what} {self.text!r} cannot be read: {why}")

    def _or(self) -> Node:
        self._depth += 1
        if self._depth > MOST_NESTED:
            self._fail("; it is nested too deeply")
        terms = [self._and()]
        while self._take("or"):
            terms.append(self._and())
        self._depth -= 1
        return terms[0] if len(terms) == 1 else lambda run: any(is_true(term(run)) for term in terms)

    def _and(self) -> Node:
        terms = [self._not()]
        while self._take("and"):
            terms.append(self._not())
        return terms[0] if len(terms) == 1 else all_of(terms)

    def _not(self) -> Node:
        n = 0
        while self._take("not"):
            n += 1
        inner = self._comparison()
        if not n:
            return inner
        return lambda run: is_true(inner(run)) == (n % 2 == 0)

    def _comparison(self) -> Node:
        at = self._position
        left = self._signed()
        tests: list[Node] = []
        while (word := self._take(*COMPARISONS)) is not None:
            if word == "not":
                if self._take("in") is None:
                    self._fail("; expected 'not in'")
                word = "not in"
            if word == "is":
                word = "!=" if self._take("not") else "=="
                if self._take("missing"):
                    tests.append(_missing(left, word == "=="))
                    continue
            middle = self._position
            right = self._signed()
            if word in ("==", "!="):
                self._check_equal(self._tokens[at:middle], self._tokens[middle : self._position])
            at = middle
            tests.append(self._matching(word, left, right) if "~" in word else comparison(word, left, right))
            left = right
        return all_of(tests) if len(tests) > 1 else tests[0] if tests else left

    def _check_equal(self, left: list[Token], right: list[Token]) -> None:
        """Refuse to compare tags, a list, with a text, or the state with what is none."""
        if left[0].kind != "name" or len(right) != 1 or right[0].kind != "text":
            return
        field, text = left[0].text, _unquote(right[0].text)
        if field == "tags":
            self._refuse(f"tags is a list, which is never equal to the text {text!r}")
        if field == "state" and text not in STATES:
            self._refuse(f"{text!r} is no state; a state is one of {', '.join(STATES)}")

    def _matching(self, word: str, left: Node, right: Node) -> Node:
        wanted = right(BLANK)
        if not isinstance(wanted, str):
            self._fail("; expected a text with a regular expression")
        pattern = compile_pattern(wanted, self.text, self.what)

        def test(run: Run) -> bool:
            value = left(run)
            values = value if isinstance(value, list) else [value]
            found = any(v is not None and pattern.search(javascript_text(v)) for v in values)
            return found != (word == "!~")

        return test

    def _signed(self) -> Node:
        sign, signed = 1, False
        while (mark := self._take("+", "-")) is not None:
            sign, signed = (-sign if mark == "-" else sign), signed or mark == "-"
        inner = self._atom()
        if not signed:
            return inner

        def negative(run: Run) -> Value:
            value = inner(run)
            return sign * value if isinstance(value, int | float) and not isinstance(value, bool) else None

        return negative

    def _atom(self) -> Node:
        if self._take("(") is not None:
            return self._group()
        if self._take("[") is not None:
            return self._list("]", [])
        token = self._next
        if token.kind not in ("number", "text", "name"):
            self._fail()
        if token.text in ("and", "or"):
            self._fail(f"; {token.text!r} needs a condition on each side")
        self._position += 1
        if token.kind == "number":
            is_whole = token.text.isdecimal() and len(token.text) <= MOST_DIGITS
            return constant(int(token.text) if is_whole else float(token.text))
        if token.kind == "text":
            return constant(_unquote(token.text))
        return self._named(token)

    def _group(self) -> Node:
        if self._take(")") is not None:
            return constant([])
        first = self._or()
        if self._take(")") is not None:
            return first
        self._expect(",")
        return self._list(")", [first])

    def _list(self, end: str, items: list[Node]) -> Node:
        while self._take(end) is None:
            items.append(self._or())
            if self._take(",") is None:
                self._expect(end)
                break
        return lambda run: [item(run) for item in items]

    def _named(self, token: Token) -> Node:
        name = token.text
        if name in CONSTANTS:
            return constant(CONSTANTS[name])
        if name == "config":
            key = self._path(dotted=True)
            return lambda run: run.config.get(key)
        if name == "summary":
            return self._summary()
        if name == "duration":
            return lambda run: run.updated - run.created if run.created else None
        if name not in FIELDS:
            return self._bare_name(name)

        def field(run: Run) -> Value:
            value: Value = getattr(run, name)
            return None if name in ("created", "updated") and not value else value  # 0: unknown

        return field

    def _bare_name(self, name: str) -> Node:
        """A key of the configuration, else a series, or `.min`, `.max` and the like of one."""
        key = name
        while self._take(".") is not None:
            key += "." + self._word()
        key = self._resolve(key)
        stem, _, part = key.rpartition(".")
        is_part = part in PARTS
        self.keys |= {key, stem} if is_part else {key}

        def value(run: Run) -> Value:
            if key in run.config:
                return run.config[key]
            if key in run.summary:
                return float(run.summary[key].value)
            return float(getattr(run.summary[stem], part)) if is_part and stem in run.summary else None

        return value

    def _resolve(self, name: str) -> str:
        """Resolve a name to a key."""
        if self.known is None:
            return name
        found = self.known.find(name)
        if len(found) == 1:
            return found[0]
        which = f"the {self.what} {self.text!r}: "
        if found:
            raise UsageError(f"{which}{name!r} is ambiguous: {', '.join(found[:10])}; type the full name")
        known = [*FIELDS, *self.known.config, *self.known.series]
        raise UsageError(
            f"{which}no run has {name!r} in its configuration or as a series; known names: {', '.join(known[:30])}"
        )

    def _summary(self) -> Node:
        key = self._path(dotted=False)
        part = "value"
        if self._take(".") is not None:
            if self._next.text not in PARTS:
                self._fail("; a summary has last, min, max and value")
            part = self._word()
        self.keys.add(key)

        def value(run: Run) -> Value:
            summary = run.summary.get(key)
            return None if summary is None else float(getattr(summary, part))

        return value

    def _path(self, *, dotted: bool) -> str:
        """The key after `config` or `summary`: .a.b or ["a.b"]. Several parts are joined only if `dotted`."""
        if self._take("[") is not None:
            token = self._next
            if token.kind != "text":
                self._fail('; a key in brackets is quoted: ["…"]')
            self._position += 1
            self._expect("]")
            key = _unquote(token.text)
            while dotted and self._next.text in (".", "["):
                key += "." + self._path(dotted=False)
            return key
        self._expect(".")
        key = self._word()
        while dotted and self._take(".") is not None:
            key += "." + self._word()
        while dotted and self._next.text == "[" and self._next.kind == "mark":
            key += "." + self._path(dotted=True)
        return key

    def _word(self) -> str:
        token = self._next
        if token.kind != "name":
            self._fail()
        self._position += 1
        return token.text


BLANK = empty_run()


def _missing(node: Node, wanted: bool) -> Node:
    return lambda run: is_missing(node(run)) == wanted


def _unquote(text: str) -> str:
    return re.sub(r"\\(.)", lambda m: {"n": "\n", "t": "\t"}.get(m[1], m[1]), text[1:-1])


def compile_pattern(pattern: str, text: str, what: str = "filter", flags: int = 0) -> re.Pattern[str]:
    """Compile a regular expression in a filter or sort key.

    Raises:
        UsageError: It is invalid.
    """
    try:
        return re.compile(pattern, flags)
    except re.error as error:
        raise UsageError(f"{pattern!r} in the {what} {text!r} is not a valid regular expression: {error}") from error
