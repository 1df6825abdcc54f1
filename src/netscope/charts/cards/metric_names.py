"""What the names of series say: which are of one metric, on which data, and whether lower or higher is better."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from msgspec.structs import replace

from netscope.analyse.trend import Goal
from netscope.schema.series import HELD_OUT_SPLITS, TRAINING_SPLITS, Keys

TRAIN, HELD_OUT = frozenset(TRAINING_SPLITS), frozenset(HELD_OUT_SPLITS)
LOWER = frozenset(
    "loss error err nll ppl perplexity mse mae rmse mape wer cer fid bpc bpb kl divergence regret crossentropy".split()
)
HIGHER = frozenset(
    "accuracy acc top1 top5 f1 auc auroc auprc map iou miou dice precision recall score reward return bleu rouge r2 "
    "psnr ssim success elbo".split()
)
ACCURACY = frozenset({"accuracy", "acc", "top1"})
# What says how the training is run, not how well it goes.
SETTINGS = frozenset("lr learningrate rate epoch step steps time seconds momentum decay scale temperature".split())
EPOCH = frozenset({"epoch", "epochs"})
MANY = 3  # metrics that differ in a number only: those of classes, layers or folds


class Metric(NamedTuple):
    """Series of one metric: on training data, on held-out data, or nothing is said of which."""

    name: str
    train: list[str]
    """Keys; also of those that do not say on which data."""
    held_out: list[str]
    goal: Goal | None
    is_one_of_many: bool = False
    """Whether others differ from it in a number only: "recall/class_3"."""

    @property
    def keys(self) -> list[str]:
        """All of them, training first."""
        return [*self.train, *self.held_out]


def words(key: str) -> list[str]:
    """The words of a key.

    >>> words("val/topK_error-rate"), words("trainLoss")
    (['val', 'top', 'k', 'error', 'rate'], ['train', 'loss'])
    """
    return re.findall(r"[^\W_]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", key).lower())


def shared_name(key: str) -> str:
    """The key without the words that say on which data it is.

    >>> shared_name("val/recall/class_1"), shared_name("train_loss"), shared_name("lossVal"), shared_name("val")
    ('recall/class_1', 'loss', 'loss', 'val')
    """
    said = TRAIN | HELD_OUT
    if not said & set(words(key)):
        return key
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key)
    return re.sub(rf"(?i)(^|[\W_]+)({'|'.join(said)})(?=$|[\W_])", "", parted).strip("/_-.: ") or key


def goal_of(key: str) -> Goal | None:
    """Whether lower or higher is better, if the key says so; the last word that does counts.

    >>> goal_of("val/loss"), goal_of("accuracy"), goal_of("weight")
    ('min', 'max', None)
    """
    for word in reversed(words(key)):
        if word in LOWER or word.endswith("loss"):
            return "min"
        if word in HIGHER:
            return "max"
    return None


def with_goals(keys: Keys) -> Keys:
    """Keys that say whether lower or higher is better, where their names do."""
    return Keys([replace(key, goal=goal_of(key.key)) if key.kind == "scalar" else key for key in keys.keys])


def is_epoch(key: str) -> bool:
    """Whether it tells the number of the epoch: "epoch", "trainer/epoch"."""
    return bool(found := words(key)) and found[-1] in EPOCH and not (set(found) - EPOCH - TRAIN - {"trainer"})


def metrics_of(keys: Iterable[str], rules: Mapping[str, object] | None = None) -> list[Metric]:
    """Metrics of a run, the main ones first: those that the run gave a rule, losses, accuracies, others.

    >>> [(m.name, m.train, m.held_out) for m in metrics_of(["lr", "train/acc", "train/loss", "val/loss"])]
    [('loss', ['train/loss'], ['val/loss']), ('acc', ['train/acc'], []), ('lr', ['lr'], [])]
    """
    rules = rules or {}
    found: dict[str, tuple[list[str], list[str]]] = {}
    for key in keys:
        parts = words(key)
        name = "/".join(word for word in parts if word not in TRAIN and word not in HELD_OUT) or key
        train, held_out = found.setdefault(name, ([], []))
        (held_out if HELD_OUT & set(parts) else train).append(key)
    alike = Counter(_without_digits(name) for name in found)
    metrics = [
        Metric(shared_name(keys[0]), *both, _goal(keys, rules), alike[_without_digits(name)] >= MANY)
        for name, both in found.items()
        if (keys := [*both[0], *both[1]])
    ]
    return sorted(metrics, key=lambda metric: _rank(metric, rules))


def _without_digits(name: str) -> str:
    return re.sub(r"\d+", "#", name)


def _goal(keys: list[str], rules: Mapping[str, object]) -> Goal | None:
    for key in keys:
        rule = rules.get(key)
        if rule == "min" or rule == "max":
            return rule
    return goal_of(keys[0])


def _rank(metric: Metric, rules: Mapping[str, object]) -> tuple[int, ...]:
    found = set(words(metric.name))
    kinds = [
        metric.goal == "min" and metric.name.lower().endswith("loss"),
        bool(found & ACCURACY),
        metric.goal is not None,
    ]
    kind = kinds.index(True) if True in kinds else 4 if found & SETTINGS else 3
    return (
        not any(key in rules for key in metric.keys),
        metric.is_one_of_many,
        kind,
        not metric.held_out,
        len(words(metric.name)),
    )
