"""Scalars on a device, here torch's lazy device, which is asynchronous and available everywhere."""

from __future__ import annotations

import pytest
import torch
import torch._lazy
import torch._lazy.ts_backend


@pytest.fixture(scope="module", autouse=True)
def device() -> None:
    torch._lazy.ts_backend.init()


def on_device(value: float, dtype=torch.float32) -> torch.Tensor:
    return torch.tensor(value, dtype=dtype).to("lazy")


def test_device_scalars_are_written_completely_and_in_order_by_the_background_thread(run, journal_of):
    run.log({"a": 0.5, "loss": on_device(1.0)})
    run.log({"a": 0.75, "loss": on_device(2.0), "deep": {"n": on_device(3, torch.int64)}}, step=7)
    assert journal_of(run).rows == []
    run._session._write_delayed()
    assert [(row[1], row[3]) for row in journal_of(run).rows] == [
        (0, {"a": 0.5, "loss": 1.0}),
        (7, {"a": 0.75, "loss": 2.0, "deep/n": 3.0}),
    ]
    assert run.step == 8


def test_a_device_scalar_has_the_value_at_the_time_of_the_log(run, journal_of):
    total = on_device(1.0)
    run.log({"total": total})
    total += 41
    run.finish()
    assert journal_of(run).series("total") == {0: 1.0}


def test_the_time_is_that_of_the_log(run, journal_of):
    run.log({"late": on_device(1.0)})
    run.log({"early": 1.0})
    run.finish()
    early, after = journal_of(run).rows
    assert (early[3], after[3]) == ({"early": 1.0}, {"late": 1.0})
    assert after[2] <= early[2]


def test_finish_writes_pending_scalars(run, journal_of):
    for i in range(100):
        run.log({"loss": on_device(float(i)), "half": on_device(0.5, torch.bfloat16)})
    run.finish()
    assert journal_of(run).series("loss") == {i: float(i) for i in range(100)}
    assert set(journal_of(run).series("half").values()) == {0.5}


def test_pending_rows_are_limited(run, journal_of, monkeypatch):
    monkeypatch.setattr("netscope.record.session.TOO_MANY", 10)
    for i in range(25):
        run.log({"loss": on_device(float(i))})
    assert len(journal_of(run).rows) >= 20


def test_all_pending_scalars_are_copied_together(run, monkeypatch):
    stacks = []
    real = torch.stack
    monkeypatch.setattr(torch, "stack", lambda many: stacks.append(len(many)) or real(many))
    for i in range(50):
        run.log({"a": on_device(float(i)), "b": on_device(0.0)})
    run._session._write_delayed()
    assert sum(stacks) == 100
    assert len(stacks) <= 2  # the beat may have come between


def test_a_tensor_without_values_is_refused(run):
    with pytest.raises(ValueError, match="meta device"):
        run.log({"a": torch.ones((), device="meta")})


def test_a_child_does_not_write_pending_scalars_of_its_parent(run, journal_of):
    import os

    run.log({"loss": on_device(1.0)})
    pid = os.fork()
    if pid == 0:
        run.finish()
        os._exit(0)
    os.waitpid(pid, 0)
    run.finish()
    assert journal_of(run).series("loss") == {0: 1.0}
