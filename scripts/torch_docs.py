"""Write the table of what PyTorch's modules and functions do: the first sentence of each docstring, and its page.

python scripts/torch_docs.py       writes src/netscope/models/torch_docs.json, from the PyTorch that is installed
"""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path

import torch

TARGET = Path(__file__).resolve().parents[1] / "src/netscope/models/torch_docs.json"
LONGEST = 240


def sentence(documentation: str | None) -> str:
    """The first sentence of a docstring, without signatures and markup; '' if it has none."""
    for part in re.split(r"\n\s*\n", inspect.cleandoc(documentation or "")):
        text = " ".join(part.split())
        if (
            not text
            or re.match(r"[\w.]*\(.*\) *(->.*)?$", text)
            or text.startswith((".. ", ">>>", "See ", "Alias for"))
        ):
            continue
        text = (
            re.sub(r":(?:math|attr|class|func|meth|ref|mod):`~?([^`]*)`", r"\1", text)
            .replace("``", "")
            .replace("`", "")
        )
        text = re.sub(r"\s*<[^>]*>_*|\\(?=\w)", "", text)
        first = re.split(r"(?<=[a-z)\d])\. ", text)[0].rstrip(".:") + "."
        return first if len(first) <= LONGEST and "\\" not in first and "{" not in first else ""
    return ""


def table() -> dict[str, list[str]]:
    """Sentence and page of the documentation, by the name that a graph has for the operation."""
    found: dict[str, list[str]] = {}
    places = [
        ("torch.Tensor", torch.Tensor),
        ("torch", torch),
        ("torch.nn.functional", torch.nn.functional),
        ("torch.nn", torch.nn),
    ]
    for path, place in places:
        for name in sorted(vars(place) if path != "torch.Tensor" else dir(place)):
            thing = getattr(place, name, None)
            is_wanted = (
                inspect.isclass(thing) and issubclass(thing, torch.nn.Module)
                if path == "torch.nn"
                else callable(thing) and not inspect.isclass(thing)
            )
            if name.startswith("_") or not is_wanted:
                continue
            text = sentence(getattr(thing, "__doc__", None))
            if text:
                found[name] = [text, f"{path}.{name}"]
    return found


if __name__ == "__main__":
    TARGET.write_text(json.dumps(table(), indent=0, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")
