"""Query everything about a folder of runs: in Python, over HTTP, on the command line."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, get_args

import msgspec
import numpy as np
from starlette.testclient import TestClient

from netscope import cli
from netscope.charts import export
from netscope.errors import NetscopeError
from netscope.schema.console import Console
from netscope.schema.layer import LayerTable
from netscope.schema.media import Assets
from netscope.schema.series import Keys, Kind
from netscope.show.app import application
from netscope.show.workspace import Workspace
from netscope.store.store import Store
from netscope.store.stored_run import StoredRun

FEW = 12  # keys of a kind that are asked for: a mutant may have a hundred thousand
Fault = tuple[str, str, BaseException]
"""Run, question, and what was raised that should not have been."""


class Asked:
    """Collects exceptions other than netscope's own errors."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    @contextlib.contextmanager
    def asking(self, run: str, question: str) -> Iterator[None]:
        try:
            yield
        except NetscopeError:
            pass
        except Exception as error:  # noqa: BLE001  (what this is for)
            self.faults.append((run, question, error))


def everything(folder: Path, index: str | None = None) -> list[Fault]:
    """Open a folder and query everything twice: from memory and from a filled index."""
    asked = Asked()
    runs = [path.name for path in sorted(folder.iterdir()) if path.name[0] != "."]
    for is_reopened in (False, True):
        with asked.asking("", "open"), Store(folder, index) as store:
            store.refresh(None, everything=True)
            with TestClient(application(Workspace([store])), base_url="http://127.0.0.1:6060") as client:
                of_folder(asked, store, client)
                for run in runs:
                    of_run(asked, store, run)
                    if is_reopened:
                        over_http(asked, client, run, store)
    on_command_line(asked, folder, runs[:2])
    return asked.faults


def of_folder(asked: Asked, store: Store, client: TestClient) -> None:
    """Queries about all runs."""
    keys: list[str] = []
    with asked.asking("", "keys"):
        keys = [key.key for key in store.keys([run.id for run in store.table().runs], "scalar").keys][:FEW]
    for what, ask in {
        "table": lambda: store.table(keys=keys),
        "runs": lambda: [repr(run) for run in store.runs()],
        "sorted": lambda: store.runs(sort="-created"),
        "filtered": lambda: store.runs(where='config.lr < 1 and state == "finished" and created > 0'),
        "searched": lambda: store.runs(where="healthy"),
    }.items():
        with asked.asking("", what):
            ask()
    for address, noun in {
        "/api/about": Any, "/api/runs": Any, "/api/runs?key=loss&key=nan": Any, "/api/runs?since=1": Any,
    }.items():  # fmt: skip
        with asked.asking("", address):
            _checked(client.get(address), noun)


def keys_of(asked: Asked, store: Store, run: str) -> dict[str, list[str]]:
    """A few names of each kind."""
    keys: dict[str, list[str]] = {}
    for kind in get_args(Kind):
        with asked.asking(run, f"keys {kind}"):
            keys[kind] = [key.key for key in store.keys([run], kind).keys][:FEW]
    return keys


def of_run(asked: Asked, store: Store, run: str) -> None:
    """Queries about one run."""
    keys = keys_of(asked, store, run)
    with asked.asking(run, "StoredRun"):
        one = store.run(run)
        _of_stored(asked, one, keys)
    for kind in ("scalar", "layer", "system"):
        for key in keys.get(kind, []):
            with asked.asking(run, f"columns {kind} {key!r:.80}"):
                for columns in store.columns([run], key, kind).values():
                    assert len(columns.steps) == len(columns.times) == len(columns.values)
                store.read.summaries.of([run], key)
    with asked.asking(run, "csv"):
        list(islice(export.rows(store, [run], keys.get("scalar", [])), 100))


def _of_stored(asked: Asked, one: StoredRun, keys: dict[str, list[str]]) -> None:
    questions: dict[str, Callable[[], Any]] = {
        "words": lambda: (
            repr(one),
            one.name,
            one.state,
            one.unreadable,
            one.config,
            one.tags,
            one.notes,
            one.archived,
        ),
        "times": lambda: (one.created, one.updated, one.duration),
        "detail": one.detail,
        "layers": one.layers,
        "assets": one.assets,
        "console": lambda: (one.console(), one.console(search="LOSS"), one.console(start=-2, n=1)),
    }
    for key in keys.get("scalar", []):
        questions[f"series {key!r:.80}"] = lambda key=key: (one.series(key).to_pandas(), one.series(key).to_arrow())
        questions[f"summary {key!r:.80}"] = lambda key=key: one.summary(key)
    for key in keys.get("histogram", []):
        questions[f"histograms {key!r:.80}"] = lambda key=key: one.histograms(key)
    for what, ask in questions.items():
        with asked.asking(one.id, what):
            ask()
    with asked.asking(one.id, "bins"):
        for tensor in [t for t in one.layers().tensors if t.histogram][:FEW]:
            one.bins(f"{tensor.layer}/{tensor.tensor}/{tensor.quantity}").dense()
    names: dict[tuple[str, str], None] = {}
    with asked.asking(one.id, "assets"):
        names = dict.fromkeys((asset.kind, asset.key) for asset in one.assets())
    readers = {
        "array": one.arrays, "image": one.images, "figure": one.figures, "audio": one.audio, "text": one.texts,
        "table": one.tables,
    }  # fmt: skip
    for kind, key in islice(names, FEW):
        if kind in readers:
            with asked.asking(one.id, f"{kind} {key!r:.80}"):
                for item in readers[kind](key):
                    item.value  # noqa: B018


def over_http(asked: Asked, client: TestClient, run: str, store: Store) -> None:
    """Requests of the page about one run."""
    keys = keys_of(asked, store, run)
    base = f"/api/runs/{run}"
    assets = Assets([])
    for address, noun in {
        base: Any, f"{base}?key=loss": Any, f"{base}/layers": LayerTable, f"{base}/console": Console,
        f"{base}/console?start=-3&n=2": Console, f"{base}/assets": Assets, f"{base}/layers/value/mean": None,
        f"{base}/layers/value/norm?px=2&low=1": None, f"{base}/bins?key=features.0/weight/value": None,
        f"{base}/bins?key=features.0/weight/update&n=2": None, f"{base}/histograms?key=scores": None,
    }.items():  # fmt: skip
        with asked.asking(run, address):
            found = _checked(client.get(address), noun)
            assets = found if isinstance(found, Assets) else assets
    for asset in assets.assets[:FEW]:
        if asset.blob:
            with asked.asking(run, f"blob {asset.blob!r:.80}"):
                _checked(client.get(f"{base}/blobs/{asset.blob.replace('?', '%3f').replace('#', '%23')[:300]}"), None)
    for kind, axes in {"scalar": ("step", "relative", "time", "loss"), "layer": ("step",), "system": ("time",)}.items():
        for x in axes:
            body = {"runs": [run], "keys": keys.get(kind, [])[:6], "kind": kind, "x": x, "px": 3, "times": True}
            with asked.asking(run, f"series {kind} over {x}"):
                _checked(_post(client, "/api/series", body), None)
    for band in ("minmax", "stderr"):
        body = {"groups": [[run], [run]], "keys": keys.get("scalar", [])[:3], "band": band}
        with asked.asking(run, f"groups {band}"):
            _checked(_post(client, "/api/groups", body), None)
    with asked.asking(run, "/api/keys"):
        _checked(client.post("/api/keys", json={"runs": [run]}), Keys)


def _post(client: TestClient, address: str, body: Any) -> Any:
    text = json.dumps(body).encode("utf-8", "surrogatepass")
    return client.post(address, content=text, headers={"Content-Type": "application/json"})


def _checked(reply: Any, noun: Any) -> Any:
    """Check that the page can parse the reply."""
    assert reply.status_code < 500 or reply.status_code == 503, (reply.status_code, reply.text[:300])
    if reply.status_code != 200 or noun is None:
        return None
    json.loads(reply.content, parse_constant=lambda word: _no(word))
    return msgspec.json.decode(reply.content, type=noun)


def _no(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


def on_command_line(asked: Asked, folder: Path, runs: list[str]) -> None:
    """`netscope runs` and `netscope export`."""
    commands = [
        ["runs", str(folder)],
        ["runs", str(folder), "--json"],
        ["runs", str(folder), "--keys", "loss", "--sort", "-created"],
    ]
    commands += [["export", str(folder), run] for run in runs]
    for command in commands:
        with asked.asking(command[2] if command[0] == "export" else "", " ".join(command[:1])):
            with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()):
                try:
                    cli.main(command)
                except SystemExit as done:
                    assert done.code in (0, 2), done.code
            if "--json" in command:
                json.loads(out.getvalue(), parse_constant=lambda word: _no(word))


def answers(store: Store, run: str) -> Any:
    """All content of a run that does not depend on how or when it was read, for comparison."""
    detail = store.detail(run)
    said: dict[str, Any] = {
        "detail": msgspec.structs.replace(detail, run=msgspec.structs.replace(detail.run, revision=0), folder=""),
        "layers": store.read.layers.table(run), "assets": store.read.media.assets(run),
        "console": store.read.console.lines(run), "keys": store.keys([run]),
    }  # fmt: skip
    said = {name: msgspec.to_builtins(value) for name, value in said.items()}
    for key in store.keys([run]).keys:
        if key.kind == "histogram":
            found = store.read.histograms.logged(run, key.key)
            said[f"histogram {key.key}"] = [(h.step, h.time, h.edges.tolist(), h.counts.tolist()) for h in found]
            continue
        columns = store.columns([run], key.key, key.kind)[run]
        parts = (columns.steps, columns.times, columns.values)
        said[f"{key.kind} {key.key}"] = [np.asarray(part, float).tobytes() for part in parts], len(columns.ghosts)
        said[f"summary {key.key}"] = msgspec.to_builtins(store.read.summaries.of([run], key.key).get(run))
    for tensor in store.read.layers.table(run).tensors:
        if tensor.histogram:
            name = f"{tensor.layer}/{tensor.tensor}/{tensor.quantity}"
            bins = store.read.histograms.watched(run, name)
            said[f"bins {name}"] = bins.steps.tolist(), bins.times.tolist(), bins.dense().tobytes()
    return said
