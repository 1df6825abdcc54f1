from __future__ import annotations

import math
import threading
import warnings
from collections import OrderedDict
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import netscope
from netscope.analyse.bins import Histograms
from netscope.errors import UsageError
from netscope.record import guard
from tests.fuzzing import examples

KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


@pytest.mark.filterwarnings("ignore:.*logged numbers are floats")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(50), deadline=None)
@given(
    st.lists(
        st.tuples(
            st.dictionaries(KEYS, st.floats() | st.integers() | st.booleans(), max_size=5),
            st.integers(-9, 9) | st.none(),
        ),
        max_size=20,
    )
)
def test_everything_logged_is_read_back_in_order(begin, journal_of, calls):
    run = begin()
    expected, step = [], 0
    for values, given_step in calls:
        run.log(values, given_step)
        step = step if given_step is None else given_step
        if values:
            expected.append((step, values))
        step += 1
    run.finish()
    rows = journal_of(run).rows
    assert [row[1] for row in rows] == [at for at, _ in expected]
    for row, (_, values) in zip(rows, expected, strict=True):
        assert list(row[3]) == list(values)
        np.testing.assert_array_equal(list(row[3].values()), [_as_float(value) for value in values.values()])


def _as_float(value):
    try:
        return float(value)
    except OverflowError:
        return math.copysign(math.inf, value)


def test_nested_dicts_are_flattened_with_slashes(run, journal_of):
    run.log({"loss": 0.5, "val": {"acc": 0.75, "by": OrderedDict(cat=1)}})
    run.finish()
    assert journal_of(run).rows[0][3] == {"loss": 0.5, "val/acc": 0.75, "val/by/cat": 1.0}


SCALARS = [
    (np.float32(0.25), 0.25), (np.float16(0.5), 0.5), (np.longdouble(2), 2.0), (np.int8(-3), -3.0),
    (np.bool_(True), 1.0), (np.array(1.5), 1.5), (np.array([[2]]), 2.0), (np.uint64(2**64 - 1), 2.0**64),
    (torch.tensor(0.5, dtype=torch.bfloat16), 0.5), (torch.tensor([1.5], dtype=torch.half), 1.5),
    (torch.tensor(3), 3.0), (torch.tensor(True), 1.0), (torch.tensor(2.0, requires_grad=True), 2.0),
    (10**400, math.inf), (-(10**400), -math.inf), (math.inf, math.inf), (np.float64(-0.0), -0.0), (True, 1.0),
    (Fraction(1, 4), 0.25), (Decimal("0.5"), 0.5),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:'a' is:RuntimeWarning")
@pytest.mark.parametrize(("value", "meant"), SCALARS, ids=lambda value: repr(value)[:20])
def test_a_scalar_of_any_type_becomes_a_float(run, journal_of, value, meant):
    for _ in range(3):  # the first of a kind and those after it go different ways
        run.log({"a": value, "b": 1})
    run.finish()
    assert list(journal_of(run).series("a").values()) == [meant] * 3


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (2**53 + 1, "'id' is 9007199254740993 and is recorded as 9007199254740992: .*run.text"),
        (np.uint64(2**64 - 1), "'id' is 18446744073709551615 and is recorded as 1.84467"),
        (torch.tensor(-(2**53) - 1), "'id' is -9007199254740993 and is"),
        (10**400, "'id' is a number of 1,329 bits and is recorded as inf"),
    ],
    ids=str,
)
def test_rounding_an_integer_warns_once(run, journal_of, value, said):
    guard.forget_warnings()
    with pytest.warns(RuntimeWarning, match=said) as told:
        for _ in range(3):
            run.log({"id": value, "loss": 1.0})
    assert len(told) == 1
    guard.forget_warnings()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run.log({"id": 2**53, "large": 2**60, "float": 1e300, "inf": math.inf})


def test_nan_stays_nan(run, journal_of):
    run.log({"a": math.nan, "b": np.float32("nan"), "c": torch.tensor(math.nan)})
    run.finish()
    assert all(math.isnan(value) for value in journal_of(run).rows[0][3].values())


def test_the_default_step_is_the_one_after_the_last(run, journal_of):
    assert run.step == 0
    run.log({"a": 1})
    run.log({"a": 2}, step=10)
    assert run.step == 11
    run.log({"a": 3})
    run.log({"a": 4}, step=-5)
    run.log({"a": 5}, step=np.int64(2**53))
    run.finish()
    assert list(journal_of(run).series("a").items()) == [(0, 1), (10, 2), (11, 3), (-5, 4), (2**53, 5)]


def test_a_step_logged_twice_keeps_both(run, journal_of):
    run.log({"a": 1}, step=3)
    run.log({"a": 2}, step=3)
    run.finish()
    assert [(row[1], row[3]["a"]) for row in journal_of(run).rows] == [(3, 1.0), (3, 2.0)]


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (1.5, "step=int"),
        ("3", "got '3' of type str"),
        (2**53 + 1, "beyond"),
        (-(2**53) - 1, "beyond"),
        (True, "True"),
        (2.0, "int"),
    ],
)
def test_an_invalid_step_is_refused_at_once(run, journal_of, step, said):
    run.log({"a": 1})
    with pytest.raises(UsageError, match=said):
        run.log({"a": 1}, step=step)
    assert run.step == 1
    run.finish()
    assert len(journal_of(run).rows) == 1


def test_steps_are_refused_before_they_lose_exactness(run):
    run.log({"a": 1}, step=2**53)
    with pytest.raises(UsageError, match="beyond"):
        run.log({"a": 1})


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({3: 1.0}, r"write str\(3\)"),
        ({"": 1.0}, "1 to 1,024 characters"),
        ({"k" * 10_000: 1.0}, "got 10,000"),
        ({"a" * 600: {"b" * 600: 1}}, "got 1,201"),
        ({"a": {"b": 1}, "a/b": 2}, "'a/b' appears twice"),
        ({"\ud800": 1.0}, "Unicode"),
        ({"a": None}, "'a' is of type NoneType"),
        ({"a": 1j}, "not a real number"),
        ({"a": torch.tensor(1j)}, "not a real number"),
        ({"a": np.ones(3)}, r"shape \(3,\).*netscope.Histogram"),
        ({"a": torch.ones(2, 2)}, r"shape \(2, 2\)"),
        ({"a": object()}, "'a' is of type object.*netscope.Image"),
        ({"a": [1, 2]}, "item 0 of the list 'a' is of type int.*netscope.Histogram"),
        ({"x/y": {"z": set()}}, "'x/y/z' is of type set"),
        ("loss", "log takes a dict"),
        (0.3, "log takes a dict"),
    ],
    ids=lambda value: repr(value).partition(" at 0x")[0],  # the same in every worker
)
def test_wrong_use_is_refused_and_leaves_nothing_behind(run, journal_of, values, said):
    with pytest.raises(UsageError, match=said):
        run.log({"fine": 1.0, **values} if isinstance(values, dict) else values)
    run.finish()
    assert journal_of(run).rows == []
    assert run.step == 0


def test_a_key_and_a_number_are_refused_with_the_right_call(run):
    with pytest.raises(UsageError, match=r"run\.log\(\{'loss': 0\.3\}\)"):
        run.log("loss", 0.3)


def test_a_key_that_is_an_array_is_reported_in_one_line(run):
    with pytest.raises(UsageError, match="of type ndarray") as told:
        run.image(np.zeros((90, 90)), "sample")
    assert len(str(told.value)) < 200
    assert "\n" not in str(told.value)


def test_a_dict_that_contains_itself_is_refused(run):
    values: dict = {"a": 1}
    values["self"] = values
    with pytest.raises(UsageError, match="does one contain itself"):
        run.log(values)


@pytest.mark.parametrize("key", ["a/b/c", 'it\'s "quoted"', "😀 acc", "new\nline", "k" * 1024, "%s{}", "中文"])
def test_any_other_key_is_accepted(run, journal_of, key):
    run.log({key: 1.0})
    run.finish()
    assert journal_of(run).series(key) == {0: 1.0}


def test_ten_thousand_keys_in_one_call(run, journal_of):
    run.log({f"key/{i}": float(i) for i in range(10_000)}, step=4)
    run.finish()
    merged = {key: value for _, step, _, values in journal_of(run).rows if step == 4 for key, value in values.items()}
    assert merged == {f"key/{i}": float(i) for i in range(10_000)}


def test_ten_thousand_key_sets_of_one_key(run, journal_of):
    for i in range(10_000):
        run.log({f"key/{i}": 1.0}, step=0)
    run.finish()
    assert len({key for *_, values in journal_of(run).rows for key in values}) == 10_000


def test_several_threads_log_without_losing_or_sharing_steps(run, journal_of):
    def work(name: str) -> None:
        for i in range(500):
            run.log({name: float(i)})

    threads = [threading.Thread(target=work, args=(f"t{i}",)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run.finish()
    found = journal_of(run)
    assert [step for _, step, _, _ in found.rows] == list(range(2000))
    for i in range(4):
        assert list(found.series(f"t{i}").values()) == [float(j) for j in range(500)]


def test_pending_calls_get_the_step_of_the_next_log_once(run):
    run.log({"a": 1})
    steps: list[int] = []
    run._session.on_next_log(steps.append)
    run.log({"a": 1}, step=7)
    run.log({"a": 1})
    assert steps == [7]


def test_a_pending_call_may_get_its_step_from_another_thread(run):
    run.log({"a": 1.0})

    def other(step: int) -> None:
        thread = threading.Thread(target=run._session.put_row, args=("layer", ("x",), step, (1.0,)))
        thread.start()
        thread.join(100)
        assert not thread.is_alive(), "log holds its lock while it calls"

    run._session.on_next_log(other)
    run.log({"a": 2.0})


def test_log_after_finish_says_how_to_continue(run):
    run.log({"a": 1})
    run.finish()
    run.finish()
    with pytest.raises(UsageError, match="resume="):
        run.log({"a": 1})
    with pytest.raises(UsageError, match="resume="):
        run.text("a", "b")


def test_a_refused_call_leaves_no_blob(run):
    picture = netscope.Image(np.zeros((2, 2)))
    with pytest.raises(UsageError, match="beyond"):
        run.log({"a": picture}, step=2**60)
    run.finish()
    with pytest.raises(UsageError, match="resume="):
        run.log({"a": picture})
    assert not (run.folder / "blobs").exists()


def test_only_nonempty_bins_are_written(run, journal_of):
    counts = np.zeros((3, 2048), np.uint32)
    counts[0, [508, 1022]] = 3, 4
    run._session.put_bins(("a/b/value", "a/c/value", "a/d/value"), 5, Histograms.of(counts))
    run.finish()
    data = journal_of(run).path.read_bytes()
    from netscope.store.journal import frames, sparse_bins

    (frame,) = [item for item in frames.scan(data, 64) if item.kind == frames.SPARSE_BINS]
    found = sparse_bins.decode(frame.body[frames.POINT.size :], 3)
    assert (found.sizes.tolist(), found.places.tolist(), found.counts.tolist()) == ([2, 0, 0], [508, 1022], [3, 4])
    assert len(frame.body) == 16 + 3 * 2 + 2 * 4


def test_the_repr_of_a_run_has_name_state_and_folder(run, tmp_path):
    assert repr(run) == f"<netscope run {run.name!r} ({run.id}, running) in {tmp_path}>"
    run.finish()
    assert "finished" in repr(run)


def test_the_public_names_exist():
    assert {"init", "open", "Run", "Store", "Image"} <= set(dir(netscope))
    assert netscope.Image is netscope.Image
    with pytest.raises(AttributeError, match="it has: Array"):
        netscope.imgae  # noqa: B018


def test_too_many_keys_are_refused_with_advice(run, journal_of):
    with pytest.raises(UsageError, match=r"100,001 keys in one call, the limit is 100,000; .*Histogram"):
        run.log({"a": {str(i): i for i in range(100_000)}, "b": 1})
    run.finish()
    assert journal_of(run).rows == []
