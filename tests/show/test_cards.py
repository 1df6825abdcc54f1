"""The cards of a run over HTTP: planted curves, layers and media, and the reasons given for them."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from netscope.store.journal import blobs, frames
from tests.show.conftest import CREATED

N = 200
FALLING = 2.3 * np.exp(-np.arange(N) / 60)


@pytest.fixture
def told(show):
    def ask(run: str = "a"):
        reply = show().client.get(f"/api/runs/{run}/cards")
        assert reply.status_code == 200, reply.text
        return reply.json()

    return ask


def reasons(told: dict) -> dict[str, dict]:
    return {
        card["id"]: {k: v for k, v in card["reason"].items() if v not in (None, "") and (k, v) != ("unread", 0)}
        for card in told["cards"]
    }


def test_training_and_validation_of_a_metric_share_a_card_and_losses_come_first(write, told):
    run = write("a")
    for step in range(N):
        run.log({"train/acc": 1 - FALLING[step] / 3, "train/loss": FALLING[step], "lr": 0.1}, step)
        if step % 20 == 19:
            run.log({"val_loss": FALLING[step] + 0.1, "val_acc": 0.9 - FALLING[step] / 3}, step)
    run.end()
    reply = told()
    assert [card["keys"] for card in reply["cards"] if card["kind"] == "curves"] == [
        ["train/loss", "val_loss"],
        ["train/acc", "val_acc"],
    ]
    assert [metric["key"] for metric in reply["metrics"]] == ["val_loss", "val_acc", "train/loss", "train/acc"]
    assert reasons(reply)["curves:loss"]["code"] == "improving"


def test_the_main_metrics_have_last_and_best(write, told):
    write("a").curve("val/acc", [0.1, 0.9, 0.8]).end()
    [metric] = told()["metrics"]
    assert metric == {
        "key": "val/acc", "goal": "max", "last": 0.8, "last_step": 2, "best": 0.9, "best_step": 1,
    }  # fmt: skip


def test_a_series_of_few_values_is_told_by_its_first_one(write, told):
    run = write("a")
    run.log({"val/loss": 0.613}, 61)
    run.log({"val/loss": 0.141}, 123)
    run.end()
    assert reasons(told())["curves:loss"] == {"code": "began", "key": "val/loss", "value": 0.613, "step": 61}


def test_metrics_that_are_logged_per_class_leave_the_cards_to_the_others(write, told):
    run = write("a").curve("val/loss", FALLING).curve("val/accuracy", 1 - FALLING / 3)
    for label in range(10):
        run.curve(f"val/recall/class_{label}", 1 - FALLING / 3)
    run.end()
    reply = told()
    assert [card["name"] for card in reply["cards"] if card["kind"] == "curves"] == ["loss", "accuracy"]
    assert [metric["key"] for metric in reply["metrics"]] == ["val/loss", "val/accuracy"]


def test_where_there_are_only_metrics_per_class_they_have_cards_with_their_own_names(write, told):
    run = write("a")
    for label in range(3):
        run.curve(f"val/recall/class_{label}", 1 - FALLING / 3)
    run.end()
    assert [card["name"] for card in told()["cards"] if card["kind"] == "curves"] == [
        f"recall/class_{label}" for label in range(3)
    ]


@pytest.mark.parametrize(
    ("key", "curve", "code"),
    [
        ("loss", 2.30 - np.arange(N) * 2e-4, "hardly_improving"),
        ("loss", 2.30 - np.arange(N) * 2e-3, "improving"),
        ("acc", 0.95 + np.arange(N) * 2e-4, "improving"),
        ("acc", 0.10 + np.arange(N) * 1e-4, "hardly_improving"),
    ],
)
def test_a_gain_of_less_than_a_twentieth_is_hardly_one(key, curve, code, write, told):
    write("a").curve(key, curve).end()
    assert reasons(told())[f"curves:{key}"]["code"] == code


def test_a_run_that_has_only_begun_is_not_blamed_for_a_flat_curve(write, told):
    run = write("a").event(event="progress", done=20, total=1000, unit="steps").curve("loss", [2.3] * 20)
    assert reasons(told())["curves:loss"] == {"code": "value", "key": "loss", "value": 2.3, "step": 19}
    run.event(event="progress", done=500, total=1000, unit="steps")
    assert reasons(told())["curves:loss"]["code"] == "flat"


def test_a_run_that_has_only_begun_is_not_blamed_for_a_few_values_that_are_no_better(write, told):
    run = write("a").event(event="progress", done=20, total=1000, unit="steps")
    run.curve("acc", [0.1, 0.3, 0.5, 0.7, 0.9, 0.88, 0.89, 0.88, 0.89, 0.88, 0.89, 0.88])
    assert reasons(told())["curves:acc"]["code"] == "value"
    run.event(event="progress", done=500, total=1000, unit="steps")
    assert reasons(told())["curves:acc"]["code"] == "stalled"


def test_the_runs_own_rules_come_first(write, told):
    run = write("a").curve("loss", [3, 2, 1]).curve("margin", [1, 5, 2])
    run.event(event="summary", rules={"margin": "min", "test/acc": 0.97}).end()
    assert [(m["key"], m["goal"], m["last"], m["best"]) for m in told()["metrics"]] == [
        ("test/acc", None, 0.97, None),
        ("margin", "min", 2, 1),
        ("loss", "min", 1, 1),
    ]


@pytest.mark.parametrize(
    ("loss", "reason"),
    [
        ([*FALLING[:150], *[FALLING[140] * 12] * 50], {"code": "rose", "step": 150}),
        ([*FALLING[:150], *[np.nan] * 50], {"code": "not_finite", "step": 150, "value": "NaN"}),
        ([2.3] * N, {"code": "flat", "value": 2.3}),
    ],
)
def test_a_loss_that_goes_wrong_leads_the_cards_with_the_reason(loss, reason, write, told):
    write("a").curve("acc", 1 - FALLING / 3).curve("loss", loss).end()
    card = told()["cards"][0]
    assert card["id"] == "curves:loss"
    found = {name: card["reason"][name] for name in reason}
    assert found == {name: pytest.approx(value, abs=9) if name == "step" else value for name, value in reason.items()}


def test_validation_that_gets_worse_while_training_improves_overfits(write, told):
    run = write("a").curve("train/loss", FALLING)
    for i, value in enumerate([2, 1.5, 1, 0.8, 0.9, 1, 1.1, 1.2, 1.3, 1.4]):
        run.log({"val/loss": value}, i * 20)
    run.end()
    assert reasons(told())["curves:loss"] == {
        "code": "overfits", "key": "val/loss", "other": "train/loss", "value": pytest.approx(1.4),
        "before": pytest.approx(0.8), "step": 60,
    }  # fmt: skip


@pytest.mark.parametrize(("epochs", "expected"), [(True, ("epochs", 12)), (False, ("values", 6))])
def test_a_stalled_validation_is_reported_in_epochs_if_there_are_any(epochs, expected, write, told):
    run = write("a")
    for i, value in enumerate([3, 2, 1, 1.1, 1.2, 1.1, 1.2, 1.1, 1.2]):
        run.log({"val/loss": value, **({"epoch": 2 * i} if epochs else {})}, i * 100)
    reason = reasons(told())["curves:loss"]
    assert (reason["code"], reason["unit"], reason["n"], reason["step"], reason["value"]) == (
        "stalled",
        *expected,
        200,
        1,
    )


def test_series_without_a_direction_have_cards_if_there_are_few_others(write, told):
    write("a").curve("loss", FALLING).curve("weight", FALLING).curve("lr", FALLING).end()
    assert [card["id"] for card in told()["cards"] if card["kind"] == "curves"] == ["curves:loss", "curves:weight"]


LAYERS = [{"layer": f"fc{i}", "type": "Linear", "parameters": {"weight": [8, 8], "bias": [8]}} for i in (1, 2, 3)]


def watched(write, steps: int, **layers):
    """A run with layers: per layer the norms of gradient and update and the fraction of dead units, by step."""
    run = write("a").event(event="layers", layers=LAYERS, sampled_above=None, changes=[])
    for step in range(steps):
        row = {}
        for layer in LAYERS:
            name = layer["layer"]
            gradient, update, dead = layers.get(name, lambda _: (1.0, 1e-3, 0.0))(step)
            row |= {
                f"{name}/weight/gradient/norm": gradient, f"{name}/weight/update/norm": update,
                f"{name}/weight/update/ratio": update, f"{name}/output/activation/dead": dead,
            }  # fmt: skip
        run.log(row, step * 10, kind="layer")
    return run.end()


def layer_reasons(reply: dict) -> tuple[dict, dict]:
    found = reasons(reply)
    return found["gradients"], found["layers"]


def test_healthy_layers_are_reported_as_such(write, told):
    watched(write, 12)
    reply = told()
    gradients, layers = layer_reasons(reply)
    assert reply["n_parameters"] == 3 * (64 + 8)
    assert gradients == {"code": "gradients_steady", "n": 3, "before": 1, "value": 1}
    assert layers == {"code": "layers_fine", "n": 3, "total": 3}
    assert [f["layer"] for f in reply["cards"][-1]["findings"]] == ["fc1", "fc2", "fc3"]


def test_dead_frozen_and_unstable_layers_are_named(write, told):
    watched(
        write, 12,
        fc1=lambda step: (1.0, 1e-3, 0.9 if step > 3 else 0.1),
        fc2=lambda step: (1.0, 0.0 if step >= 6 else 1e-3, 0.0),
        fc3=lambda _: (1.0, 0.4, 0.0),
    )  # fmt: skip
    reply = told()
    [card] = [card for card in reply["cards"] if card["kind"] == "layers"]
    assert (card["reason"]["code"], card["reason"]["n"], card["reason"]["total"], card["layer"]) == (
        "layers_dead",
        1,
        3,
        "fc1",
    )
    assert [(f["layer"], f["problem"], f["value"], f["step"], f["stat"]) for f in card["findings"]] == [
        ("fc1", "dead", pytest.approx(0.9), 40, "dead"),
        ("fc3", "jumps", pytest.approx(0.4), 110, "ratio"),
        ("fc2", "frozen", 60, 60, "norm"),
    ]


def test_all_layers_that_stand_out_are_listed_the_worst_first(write, show):
    watched(
        write, 30,
        fc1=lambda step: (1e6 if step >= 25 else 1.0, 1e-3, 0.0),
        fc2=lambda step: (1.0, 0.0 if step >= 6 else 1e-3, 0.0),
        fc3=lambda _: (1.0, 1e-3, 0.8),
    )  # fmt: skip
    found = show().client.get("/api/runs/a/layers/findings").json()
    assert [(f["layer"], f["problem"], f["value"], f["step"]) for f in found] == [
        ("fc1", "explodes", pytest.approx(1e6), 250),
        ("fc3", "dead", pytest.approx(0.8), 0),
        ("fc2", "frozen", 60, 60),
    ]


def test_a_layer_that_no_optimiser_updates_is_frozen_from_the_start(write, told):
    run = write("a").event(event="layers", layers=LAYERS[:2], sampled_above=None, changes=[])
    for step in range(5):
        run.log(
            {"fc1/weight/gradient/norm": 1.0, "fc2/weight/gradient/norm": 1.0, "fc2/weight/update/norm": 0.1},
            step,
            kind="layer",
        )
    run.end()
    [card] = [card for card in told()["cards"] if card["kind"] == "layers"]
    assert [(f["layer"], f["type"], f["problem"], f["step"]) for f in card["findings"]] == [
        ("fc1", "Linear", "frozen", 0)
    ]


@pytest.mark.parametrize(
    ("first", "code"),
    [
        (
            lambda step: (np.nan if step > 8 else 1.0, 1e-3, 0.0),
            {"code": "gradients_not_finite", "step": 90, "n": 1, "total": 3},
        ),
        (lambda step: (1e6 if step > 20 else 1.0, 1e-3, 0.0), {"code": "gradients_exploded", "step": 210}),
        (
            lambda _: (1e-5, 1e-3, 0.0),
            {"code": "gradients_vanish", "key": "fc1", "other": "fc2", "value": pytest.approx(1e5)},
        ),
    ],
)
def test_broken_exploding_and_vanishing_gradients_are_reported(first, code, write, told):
    watched(write, 30, fc1=first)
    assert layer_reasons(told())[0].items() >= code.items()


def log(run, key: str, kind: str, step: int, data: bytes, suffix: str, **more):
    name = blobs.write(run.path.parent, data, suffix)
    told = {
        "key": key,
        "kind": kind,
        "step": step,
        "time": CREATED + step,
        "blob": name,
        "bytes": len(data),
        "text": "",
    }
    return run.add(frames.json_frame(frames.ASSET, told | {"shape": [8, 8]} | more))


def test_the_latest_samples_come_with_their_captions(write, told):
    run = write("a")
    for step in (10, 20):
        for item in range(3):
            log(run, "val/digits", "image", step, b"%d %d" % (step, item), "png", item=item, text=f"is {item}, said 3")
    run.end()
    [card] = told()["cards"]
    assert (card["id"], card["reason"]["code"], card["step"]) == ("samples:val/digits", "samples", 20)
    assert [asset["text"] for asset in card["assets"]] == ["is 0, said 3", "is 1, said 3", "is 2, said 3"]


def table(columns: dict[str, list]) -> bytes:
    return msgspec.json.encode({"columns": list(columns), "values": list(columns.values())})


def test_a_table_of_labels_and_predictions_becomes_a_confusion_matrix(write, told):
    pairs = {"image": ["…"] * 6, "label": [4, 9, 4, 4, 9, 10], "prediction": [9, 9, 9, 4, 4, 10]}
    log(write("a"), "val/predictions", "table", 7, table(pairs), "json").end()
    [card] = told()["cards"]
    assert card["confusion"] == {"labels": ["4", "9", "10"], "counts": [[1, 2, 0], [1, 1, 0], [0, 0, 1]]}
    reason = card["reason"]
    assert (reason["code"], reason["key"], reason["other"], reason["value"]) == ("confused", "4", "9", 2)
    assert (reason["n"], reason["total"]) == (3, 6)


def test_a_table_of_counts_is_a_confusion_matrix_but_other_tables_are_not(write, told):
    run = write("a")
    counts = {"digit": ["0", "1"], "predicted 0": [5, 0], "predicted 1": [0, 6]}
    log(run, "val/confusion", "table", 7, table(counts), "json")
    log(run, "prices", "table", 8, table({"label": ["a", "b"], "price": [1, 2]}), "json")
    log(run, "deep", "table", 8, b'{"columns":' + b"[" * 100_000, "json")
    huge = {"digit": ["0", "1"], "predicted 0": [10**30, 0], "predicted 1": [0, 1]}
    log(run, "huge", "table", 8, table(huge), "json")
    log(run, "odd", "table", 9, b"{", "json").end()
    [card] = told()["cards"]
    assert (card["confusion"]["counts"], card["reason"]["code"], card["reason"]["n"]) == (
        [[5, 0], [0, 6]],
        "all_right",
        11,
    )


def test_a_table_that_is_larger_than_the_journal_says_is_not_read_whole(write, told, monkeypatch):
    pairs = {"label": [4, 9], "prediction": [9, 9]}
    monkeypatch.setattr("netscope.charts.cards.media.LARGEST_TABLE", len(table(pairs)) - 1)
    log(write("a"), "val/predictions", "table", 7, table(pairs), "json", bytes=1).end()
    assert told()["cards"] == []


def test_a_crash_leads_with_its_error_and_the_last_lines(write, told):
    run = write("a").curve("loss", FALLING)
    for i in range(20):
        run.add(frames.frame(frames.CONSOLE, frames.CONSOLE_HEAD.pack(CREATED + i, 1) + f"line {i}\n".encode()))
    run.end("crashed", "Traceback (most recent call last):\n  File …\nValueError: no such batch\nof 3\n")
    card = told()["cards"][0]
    assert (card["kind"], card["interest"], card["reason"]["text"]) == ("console", 1, "ValueError: no such batch")
    assert card["error"].startswith("Traceback")


def test_a_run_that_has_slowed_down_says_so(write, told):
    run = write("a")
    for step in range(N):
        run.log({"loss": 1.0}, step, at=CREATED + step + 3 * max(0, step - 170))
    run.end()
    assert reasons(told())["pace"] == {"code": "pace_slower", "value": pytest.approx(0.25), "before": pytest.approx(1)}


@pytest.mark.parametrize(
    ("config", "epochs", "expected"),
    [
        ({"optim": {"max_steps": 400}}, None, (200, 400, "steps")),
        ({"epochs": 10}, 50, (4, 10, "epochs")),
        ({"epochs": 10}, None, None),  # nobody knows how many are done
        ({"steps": 400, "max_iters": 800}, None, None),  # which?
        ({"max_steps": 100}, None, None),  # more were done than that
        ({"max_steps": "many"}, None, None),
    ],
)
def test_progress_comes_from_an_unambiguous_configuration(config, epochs, expected, write, told):
    run = write("a").event(event="config", config=config)
    for step in range(N):
        run.log({"loss": FALLING[step], **({"epoch": step // epochs} if epochs else {})}, step)
    progress = told()["progress"]
    assert (progress and (progress["done"], progress["total"], progress["unit"])) == expected


def test_progress_reported_by_the_run_has_priority_over_the_configuration(write, told):
    run = write("a").event(event="config", config={"max_steps": 1000}).curve("loss", FALLING)
    run.event(event="progress", done=3, total=4, unit="folds")
    assert (told()["progress"]["done"], told()["progress"]["unit"]) == (3, "folds")


def test_an_empty_run_has_no_cards_and_an_unknown_one_is_not_found(write, told, show):
    write("a").beat()
    assert (told()["cards"], told()["metrics"], told()["progress"]) == ([], [], None)
    assert show().client.get("/api/runs/none/cards").status_code == 404
