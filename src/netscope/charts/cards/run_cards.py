"""A run at a glance: how far it is, where its main metrics stand, and its cards by interest."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from netscope.charts.cards.curves import Curves, chosen, curve_cards, main_metrics
from netscope.charts.cards.interest import INTEREST
from netscope.charts.cards.layers import layer_cards
from netscope.charts.cards.media import media_cards
from netscope.charts.cards.metric_names import is_epoch, metrics_of, words
from netscope.charts.cards.network import network_cards
from netscope.charts.cards.pace import pace_card
from netscope.schema.card import Card, Cards, Reason, ReasonCode
from netscope.schema.layer import LayerTable
from netscope.schema.run import Environment, Progress, Run, RunDetail
from netscope.store.store import Store

LAST_LINES = 12
TRACEBACK = "Traceback (most recent call last):"
EARLY = 0.15  # of a run, or
EARLY_STEPS = 100  # where nobody knows how long it is
STEPS = frozenset(
    "steps maxsteps totalsteps nsteps numsteps iterations maxiterations numiterations maxiters niters".split()
)
EPOCHS = frozenset("epochs maxepochs totalepochs nepochs numepochs numtrainepochs".split())


def cards_of(store: Store, run_id: str) -> Cards:
    """What is worth a look in a run now.

    Raises:
        NotFoundError: No such run.
    """
    detail = store.detail(run_id)
    run, is_running = detail.run, detail.run.state == "running"
    keys = [key.key for key in store.keys([run_id], "scalar").keys]
    curves, metrics = Curves(store, run_id, keys), chosen(metrics_of(keys, run.rules))
    logged = [series for metric in metrics for key in metric.keys if (series := curves[key])]
    longest = max(logged, key=lambda series: series.points.n, default=None)
    epochs = next((series for key in keys if is_epoch(key) and (series := curves[key])), None)
    epoch, epochs_done = (None, None) if epochs is None else epoch_of(epochs.steps, epochs.values, run.step or 0)
    progress = run.progress or told_by_config(run, epochs_done)
    is_early = is_running and not has_gone_on(run, progress)
    table = store.read.layers.table(run_id)
    cards = [
        *_ending(store, run_id, detail),
        *curve_cards(curves, metrics, is_running=is_running, is_early=is_early),
        *media_cards(store, run_id),
        *layer_cards(store, run_id, table),
        *network_cards(store, run_id, table, n_parameters_of(table)),
        *pace_card(longest, detail.attempts[-1].created if detail.attempts else 0.0),
    ]
    cards.sort(key=lambda card: -card.interest)  # of equally interesting ones the order above
    main = main_metrics(curves, metrics, run.rules)
    return Cards(epoch, progress, _device(detail.environment), n_parameters_of(table), main, cards)


def has_gone_on(run: Run, progress: Progress | None) -> bool:
    """Whether a run has gone on long enough for its curves to mean something."""
    if progress is not None and progress.total > 0:
        return progress.done >= EARLY * progress.total
    return (run.step or 0) >= EARLY_STEPS


def n_parameters_of(table: LayerTable) -> int:
    """Values in the parameters of all layers; a parameter that several layers share belongs to the first."""
    return sum(math.prod(shape) for layer in table.layers for shape in layer.parameters.values())


def told_by_config(run: Run, epochs_done: float | None) -> Progress | None:
    """How far a run is if its configuration says how many steps or epochs there are, under one name and no other."""
    steps = None if run.step is None else run.step + 1.0
    for names, unit, done in ((STEPS, "steps", steps), (EPOCHS, "epochs", epochs_done)):
        totals = {value for key, value in run.config.items() if "".join(words(key.rpartition(".")[2])) in names}
        total = totals.pop() if len(totals) == 1 else None
        if done is None or isinstance(total, bool) or not isinstance(total, int | float) or not 0 < total < math.inf:
            continue
        if done <= total:
            elapsed = run.updated - run.created
            left = elapsed / done * (total - done) if run.state == "running" and done > 0 else None
            return Progress(done, float(total), unit, run.updated, left)
    return None


def epoch_of(steps: np.ndarray, values: np.ndarray, last_step: int) -> tuple[float | None, float | None]:
    """The number of the epoch as people count them, from 1, and how many are done.

    Whole numbers that are logged at every step tell the epoch that is going on; logged once an epoch, the one that was
    done; others are a position. Whether they begin at 0 is seen from the first.

    Args:
        steps: At which a key "epoch" was logged.
        values: Of that key.
        last_step: The last step at which anything was logged.

    >>> epoch_of(np.arange(6), np.array([0, 0, 0, 0, 1, 1]), 5)  # four steps an epoch, two steps into the second
    (2.0, 1.5)
    >>> epoch_of(np.array([9, 19]), np.array([1, 2]), 24)  # at the end of each
    (2.0, 2.0)
    """
    if not np.isfinite(values).all():
        return None, None
    last = float(values[-1])
    if (values != np.round(values)).any():
        return last, last
    number = last + float(values[0] == 0)
    starts = steps[np.flatnonzero(np.diff(values, prepend=values[0] - 1))]
    if len(starts) == len(values):
        return number, number
    length = float(np.median(np.diff(starts))) if len(starts) > 1 else math.inf
    return number, number - 1 + min(1.0, (last_step + 1 - int(starts[-1])) / length)


def _device(environment: Environment) -> str:
    gpus = environment.gpus
    if not gpus:
        return environment.cpu
    return gpus[0] if len(set(gpus)) == 1 and len(gpus) == 1 else f"{len(gpus)} × {gpus[0]}"


def _ending(store: Store, run: str, detail: RunDetail) -> list[Card]:
    """What was printed last, with the exception that ended the run."""
    error = detail.attempts[-1].error if detail.attempts else ""
    lines = [line.text for line in store.read.console.lines(run, -LAST_LINES, LAST_LINES).lines]
    codes: Mapping[str, ReasonCode] = {"crashed": "crashed", "killed": "killed"}
    code = codes.get(detail.run.state, "printed")
    if code == "printed" and not lines:
        return []
    return [
        Card("console", "console", "", INTEREST[code], Reason(code, text=headline(error)), lines=lines, error=error)
    ]


def headline(error: str) -> str:
    r"""The line of a traceback that names the exception; its message may go on below.

    >>> headline("Traceback (most recent call last):\n  File ...\nRuntimeError: CUDA error\nCompile with ...")
    'RuntimeError: CUDA error'
    >>> headline("Killed by SIGTERM")
    'Killed by SIGTERM'
    """
    own = error.rpartition(TRACEBACK)[2]  # of exceptions that caused each other the last one ended the run
    return next((line.strip() for line in own.splitlines() if line.strip() and not line.startswith(" ")), "")
