"""The commands about models: open, summary, diff, values."""

from __future__ import annotations

import tempfile
import webbrowser
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from cyclopts import Parameter
from msgspec.structs import replace

from netscope.cli import (
    ListOfText,
    check_port,
    has_screen,
    print_other_addresses,
    printable,
    say,
    say_where,
    table,
    there,
    warn,
    write_data,
)
from netscope.errors import UsageError
from netscope.models import summary_text
from netscope.models.node_data import read_node_data
from netscope.models.open import check_file, open_model, recognised, within_folder
from netscope.models.summary import summary as summary_of

if TYPE_CHECKING:
    from netscope.frameworks.values.comparison import ValueComparison

ENTERS = 0.01
"""Relative distance of values above which `diff --values` says that the error enters."""
DIFFERENT = 1
"""Exit status of `diff` if the models differ."""
File = Annotated[Path, Parameter(help="File of a model, or folder of a SavedModel or .mlpackage.")]


def summary(file: File, /, *, json: Annotated[bool, Parameter(negative="")] = False) -> None:
    """Print the content of a model file: inputs, outputs, counts, parameters, FLOPs, and a table of layers.

    Args:
        file: File of a model; its weights are not loaded, and nothing in it is executed.
        json: As JSON for scripts.
    """
    found = summary_of(open_model(file))
    if json:
        write_data()
        say(msgspec.json.encode(found).decode())
        return
    say(printable(found.name))
    say(table([("", *pair) for pair in summary_text.heading(found)]))
    if len(rows := summary_text.rows(found)) > 1:
        say(f"\n{table(rows)}")
    for warning in found.warnings:
        warn(warning)


def open_models(
    *files: Annotated[Path, Parameter(help="Files of models, or folders of SavedModels or .mlpackages.")],
    runs: Annotated[Path | None, Parameter(help="Folder of runs to show beside.")] = None,
    data: Annotated[Path | None, Parameter(help="JSON with a number or word for each node.")] = None,
    port: int = 6060,
    host: str = "127.0.0.1",
    browser: bool = True,
    allow_host: ListOfText | None = None,
) -> None:
    """Show model files in the browser, as graphs, until Ctrl-C. Nothing in them is executed.

    Args:
        files: Files of models; the page opens at the first one.
        runs: Folder of runs to show beside; "runs" if there is one.
        data: JSON with a number or word for each node, by its name or that of its module, to colour the graph by:
            {"conv1": 2.5}, or {"latency": {"conv1": 2.5}, "device": {"conv1": "cpu"}}.
        port: Port to listen on; if it is taken, the next free one.
        host: Address to listen on; 0.0.0.0 for all of this machine, :: for those of IPv6 too. Anyone who can reach it
            can see the models, and read, edit and delete runs.
        browser: Open a browser if there is a screen.
        allow_host: Another name under which browsers reach this server, e.g. behind a proxy.
    """
    from netscope.show import server  # noqa: PLC0415  (`summary` needs no server)

    if not files:
        raise UsageError("name the file of a model: netscope open FILE")
    check_port(port)
    if data is not None:
        if len(files) > 1:
            raise UsageError("--data is for one model: netscope open FILE --data JSON")
        read_node_data(data)
    for file in files:
        check_file(within_folder(file))
    if len(files) == 1:  # of several, the page shows those that it can
        recognised(within_folder(files[0]))

    def ready(url: str, others: list[str], models: list[str]) -> None:
        at = f"{url}graph?model={models[0]}"
        say_where(", ".join(file.name for file in files), at, port)
        print_other_addresses(host, others)
        if browser and has_screen():
            webbrowser.open(at)

    with ExitStack() as stack:
        if runs is not None:
            there(runs)
        elif Path("runs").is_dir():
            runs = Path("runs")
        else:  # the server shows a folder of runs, if only an empty one
            runs = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="netscope-"))) / "models"
            runs.mkdir()
        server.serve([runs], host, port, allow_hosts=allow_host or (), models=files, node_data=data, ready=ready)


def diff(
    a: Annotated[Path, Parameter(help="File of the model before.")],
    b: Annotated[Path, Parameter(help="File of the model after.")],
    /,
    *,
    weights: Annotated[bool, Parameter(negative="--no-weights")] = True,
    values: Annotated[bool, Parameter(negative="")] = False,
    seed: int = 0,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Print how two model files differ: nodes that were added, removed and changed, and weights that moved.

    Formats may differ. Quantised weights are compared as the numbers that they stand for. Nothing is executed, unless
    `--values` is given. The exit status is 0 if nothing differs, 1 if something does, and 2 if a file cannot be read.

    Args:
        a: File of the model before.
        b: File of the model after.
        weights: Whether the numbers of the weights are read and compared, too.
        values: Also run both files on the same random input, which executes what is in them, and print how far the
            values of each node are apart.
        seed: Of the random input.
        json: As JSON for scripts.
    """
    from netscope.models.comparison import report  # noqa: PLC0415  (the other commands compare nothing)
    from netscope.models.comparison.compare import compare_models  # noqa: PLC0415

    found = compare_models(a, b, values=weights)
    summary = found.summary()
    computed = _compared_values(a, b, seed) if values else None
    if json:
        write_data()
        said = report.report(found)
        if computed is not None:
            said = replace(
                said, values=[report.value_difference(pair.a, pair.b, pair.distance) for pair in computed.pairs]
            )
        say(msgspec.json.encode(said).decode())
    else:
        say(f"{printable(summary.a)} → {printable(summary.b)}")
        say(table(report.heading(summary)))
        if summary.relative is not None:
            say(f"weights: relative distance {summary.relative:.3g} over {summary.compared:,} tensors")
        for rows in (report.node_rows(found), report.tensor_rows(found)):
            if len(rows) > 1:
                say(f"\n{table(rows)}")
        if computed is not None:
            _print_values(computed)
    for model in (found.a, found.b):
        for warning in model.warnings:
            warn(f"{model.name}: {warning}")
    if not summary.is_same:
        raise SystemExit(DIFFERENT)


def _compared_values(a: Path, b: Path, seed: int) -> ValueComparison:
    """Run two models on the same input."""
    from netscope.frameworks.values.comparison import compare_values  # noqa: PLC0415  (other commands run nothing)

    return compare_values(a, b, seed=seed)


def _print_values(found: ValueComparison) -> None:
    """Print how far the values of two models are apart, and where they begin to differ."""
    rows: list[Sequence[str]] = [("node", "operation", "relative", "largest", "cosine")]
    for pair in found.pairs:
        far = pair.distance
        name = pair.b.name or f"{pair.b.op} {pair.b.index}"
        rows.append((name, pair.b.op, f"{far.relative:.3g}", f"{far.largest:.3g}", f"{far.cosine:.6g}"))
    say(f"\n{table(rows)}")
    if found.skipped:
        say(f"{found.skipped} matched nodes have results in another shape or type and were not compared")
    first = found.first_above(ENTERS)
    if first is None:
        say(f"values differ by at most {ENTERS:.0%} everywhere".replace("%", " %"))
    else:
        name = printable(first.b.name or f"{first.b.op} {first.b.index}")
        say(f"values differ by more than {ENTERS:.0%} from {name} on".replace("%", " %", 1))


def values(
    file: File,
    /,
    *,
    input: Annotated[list[str] | None, Parameter(name=("--input", "-i"), negative="")] = None,
    seed: int = 0,
    output: Annotated[Path | None, Parameter(name=("--output", "-o"))] = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Run a model file on an input, and print statistics of every value that it computes.

    This executes what is in the file: its operations, and code if the format may hold any (TorchScript, exported
    programs, Keras). Run only files that you trust.

    Args:
        file: File of a model.
        input: A .npy or .npz file for an input, as NAME=FILE, or FILE for the first one; may be given several times.
            Inputs that are not given are random, of the declared type and shape.
        seed: Of random inputs.
        output: Write statistics, pictures and small values as a .safetensors file.
        json: As JSON for scripts.
    """
    from netscope.frameworks.values import table as of_values  # noqa: PLC0415  (other commands run nothing)
    from netscope.frameworks.values.input_files import array_of  # noqa: PLC0415
    from netscope.frameworks.values.pack import pack  # noqa: PLC0415
    from netscope.frameworks.values.run import values as run  # noqa: PLC0415

    given: list[Any] = []
    named: dict[str, Any] = {}
    for one in input or []:
        name, equals, path = one.rpartition("=")
        if equals:
            named[name] = array_of(Path(path), name)
        else:
            given.append(array_of(Path(path), ""))
    found = run(file, *given, seed=seed, **named)
    if output is not None:
        output.write_bytes(pack(found))
    if json:
        write_data()
        say(msgspec.json.encode(of_values.rows(found)).decode())
    else:
        say(f"{printable(found.model.name)}: {len(found)} values in {found.seconds:.2f} s, {found.runner}")
        say(table(of_values.lines(found)))
    for sentence in of_values.findings(found):
        warn(sentence)
