"""Suggest a correction for an invalid filter: rewrite the syntax of other languages as the filter language.

`web/src/state/nearMiss.ts` is its twin; the `near` cases of `tests/data/queries.json` check that both agree.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from netscope.store.query.known_keys import KnownKeys
from netscope.store.query.parser import CONSTANTS, FIELDS, STATES

KEYWORDS = ("and", "or", "not", "in", "is", "missing")
_WORD = r"[\w./@-]+"
# Each quoted text is replaced by one character of the private use area while the rest is rewritten.
_MASKS = "\ue000-\uf8ff"
_VALUE = rf"[{_MASKS}]|{_WORD}"
_QUOTED = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'")
_STRAIGHT = str.maketrans(dict.fromkeys("\u201c\u201d\u201e\xab\xbb", '"') | dict.fromkeys("\u2018\u2019\u201a", "'"))
_STATE = "|".join(STATES)
_ATTEMPT = re.compile(
    rf"&&|\|\||[≤≥≠]|^\s*({'|'.join(FIELDS)}|tag)\s*:\s*\S|\b(name|notes|tags?|state)\s+(contains|has|like|includes|is)\s|\sbetween\s+\S+\s+and\s"
    rf"|^(?=.*\b(and|or|not)\b)[\s()]*(?:(?:and|or|not|{_STATE})\b[\s()]*)+$"
)
_FIELD_COLON = re.compile(rf"^\s*({_WORD})\s*:\s*\S")

_SYMBOLS: tuple[tuple[str, str], ...] = (
    (r"≤|=<", "<="),
    (r"≥|=>", ">="),
    (r"≠|<>", "!="),
    (r"={3,}", "=="),
    (r"\s*&&?\s*", " and "),
    (r"\s*\|\|?\s*", " or "),
    (r"!(?![=~])\s*", "not "),
    (r"\s*(?<![=!<>~])=(?![=~])\s*", " == "),
    (rf"({_WORD})\s+between\s+({_VALUE})\s+and\s+({_VALUE})", r"\2 <= \1 <= \3"),
    (rf"\b(min|max|last)\(\s*({_WORD})\s*\)", r'summary["\2"].\1'),
    (r"\b(config|summary)\[\s*([\w./@-]*[A-Za-z_][\w./@-]*)\s*\]", r'\1["\2"]'),
)


def looks_like_filter(text: str, known: KnownKeys | None) -> bool:
    """Whether plain text looks like a filter in the syntax of another tool: `name: x`, `a && b`."""
    found = _FIELD_COLON.match(text)
    return bool(_ATTEMPT.search(text)) or bool(found and known and known.find(found[1]))


def correct(text: str, known: KnownKeys | None) -> str:
    """Rewrite the syntax of other tools; the result may still be invalid."""
    text = text.translate(_STRAIGHT)
    rest = _QUOTED.sub("", text)
    for quote in "\"'":
        if quote in rest:
            text += quote
            break
    quoted: list[str] = []

    def mask(match: re.Match[str]) -> str:
        quoted.append(match[0])
        return chr(0xE000 + len(quoted) - 1)

    masked = _QUOTED.sub(mask, text)
    if not re.search(r"[\[(]", masked):
        masked = re.sub(r"(?<=\d),(?=\d)", ".", masked)
    masked = re.sub(r"\b(AND|OR|NOT|IN|IS|And|Or|Not|In|Is)\b", lambda match: match[0].lower(), masked)
    for pattern, by in _SYMBOLS:
        masked = re.sub(pattern, by, masked)
        # Mask texts that this rewrite quoted before the next one.
        masked = _QUOTED.sub(mask, masked)
    masked = _membership(masked)
    if re.fullmatch(rf"[\s()]*(?:(?:and|or|not|{_STATE})\b[\s()]*)+", masked):
        masked = re.sub(rf"\b({_STATE})\b", r'state == "\1"', masked)
    masked = _near_names(masked, known)
    masked = _quoted_values(masked, known)
    for opening, closing in ("()", "[]"):
        masked += closing * (masked.count(opening) - masked.count(closing))
    masked = re.sub(r" {2,}", " ", masked).strip()
    return _near_states(re.sub(f"[{_MASKS}]", lambda match: quoted[ord(match[0]) - 0xE000], masked))


def _near_states(text: str) -> str:
    def near(match: re.Match[str]) -> str:
        return f'{match[1]}"{nearest(match[2], STATES) or match[2]}"'

    return re.sub(r"(\bstate\s*[=!]=\s*)\"(\w+)\"", near, text)


def _membership(text: str) -> str:
    """Rewrite `tag: x`, `name contains x` and `key: x`."""
    text = re.sub(
        rf"\btags?\s*(==|!=|:|\b(?:contains|has|includes|is)\b)\s*({_VALUE})",
        lambda match: f"{_quote(match[2])}{' not' if match[1] == '!=' else ''} in tags",
        text,
    )
    text = re.sub(
        rf"({_WORD})\s+(?:contains|has|includes|like)\s+({_VALUE})",
        lambda match: f"{_quote(match[2])} in {match[1]}",
        text,
    )
    text = re.sub(rf"\b(name|notes|state)\s+is\s+(?!(?:not|missing|None|null|nan)\b)(?={_VALUE})", r"\1 == ", text)
    text = re.sub(rf"\b(name|notes)\s*:\s*({_VALUE})", lambda match: f"{_quote(match[2])} in {match[1]}", text)
    return re.sub(rf"({_WORD})\s*:\s*(?={_VALUE})", r"\1 == ", text)


def _near_names(text: str, known: KnownKeys | None) -> str:
    """Replace unknown names before a comparison by the most similar known name."""
    if known is None:
        return text

    def near(match: re.Match[str]) -> str:
        name = match[0]
        if _is_value(name, known):
            return name
        found = nearest(name, [*FIELDS, *known.config, *known.series, *(f"config.{key}" for key in known.config)])
        return found if found is not None and re.fullmatch(_WORD, found) else name

    return re.sub(rf"(?<![\w./@{_MASKS}-]){_WORD}(?=\s*(?:[=!<>~]=|[<>~]|\b(?:is|in|not\s+in)\b))", near, text)


def _quoted_values(text: str, known: KnownKeys | None) -> str:
    """Quote words where a text is expected."""

    def bare(word: str) -> str:
        word = word.strip()
        if not re.fullmatch(_WORD, word) or _is_value(word, known):
            return word
        return _quote(word.lower() if word.lower() in STATES else word)

    text = re.sub(rf"([=!]=|=~|!~|(?<![=!])~)\s*({_WORD})", lambda match: f"{match[1]} {bare(match[2])}", text)
    text = re.sub(
        rf"(?<![\w./@{_MASKS}-])({_WORD})(\s+(?:not\s+)?in\s+(?:{'|'.join(FIELDS)})\b)",
        lambda match: bare(match[1]) + match[2],
        text,
    )
    return re.sub(
        r"\bin\s*([\[(])([^\])]*)",
        lambda match: f"in {match[1]}{', '.join(bare(one) for one in match[2].split(','))}",
        text,
    )


def _is_value(word: str, known: KnownKeys | None) -> bool:
    """Whether a word needs no quotes: a number, a constant, a keyword or a known name."""
    if re.match(r"[+-]?\.?\d", word) or word in CONSTANTS or word in FIELDS or word in KEYWORDS:
        return True
    return bool(re.match(r"(config|summary)\.", word)) or bool(known and known.find(word))


def _quote(value: str) -> str:
    return value if re.fullmatch(f"[{_MASKS}]", value) else f'"{value}"'


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The name with the smallest edit distance, ignoring case; None if it is more than a third of the length."""
    best, least = None, len(name) // 3
    for other in names:
        if name.lower() == other.lower():
            return other
        if (n := _distance(name.lower(), other.lower())) <= least and (best is None or n < least):
            best, least = other, n
    return best


def _distance(a: str, b: str) -> int:
    """Number of insertions, deletions, replacements and transpositions (optimal string alignment distance)."""
    rows = [list(range(len(b) + 1))]
    for i in range(1, len(a) + 1):
        above, row = rows[-1], [i]
        for j in range(1, len(b) + 1):
            row.append(min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] != b[j - 1])))
            if i > 1 and j > 1 and a[i - 1] == b[j - 2] and a[i - 2] == b[j - 1]:
                row[j] = min(row[j], rows[-2][j - 2] + 1)
        rows.append(row)
    return rows[-1][-1]
