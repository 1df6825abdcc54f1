"""`watch` in a real run: what reaches the journal, and that it ends with the run."""

from __future__ import annotations

import gc
import threading

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim import optimizer as torch_optimizer

import netscope
from netscope.analyse import measure
from netscope.errors import UsageError
from netscope.store.journal import frames, sparse_bins
from tests.watch.test_watch import hooks_of, images, network


@pytest.fixture
def run(tmp_path):
    measure.load_kernels(wait=True)
    run = netscope.init(dir=tmp_path, watch_system=False, console=False)
    yield run
    run.finish()


def train(model: nn.Module, run, n: int) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for step in range(n):
        optimizer.zero_grad()
        loss = model(images()).square().mean()
        loss.backward()
        optimizer.step()
        run.log({"loss": loss}, step=step)


def read(run) -> tuple[dict[int, dict[str, float]], dict[int, dict[str, np.ndarray]]]:
    """Layer rows and bins of the run's one journal, by step, decoded as FORMAT.md says."""
    (path,) = run.folder.glob("*.journal")
    sets: dict[int, list[str]] = {}
    rows: dict[int, dict[str, float]] = {}
    histograms: dict[int, dict[str, np.ndarray]] = {}
    for frame in frames.scan(path.read_bytes(), frames.HEADER_BYTES):
        assert isinstance(frame, frames.Frame)
        if frame.kind == frames.KEY_SET:
            sets[frame.key_set] = frames.msgspec.json.decode(bytes(frame.body))["keys"]
        elif frame.kind == frames.ROW:
            step, _ = frames.POINT.unpack_from(frame.body)
            values = np.frombuffer(frame.body, "<f8", offset=16)
            rows.setdefault(step, {}).update(zip(sets[frame.key_set], values.tolist(), strict=True))
        elif frame.kind == frames.SPARSE_BINS:
            step, _ = frames.POINT.unpack_from(frame.body)
            keys = sets[frame.key_set]
            found = sparse_bins.decode(frame.body[16:], len(keys))
            assert found.sizes.all()
            histograms.setdefault(step, {}).update(zip(keys, found.dense(), strict=True))
    return rows, histograms


def test_measurements_have_the_step_of_their_loss(run):
    model = network()
    run.watch(model, every=2)
    train(model, run, 5)
    run.finish()
    rows, histograms = read(run)
    assert {step for step, row in rows.items() if "0/weight/value/mean" in row} == {0, 2, 4}
    assert set(histograms) == {0, 2, 4}
    assert all("loss" in rows[step] for step in range(5))
    assert histograms[4]["0/weight/gradient"].sum() == model[0].weight.numel()
    assert histograms[4]["2/output/activation"].sum() == 8 * 4 * 36


@pytest.mark.parametrize("end", ["unwatch", "finish", "remove"])
def test_every_way_to_end_removes_all_hooks(run, end):
    gc.collect()  # the watches of other tests end with their models

    def n_global() -> int:
        return len(torch_optimizer._global_optimizer_pre_hooks) + len(torch_optimizer._global_optimizer_post_hooks)

    model = network()
    watching = run.watch(model, every=1)
    train(model, run, 2)
    {"unwatch": run.unwatch, "finish": run.finish, "remove": watching.remove}[end]()
    assert hooks_of(model) == 0
    assert n_global() == 0
    run.unwatch()
    train(model, run, 1) if end != "finish" else None


def test_hooks_of_an_ended_thread_are_removed_even_if_its_ident_is_reused(run):
    gc.collect()
    model = network()
    watching = run.watch(model, every=1)
    stepping = threading.Thread(target=train, args=(model, run, 1))
    stepping.start()
    stepping.join()
    go = threading.Event()
    waiting = [threading.Thread(target=go.wait, args=(30,)) for _ in range(4)]
    for thread in waiting:
        thread.start()
    watching.remove()
    assert not torch_optimizer._global_optimizer_pre_hooks
    go.set()
    for thread in waiting:
        thread.join()


def test_an_unwatchable_model_raises_at_the_users_line(run):
    with pytest.raises(UsageError, match="optimiser"):
        run.watch(torch.optim.SGD(network().parameters(), lr=0.1))
    with pytest.raises(UsageError, match="watch_arrays"):
        run.watch({"weight": np.ones(3)})


def test_a_disabled_run_measures_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("NETSCOPE_MODE", "disabled")
    run = netscope.init(dir=tmp_path)
    model = network()
    run.watch(model, every=1)
    assert hooks_of(model) == 0
    run.watch_arrays({"layer1": {"weight": np.ones(3)}})
    train(model, run, 2)
    run.finish()
    assert list(tmp_path.iterdir()) == []


def test_a_store_reads_layers_tensors_and_numbers(run):
    model = network()
    run.watch(model, every=2)
    train(model, run, 3)
    run.finish()
    store = netscope.open(run.folder.parent)
    store.refresh()
    table = store.read.layers.table(run.id)
    assert table.sampled_above == 65_536
    assert [layer.layer for layer in table.layers] == ["0", "1", "2", "4", "5"]
    assert table.steps == [0, 2]
    stats = {(item.layer, item.tensor, item.quantity): item.stats for item in table.tensors}
    assert "dead" in stats["2", "output", "activation"]
    assert "saturated" in stats["5", "output", "activation"]
    assert "ratio" in stats["4", "weight", "update"]
    assert all(item.histogram for item in table.tensors)
    rows, _ = read(run)
    found = store.columns([run.id], "4/weight/update/ratio", kind="layer")[run.id]
    assert found.values.tolist() == [rows[step]["4/weight/update/ratio"] for step in (0, 2)]
    store.close()


def test_a_watch_without_any_step_warns(run):
    watched, trained = network(), network()
    run.watch(watched)
    train(trained, run, 3)
    with pytest.warns(UserWarning, match="watch measured nothing: no optimiser stepped") as told:
        run.unwatch()
    assert told[0].filename == __file__


def test_a_watch_that_ends_before_the_first_log_does_not_warn(run):
    run.watch(network())
    run.unwatch()
