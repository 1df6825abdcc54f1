"""Texts: short ones are stored in the journal itself, long ones as files."""

from __future__ import annotations

from netscope.errors import UsageError
from netscope.record.media.item import Encoded, Media
from netscope.store.journal.limits import valid

SHORT_TEXT = 4096  # characters
LONGEST_TEXT = 8 << 20  # bytes


class Text(Media):
    """A text, shown verbatim or, with `markdown=True`, rendered as Markdown."""

    kind = "text"

    def __init__(self, text: str, *, markdown: bool = False) -> None:
        """Check and encode the text.

        Raises:
            UsageError: `text` is not a string, or exceeds 8 MiB as UTF-8.
        """
        if not isinstance(text, str):
            raise UsageError(f"text must be a str, got {type(text).__name__}")
        text = valid(text)
        data = text.encode() if len(text) > SHORT_TEXT else b""
        if len(data) > LONGEST_TEXT:
            raise UsageError(f"the text has {len(data):,} bytes; the limit is {LONGEST_TEXT:,}")
        self.encoded = Encoded(data, "txt", text[:SHORT_TEXT], [len(text)], bool(markdown))
