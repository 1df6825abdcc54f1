"""The command line. Results go to stdout, errors to stderr."""

from __future__ import annotations

import io
import os
import sys
import webbrowser
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from cyclopts import App, CycloptsError, Parameter
from msgspec.structs import asdict, replace

import netscope
from netscope.errors import NetscopeError, NotFoundError, UsageError
from netscope.schema.run import Deleted, Run
from netscope.store.folder import folder_of
from netscope.store.journal import exact_numbers
from netscope.store.journal.limits import COLOURS, strip_colours
from netscope.text import duration, natural, visible, visible_line, width

WIDEST = 80  # characters per cell
WRONG = 2  # exit status of a failed command

app = App(
    name="netscope",
    help="See what a neural network is, what it computes and how it learns.",
    version=netscope.__version__,
)
app.command(
    "netscope.model_commands:open_models", name="open", help="Show model files in the browser, as graphs, until Ctrl-C."
)
app.command("netscope.model_commands:summary", name="summary", help="Print the content of a model file.")
app.command("netscope.model_commands:diff", name="diff", help="Print how two model files differ.")
app.command(
    "netscope.model_commands:values", name="values", help="Run a model file, and print statistics of all its values."
)
app.command(
    "netscope.body_commands:scene", name="scene", help="Lay out a network as a body in 3D, and write it as a scene."
)
app.command("netscope.body_commands:render", name="render", help="Draw a scene as a picture, or as a film.")
app.command(
    "netscope.body_commands:prune_curve", name="prune-curve", help="Print the accuracy of networks as they are pruned."
)
app.command("netscope.demo:demo", name="demo", help="Train a network on handwritten digits, shown on the page.")

Folder = Annotated[Path, Parameter(help="Folder of runs.")]
ListOfText = Annotated[list[str], Parameter(negative="")]


@app.command
def show(
    *folders: Annotated[Path, Parameter(help="Folders of runs.")],
    port: int = 6060,
    host: str = "127.0.0.1",
    browser: bool = True,
    index: str | None = None,
    allow_host: ListOfText | None = None,
) -> None:
    """Show folders of runs in the browser, live, until Ctrl-C.

    Args:
        folders: Folders of runs (default: "runs"); they may still be empty.
        port: Port to listen on; if it is taken, the next free one.
        host: Address to listen on; 0.0.0.0 for all addresses of this machine, :: for IPv6, too. Anyone who can reach it
            can read, edit and delete runs.
        browser: Open a browser if there is a screen.
        index: Where to keep the index, e.g. postgresql+psycopg://user@host/database (default: inside each folder).
        allow_host: Another host name under which browsers reach this server, e.g. behind a proxy.
    """
    from netscope.show import server  # noqa: PLC0415  (the other commands need no server)

    check_port(port)
    shown = folders or (Path("runs"),)

    def ready(url: str, others: list[str], models: list[str]) -> None:
        say_where(", ".join(map(str, shown)), url, port)
        print_other_addresses(host, others)
        if browser and has_screen():
            webbrowser.open(url)

    server.serve(shown, host, port, index=index, allow_hosts=allow_host or (), ready=ready)


@app.command
def runs(
    folder: Folder = Path("runs"),
    /,
    *,
    where: str | None = None,
    sort: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    keys: ListOfText | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """List the runs of a folder.

    Args:
        folder: Folder of runs.
        where: A condition, e.g. 'config.lr < 0.01 and state == "running"'.
        sort: A field to sort by, e.g. created, name or config.lr; -created for descending order.
        keys: Also the headline number of this key: the last value, unless the run chose another one with `run.summary`.
            May be given several times, or as a list separated by commas.
        json: Print a JSON list for scripts; times are Unix seconds, and each key has last, min, max and value.
    """
    there(folder)
    with netscope.open(folder) as store:
        found = store.runs(where=where, sort=sort)
        logged = [key.key for key in store.keys([run.id for run in found], "scalar").keys] if keys else []
        known = sorted({*logged, *(key for run in found for key in run.noun.rules)}, key=natural)
        wanted = split(keys or (), known)
        last = {run.id: run.summary for run in store.table(keys=wanted).runs} if wanted else {}
        unreadable = {run.id: run.unreadable for run in found if run.state == "unreadable"}
    if json:
        write_data()
    nouns = [replace(run.noun, summary=last.get(run.id, {})) for run in found]
    say(listed(nouns) if json else table(lines(nouns, wanted)))
    if nouns and (unknown := [key for key in wanted if key not in known]):
        warn(f"none of these runs has a key {unknown[0]!r}; they have: {', '.join(known[:20]) or 'none'}")
    for run_id, why in unreadable.items():
        warn(f"{run_id} cannot be read: {why}")


@app.command
def export(
    folder: Folder,
    run: str,
    /,
    *,
    keys: Annotated[list[str] | None, Parameter(name=("--keys", "--key"), negative="")] = None,
    output: Annotated[Path | None, Parameter(name=("--output", "-o"))] = None,
    smooth: float = 0.0,
) -> None:
    """Write every point that a run logged, as CSV or Parquet.

    Columns: run, key, step, time (Unix seconds), value, replaced (1: a later attempt replaced it), and with --smooth
    the moving average, smoothed.

    Args:
        folder: Folder of runs.
        run: Id or name of a run.
        keys: Only this key; may be given several times, or as a list separated by commas.
        output: File to write, .csv or .parquet (default: CSV to stdout).
        smooth: Add the moving average that the page draws with this weight, from 0 (none) to below 1, such as 0.6.
    """
    from netscope.charts.export import rows, write  # noqa: PLC0415  (loads numpy)
    from netscope.store.series import check_weight  # noqa: PLC0415

    there(folder)
    check_weight(smooth)
    with netscope.open(folder) as store:
        found = store.run(run)
        known = found.keys()
        wanted = split(keys, known) if keys else known
        if unknown := [key for key in wanted if key not in known]:
            raise NotFoundError(
                f"run {found.name!r} has no key {unknown[0]!r}; it has: {', '.join(known[:20]) or 'none'}"
            )
        if output is not None:
            write(store, [found.id], wanted, output, smooth)
            return
        write_data()
        for piece in rows(store, [found.id], wanted, smooth):
            sys.stdout.write(piece)


@app.command
def console(
    folder: Folder,
    run: str,
    /,
    *,
    search: str = "",
    stream: Literal["out", "err"] | None = None,
    rank: int | None = None,
    colour: Annotated[bool | None, Parameter(name=("--colour", "--color"))] = None,
) -> None:
    """Show what a run printed.

    The output is what a terminal would show in the end; lines of several processes are ordered by time.

    Args:
        folder: Folder of runs.
        run: Id or name of a run.
        search: Only lines that contain this, ignoring case.
        stream: Only the output to out (stdout) or err (stderr).
        rank: Only the output of this rank.
        colour: With colours (default: if stdout is a terminal).
    """
    there(folder)
    with netscope.open(folder) as store:
        lines = store.run(run).console(search, stream=stream, rank=rank, ansi=True)
    is_coloured = sys.stdout.isatty() if colour is None else colour
    write_data()
    for line in lines:
        sys.stdout.write(f"{coloured(line.text) if is_coloured else visible_line(strip_colours(line.text))}\n")


def check_port(port: int) -> None:
    """Reject an invalid port.

    Raises:
        UsageError: It is out of range.
    """
    if not 0 <= port <= 65535:
        raise UsageError(f"port is {port}; ports are 1 to 65535, 0 for any")


def say_where(what: str, url: str, port: int) -> None:
    """Print what is shown at which address, and a note if the requested port is taken."""
    taken = f"port {port} is taken; " if port and f":{port}/" not in url else ""
    say(f"{taken}netscope shows {what} at {url}  (Ctrl-C to stop)")


def print_other_addresses(host: str, urls: Sequence[str]) -> None:
    """Print the addresses for other machines, with a warning about what they can do.

    Args:
        host: The address to listen on.
        urls: Addresses at which others reach it; nothing is printed if there are none.
    """
    if urls:
        say(f"from other machines: {'  '.join(urls)}")
        warn(f"anyone who can reach {host} can read, edit and delete these runs; there is no password")


@app.command
def trash(
    folder: Folder = Path("runs"),
    /,
    *,
    restore: ListOfText | None = None,
    delete: ListOfText | None = None,
    empty: Annotated[bool, Parameter(negative="")] = False,
    yes: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """List deleted runs, restore them or delete them for good.

    Args:
        folder: Folder of runs.
        restore: Id of a run to restore; may be given several times.
        delete: Id of a run to delete for good; may be given several times.
        empty: Delete all of them for good.
        yes: Do not ask before deleting for good.
    """
    there(folder)
    with netscope.open(folder) as store:
        if restore:
            report("restored", store.restore(restore))
        if doomed := [run.id for run in store.trash()] if empty else list(delete or ()):
            if not yes and not confirmed(f"Delete {len(doomed)} {'run' if len(doomed) == 1 else 'runs'} for good?"):
                return
            report("deleted for good", store.delete_for_good(doomed))
        if not restore and not delete and not empty:
            rows: list[Sequence[str]] = [("id", "name", "created", "deleted", "size", "tags")]
            rows += [
                (run.id, run.name, moment(run.created), moment(run.deleted), size(run.bytes), ", ".join(run.tags))
                for run in store.trash()
            ]
            say(table(rows))


def report(done: str, reply: Deleted) -> None:
    """Print what was done and what failed.

    Raises:
        SystemExit: Something failed.
    """
    for run_id in reply.runs:
        say(f"{done} {printable(run_id)}")
    for problem in reply.problems:
        warn(problem)
    if reply.problems:
        raise SystemExit(WRONG)


def confirmed(question: str) -> bool:
    """Ask on the terminal.

    Raises:
        UsageError: There is no terminal.
    """
    if not sys.stdin.isatty():
        raise UsageError("deleting for good asks first, and there is no terminal to ask on; give --yes")
    sys.stderr.write(f"{question} [y/N] ")
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def moment(time: float) -> str:
    """A time for a table; '' if unknown."""
    return f"{datetime.fromtimestamp(time).astimezone():%Y-%m-%d %H:%M}" if time else ""


def size(n: float) -> str:
    """A number of bytes for people.

    >>> size(312), size(1_250_000)
    ('312 B', '1.2 MB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if n < 999.5:
            return f"{n:.1f} {unit}" if unit != "B" and n < 10 else f"{n:.0f} {unit}"
        n /= 1000
    return f"{n:.1f} TB"


def coloured(line: str) -> str:
    """A printed line with its colours but without other control sequences."""
    return "".join(piece if i % 2 else visible_line(piece) for i, piece in enumerate(COLOURS.split(line)))


def there(folder: Path) -> None:
    """Reject a folder that does not exist: an empty list would hide a typo.

    Raises:
        UsageError: It does not exist, or is not a valid path.
    """
    if not folder_of(folder, "the folder").is_dir():
        raise UsageError(f"no folder {str(folder)!r} here; name the one that netscope.init(dir=…) writes to")


def lines(runs: Sequence[Run], keys: Sequence[str]) -> list[Sequence[str]]:
    """Runs as rows of a table, after a header row."""
    rows: list[Sequence[str]] = [("id", "name", "state", "created", "duration", "tags", *keys)]
    for run in runs:
        took = duration(run.updated - run.created) if run.created else ""
        values = [number(float(run.summary[key].value)) if key in run.summary else "" for key in keys]
        rows.append((run.id, run.name, run.state, moment(run.created), took, ", ".join(run.tags), *values))
    return rows


def number(value: float) -> str:
    """Integers in full, other numbers with six digits.

    >>> number(20240117.0), number(0.123456789)
    ('20240117', '0.123457')
    """
    return str(int(value)) if value.is_integer() and abs(value) <= exact_numbers.LARGEST_EXACT else f"{value:.6g}"


def listed(runs: Sequence[Run]) -> str:
    """Runs as a JSON list with the fields of the schema; summaries as objects."""
    whole = [asdict(run) | {"summary": {key: asdict(value) for key, value in run.summary.items()}} for run in runs]
    return msgspec.json.encode(whole, enc_hook=exact_numbers.plain).decode()


def split(keys: Sequence[str], known: Sequence[str]) -> list[str]:
    """Split keys at commas, except in keys that have a comma in their name.

    >>> split(["a,b", "c,d", "a"], ["a", "b", "c,d"])
    ['a', 'b', 'c,d']
    """
    parts = [part for key in keys for part in ([key] if key in known else map(str.strip, key.split(",")))]
    return list(dict.fromkeys(parts))


def table(rows: Sequence[Sequence[str]]) -> str:
    """Align columns under their names.

    >>> print(table([("id", "state"), ("a-b", "running")]))
    id   state
    a-b  running
    """
    shown = [[printable(cell, WIDEST) for cell in row] for row in rows]
    widths = [max(map(columns, column)) for column in zip(*shown, strict=True)]
    lines = ("  ".join(c + " " * (w - columns(c)) for c, w in zip(row, widths, strict=True)) for row in shown)
    return "\n".join(line.rstrip() for line in lines)


def printable(text: str, most: int = 1000) -> str:
    r"""Text on one line without control characters, cut to `most` characters.

    >>> printable("a\nb\x1b[31m", 12)
    'a⟨U+000A⟩b⟨…'
    """
    clean = visible(text[: most + 1])
    return clean if len(clean) <= most else f"{clean[: most - 1]}…"


def columns(text: str) -> int:
    """Width of a text in terminal columns: Chinese characters take two, combining characters none."""
    return sum(map(width, text))


def has_screen() -> bool:
    """Whether a browser can be opened: not without a display on Linux, and not in CI."""
    if os.environ.get("CI"):
        return False
    return not sys.platform.startswith("linux") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def replace_what_cannot_be_shown() -> None:
    """Replace characters that the terminal's encoding lacks with question marks instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def write_data() -> None:
    """Use UTF-8 on stdout whatever the locale, unless it is a terminal: programs read what follows."""
    if isinstance(sys.stdout, io.TextIOWrapper) and not sys.stdout.isatty():
        sys.stdout.reconfigure(encoding="utf-8", errors="replace")


def say(text: str) -> None:
    """Print a line to stdout and flush: the reader may be a pipe."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def warn(text: str) -> None:
    """Print a line to stderr."""
    sys.stderr.write(f"netscope: {printable(' '.join(text.split()))}\n")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; the exit status is 0, or 2 with one line on stderr."""
    replace_what_cannot_be_shown()
    try:
        app(arguments, exit_on_error=False, print_error=False)
    except (NetscopeError, CycloptsError) as error:
        warn(str(error))
        raise SystemExit(WRONG) from None
    except BrokenPipeError:  # `netscope export … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
