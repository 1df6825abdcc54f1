"""netscope shows what a neural network is, what it computes and how it learns.

>>> import netscope
>>> run = netscope.init(dir="runs", config={"lr": 0.1})
>>> run.log({"loss": 0.3})
>>> run.finish()
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from netscope import display
from netscope.version import __version__

if TYPE_CHECKING:
    from netscope import figures
    from netscope.frameworks.body.run import body
    from netscope.frameworks.graph import graph
    from netscope.frameworks.values.comparison import compare_values
    from netscope.frameworks.values.run import values
    from netscope.models.comparison.compare import compare_models
    from netscope.models.open import open_model
    from netscope.record.init import init
    from netscope.record.media.array import Array
    from netscope.record.media.audio import Audio
    from netscope.record.media.figure import Figure
    from netscope.record.media.histogram import Histogram
    from netscope.record.media.image import Image
    from netscope.record.media.table import Table
    from netscope.record.media.text import Text
    from netscope.record.run import Run
    from netscope.record.run import current as run
    from netscope.scenes.scene import Scene
    from netscope.store.store import Store
    from netscope.store.store import open_store as open

__all__ = [
    "Array",
    "Audio",
    "Figure",
    "Histogram",
    "Image",
    "Run",
    "Scene",
    "Store",
    "Table",
    "Text",
    "__version__",
    "body",
    "compare_models",
    "compare_values",
    "figures",
    "graph",
    "init",
    "open",
    "open_model",
    "run",
    "values",
]

# Imported when first asked for (PEP 562), so that `import netscope` costs next to nothing.
_HOMES = {
    "figures": ("netscope.figures", ""),
    "compare_models": ("netscope.models.comparison.compare", "compare_models"),
    "body": ("netscope.frameworks.body.run", "body"),
    "compare_values": ("netscope.frameworks.values.comparison", "compare_values"),
    "graph": ("netscope.frameworks.graph", "graph"),
    "init": ("netscope.record.init", "init"),
    "open": ("netscope.store.store", "open_store"),
    "open_model": ("netscope.models.open", "open_model"),
    "run": ("netscope.record.run", "current"),
    "values": ("netscope.frameworks.values.run", "values"),
    "Run": ("netscope.record.run", "Run"),
    "Scene": ("netscope.scenes.scene", "Scene"),
    "Store": ("netscope.store.store", "Store"),
    **{
        name: (f"netscope.record.media.{name.lower()}", name)
        for name in ("Array", "Audio", "Figure", "Histogram", "Image", "Table", "Text")
    },
}


def _notebook() -> display.Notebook:
    from netscope.show import notebook  # noqa: PLC0415  (loads the server)

    return notebook


display.notebook = _notebook


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'netscope' has no attribute {name!r}; it has: {', '.join(__all__)}")
    module, attribute = _HOMES[name]
    home = importlib.import_module(module)  # noqa: TID251
    value = globals()[name] = getattr(home, attribute) if attribute else home
    return value


def __dir__() -> list[str]:
    return __all__
