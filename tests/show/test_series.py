"""POST /api/series and the other routes that charts use."""

from __future__ import annotations

import csv
import io
import math

import msgspec
import numpy as np
import pytest

from netscope.analyse.smooth import retention
from netscope.errors import UsageError
from netscope.formats import safetensors
from netscope.schema.series import SeriesReply
from tests.waiting import until


def test_a_short_series_is_returned_as_logged(write, show):
    write("a").curve("loss", [3, 2, 1]).end()
    [(info, x, y)] = show().series(["a"], ["loss"])
    assert (x.tolist(), y.tolist(), info.n_logged, info.ghost) == ([0, 1, 2], [3, 2, 1], 3, False)


@pytest.mark.parametrize(
    ("first", "kind"),
    [(0, "u2"), (65_534, "u2"), (65_535, "i4"), (-1, "i4"), (2**31 - 2, "i4"), (2**31 - 1, "f8"), (-(2**31) - 1, "f8")],
)
def test_steps_use_as_few_bytes_as_needed_and_values_four(write, show, first, kind):
    write("a").log({"loss": 3.1}, first).log({"loss": 2}, first + 1).end()
    [(_, x, y)] = show().series(["a"], ["loss"])
    assert (x.tolist(), x.dtype, y.dtype) == ([first, first + 1], np.dtype(kind), np.float32)


def test_steps_beyond_32_bits_are_exact(write, show):
    write("a").log({"loss": 1}, -(2**53)).log({"loss": 2}, 2**53).end()
    [(_, x, _)] = show().series(["a"], ["loss"])
    assert [int(step) for step in x] == [-(2**53), 2**53]


def test_a_long_series_is_thinned_to_two_points_per_pixel_with_its_extremes(write, show):
    values = np.sin(np.arange(5000) / 50)
    values[1234], values[4321] = 7, -7
    write("a").curve("loss", values).end()
    [(info, x, y)] = show().series(["a"], ["loss"], px=100)
    assert info.n_logged == 5000
    assert len(x) <= 202
    assert (x[0], x[-1], y.max(), y.min()) == (0, 4999, 7, -7)
    assert (np.diff(x) > 0).all()


def test_a_window_is_thinned_separately_and_keeps_one_point_on_either_side(write, show):
    write("a").curve("loss", np.arange(1000)).end()
    [(_, x, _)] = show().series(["a"], ["loss"], low=100.5, high=110, px=400)
    assert x.tolist() == list(range(100, 112))


def test_a_point_beside_the_window_hides_no_extreme_inside(write, show):
    values = np.zeros(1000)
    values[99], values[102] = -9, -5
    write("a").curve("loss", values).end()
    [(_, x, y)] = show().series(["a"], ["loss"], low=100, high=899, px=10)
    assert {-9, -5} <= set(y)
    assert (x[0], x[-1]) == (99, 900)


def test_series_are_ordered_by_key_then_as_requested_by_run(write, show):
    for run in "ab":
        write(run).log({"loss": 1, "acc": 2}, 0).end()
    found = show().series(["b", "a"], ["loss", "acc"])
    assert [(info.key, info.run) for info, _, _ in found] == [("loss", "b"), ("loss", "a"), ("acc", "b"), ("acc", "a")]


def test_runs_that_logged_the_same_steps_share_their_x(write, show):
    for run in "abc":
        write(run).curve("loss", np.arange(50)).end()
    found = show().series(["a", "b", "c"], ["loss"])
    assert {info.x_start for info, _, _ in found} == {0}
    assert all(x.tolist() == list(range(50)) for _, x, _ in found)


def test_runs_without_the_key_and_deleted_runs_are_left_out(write, show):
    write("a").curve("loss", [1]).end()
    write("b").curve("other", [1]).end()
    assert [info.run for info, _, _ in show().series(["gone", "a", "b"], ["loss"])] == ["a"]


def test_only_unknown_runs_list_the_known_ones(write, show):
    write("a").curve("loss", [1]).end()
    reply = show().client.post("/api/series", json={"runs": ["b"], "keys": ["loss"]})
    assert reply.status_code == 404
    assert "'b'" in reply.json()["error"]
    assert "a" in reply.json()["error"]


def test_nan_and_infinities_are_sent(write, show):
    values = np.ones(4000)
    values[[7, 2000, 3000]] = math.nan, math.inf, -math.inf
    write("a").curve("loss", values).end()
    [(_, x, y)] = show().series(["a"], ["loss"], px=20)
    assert x[~np.isfinite(y)].tolist() == [7, 2000, 3000]


def test_relative_x_counts_seconds_since_the_run_began(write, show):
    write("a").log({"loss": 1}, 0, at=1_760_000_002.5).end()
    [(_, x, _)] = show().series(["a"], ["loss"], x="relative")
    assert x.tolist() == pytest.approx([2.5])


def timed(show, **request):
    reply = show().client.post("/api/series", json=request)
    arrays, metadata = safetensors.decode(reply.content)
    return arrays, msgspec.json.decode(metadata["reply"], type=SeriesReply).series


def test_times_accompany_the_values_on_request(write, show):
    run = write("a")
    for step in range(5000):
        run.log({"loss": math.sin(step)}, step, at=1_760_000_000 + 3 * step)
    run.end()
    arrays, [info] = timed(show, runs=["a"], keys=["loss"], px=50, low=1000, high=4000, times=True)
    assert arrays["time"].dtype == np.float32
    assert (arrays["time"] == 3 * arrays["x"]).all()
    assert len(arrays["time"]) == info.n < 110


def test_each_series_has_its_times_even_if_x_is_shared(write, show):
    write("a").log({"loss": 1}, 0, at=1_760_000_001).log({"loss": 2}, 1, at=1_760_000_005).end()
    write("b").log({"loss": 1}, 0, at=1_760_000_002).log({"loss": 2}, 1, at=1_760_000_003).end()
    arrays, infos = timed(show, runs=["a", "b"], keys=["loss", "absent"], times=True)
    assert [arrays["time"][i.start : i.start + i.n].tolist() for i in infos] == [[1, 5], [2, 3]]


@pytest.mark.parametrize("x", ["time", "relative", "accuracy"])
def test_times_stay_with_their_points_when_these_are_sorted(write, show, x):
    run = write("a")
    for step, (at, accuracy) in enumerate([(10.0, 0.1), (30.0, 0.9), (20.0, 0.5)]):
        run.log({"loss": at, "accuracy": accuracy}, step, at=1_760_000_000 + at)
    run.end()
    arrays, _ = timed(show, runs=["a"], keys=["loss"], x=x, times=True)
    assert arrays["time"].tolist() == arrays["y"].tolist() == [10, 20, 30]


def test_times_are_sent_only_on_request(write, show):
    write("a").curve("loss", [3, 2]).end()
    arrays, _ = timed(show, runs=["a"], keys=["loss"])
    assert set(arrays) == {"x", "y"}


def test_points_ascend_in_time_even_if_the_clock_jumped(write, show):
    run = write("a")
    for step, at in enumerate([10.0, 30.0, 20.0]):
        run.log({"loss": step}, step, at=1_760_000_000 + at)
    [(_, x, y)] = show().series(["a"], ["loss"], x="time")
    assert (np.diff(x) > 0).all()
    assert y.tolist() == [0, 2, 1]


def test_another_key_as_x_is_joined_by_step(write, show):
    run = write("a").curve("epoch", [0.0, 0.5, 1.0, 1.5])
    for step in (1, 3, 9):
        run.log({"loss": step}, step)
    [(_, x, y)] = show().series(["a"], ["loss"], x="epoch")
    assert (x.tolist(), y.tolist()) == ([0.5, 1.5], [1, 3])


def test_the_replaced_tail_of_an_earlier_attempt_is_a_ghost_after_its_series(folder, write, show):
    write("a").curve("loss", [5, 4, 3, 2]).end()
    write("a", attempt=2).event(event="attempt", fork_step=2).log({"loss": 9}, 2).end()
    (curve, x, y), (ghost, ghost_x, _) = show().series(["a"], ["loss"])
    assert (curve.ghost, x.tolist(), y.tolist()) == (False, [0, 1, 2], [5, 4, 9])
    assert ghost.ghost
    assert {2, 3} <= set(ghost_x.tolist())


def test_values_too_large_for_32_bits_stay_finite(write, show):
    write("a").curve("loss", [1e300, 2e300]).end()
    [(_, _, y)] = show().series(["a"], ["loss"])
    assert y.tolist() == [1e300, 2e300]


def test_a_small_wave_far_above_zero_keeps_its_precision(write, show):
    values = 1e9 + np.sin(np.arange(100))
    write("a").curve("loss", values).end()
    [(_, _, y)] = show().series(["a"], ["loss"])
    np.testing.assert_allclose(y - 1e9, values - 1e9, atol=1e-4)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"px": 0}, "px"),
        ({"px": 10**6}, "px"),
        ({"low": 2, "high": 1}, "low"),
        ({"px": "wide"}, "px"),
        ({"runs": "a"}, "runs"),
    ],
)
def test_a_meaningless_request_names_the_wrong_field(write, show, change, word):
    write("a").curve("loss", [1]).end()
    reply = show().client.post("/api/series", json={"runs": ["a"], "keys": ["loss"], **change})
    assert reply.status_code == 400
    assert word in reply.json()["error"]


@pytest.mark.parametrize("key", ['a/b "c" \\ ,', "損失 📉", "x" * 1024, " ", "__metadata__"])
def test_any_key_can_be_requested(write, show, key):
    write("a").curve(key, [1, 2]).end()
    shown = show()
    assert [found["key"] for found in shown.client.post("/api/keys", json={"runs": ["a"]}).json()["keys"]] == [key]
    [(info, _, y)] = shown.series(["a"], [key])
    assert (info.key, y.tolist()) == (key, [1, 2])


def test_an_equal_request_is_answered_with_304_until_the_run_grows(write, show):
    run = write("a").curve("loss", [1, 2])
    shown = show()
    asked = {"url": "/api/series", "json": {"runs": ["a"], "keys": ["loss"]}}
    first = shown.client.post(**asked)
    again = {**asked, "headers": {"If-None-Match": first.headers["etag"]}}
    assert shown.client.post(**again).status_code == 304
    run.log({"loss": 3}, 2)
    until(lambda: shown.client.post(**again).status_code == 200)


def test_another_chart_has_another_etag(write, show):
    write("a").curve("loss", [1, 2])
    shown = show()
    etags = {
        shown.client.post("/api/series", json={"runs": ["a"], "keys": ["loss"], "px": px}).headers["etag"]
        for px in (1, 2)
    }
    assert len(etags) == 2


def test_zstd_and_gzip_are_used_if_accepted(write, show):
    import zstandard

    write("a").curve("loss", np.zeros(3000)).end()
    shown = show()
    asked = {"url": "/api/series", "json": {"runs": ["a"], "keys": ["loss"], "px": 3000}}
    plain = shown.client.post(**asked, headers={"Accept-Encoding": "identity"})
    with shown.client.stream("POST", **asked, headers={"Accept-Encoding": "zstd"}) as packed:
        raw = b"".join(packed.iter_raw())
        assert packed.headers["content-encoding"] == "zstd"
    assert "content-encoding" not in plain.headers
    assert len(raw) < len(plain.content) / 2
    assert zstandard.ZstdDecompressor().decompress(raw, max_output_size=1 << 22) == plain.content


def test_a_group_is_a_mean_and_a_band(write, show):
    for run, shift in (("a", 0), ("b", 2), ("c", 10)):
        write(run).curve("loss", np.arange(5) + shift).end()
    asked = {"groups": [["a", "b"], ["c"], ["gone"]], "keys": ["loss"]}
    arrays, metadata = safetensors.decode(show().client.post("/api/groups", json=asked).content)
    first, second = msgspec.json.decode(metadata["reply"], type=SeriesReply).series
    assert (first.run, second.run, first.n_logged) == ("0", "1", 10)
    assert arrays["mean"][: first.n].tolist() == [1, 2, 3, 4, 5]
    assert arrays["low"][: first.n].tolist() == [0, 1, 2, 3, 4]
    assert arrays["high"][: first.n].tolist() == [2, 3, 4, 5, 6]
    assert arrays["mean"][second.start :].tolist() == [10, 11, 12, 13, 14]


def test_csv_has_every_point_as_it_was_logged(write, show):
    values = np.random.default_rng(0).normal(size=9000)
    write("a").curve('a,"b"', values).end()
    reply = show().client.get("/api/series.csv", params={"run": "a", "key": 'a,"b"'})
    rows = list(csv.DictReader(io.StringIO(reply.text)))
    assert [float(row["value"]) for row in rows] == values.tolist()
    assert [int(row["step"]) for row in rows] == list(range(9000))
    assert rows[0]["key"] == 'a,"b"'
    assert reply.headers["content-type"].startswith("text/csv")


def test_ten_thousand_keys_are_listed(write, show):
    write("a").log({f"layer{i}/loss": i for i in range(10_000)}, 0).end()
    assert len(show().client.post("/api/keys", json={"runs": ["a"]}).json()["keys"]) == 10_000


def smoothed(show, **request):
    """For each series: its info, x, the logged values and their moving average."""
    reply = show.client.post("/api/series", json=request)
    assert reply.status_code == 200, reply.text
    arrays, metadata = safetensors.decode(reply.content)
    infos = msgspec.json.decode(metadata["reply"], type=SeriesReply).series
    return [
        (i, arrays["x"][i.x_start :][: i.n], *(arrays[name][i.start :][: i.n] for name in ("y", "smoothed")))
        for i in infos
    ]


def mean_one_by_one(values, keep):
    mean = mass = 0.0
    found = []
    for value in values:
        mass = mass * keep + (1 - keep)
        mean += (1 - keep) * (value - mean) / mass
        found.append(mean)
    return np.array(found)


def test_the_moving_average_at_a_step_is_the_same_at_every_width_and_zoom(write, show):
    won = np.random.default_rng(1).random(6000) < 0.05
    write("a").curve("success", won).end()
    true = mean_one_by_one(won, retention(0.9, 6000))
    shown = show()
    for px in (20, 100, 400, 3000):
        for low, high in ((None, None), (0, 300), (2900, 3100.5), (5000, 5990), (5800, None)):
            [(_, x, y, mean)] = smoothed(shown, runs=["a"], keys=["success"], px=px, low=low, high=high, smooth=0.9)
            np.testing.assert_allclose(mean, true[x], rtol=1e-6)
            assert y.tolist() == won[x].tolist()


def test_a_thinned_average_keeps_its_own_extremes_and_those_of_the_values(write, show):
    values = np.sin(np.arange(5000) / 50) + np.random.default_rng(0).normal(size=5000)
    write("a").curve("loss", values).end()
    true = mean_one_by_one(values, retention(0.6, 5000))
    [(info, _, y, mean)] = smoothed(show(), runs=["a"], keys=["loss"], px=50, smooth=0.6)
    assert info.n <= 4 * 50 + 2
    assert (mean.min(), mean.max()) == pytest.approx((true.min(), true.max()))
    assert (y.min(), y.max()) == pytest.approx((values.min(), values.max()))


def test_without_logged_values_only_the_average_is_sent(write, show):
    values = np.random.default_rng(0).normal(size=5000)
    write("a").curve("loss", values).end()
    asked = {"runs": ["a"], "keys": ["loss"], "px": 50, "smooth": 0.6, "logged": False}
    arrays, metadata = safetensors.decode(show().client.post("/api/series", json=asked).content)
    [info] = msgspec.json.decode(metadata["reply"], type=SeriesReply).series
    assert set(arrays) == {"x", "smoothed"}
    assert info.n <= 2 * 50 + 2


def test_a_growing_series_continues_its_average(write, show):
    values = np.random.default_rng(0).normal(size=600)
    run = write("a")
    shown = show()
    n = 0
    for upto in (150, 151, 400, 600):
        for step in range(n, upto):
            run.log({"loss": values[step]}, step)
        n = upto
        shown.store.refresh(None)
        [(_, _, _, mean)] = smoothed(shown, runs=["a"], keys=["loss"], px=1000, smooth=0.9)
        np.testing.assert_allclose(mean, mean_one_by_one(values[:n], retention(0.9, n)), rtol=1e-6)


def test_nan_and_infinities_are_passed_through_and_left_out_of_the_average(write, show):
    write("a").curve("loss", [1, math.nan, 3, math.inf, 5]).end()
    [(_, _, _, mean)] = smoothed(show(), runs=["a"], keys=["loss"], smooth=0.9)
    assert np.isnan(mean[1])
    assert mean[3] == math.inf
    assert mean[[0, 2, 4]].tolist() == pytest.approx(mean_one_by_one([1, 3, 5], retention(0.9, 5)).tolist())


def test_a_replaced_tail_keeps_its_average(write, show):
    values = np.random.default_rng(0).normal(size=200)
    write("a").curve("loss", values).end()
    again = write("a", attempt=2).event(event="attempt", fork_step=120)
    for step in range(120, 130):
        again.log({"loss": 0}, step)
    [(_, _, _, _), (info, x, _, ghost)] = smoothed(show(), runs=["a"], keys=["loss"], smooth=0.9)
    assert info.ghost
    np.testing.assert_allclose(ghost, mean_one_by_one(values, 0.9)[x], rtol=1e-6)


def test_with_another_key_as_x_the_average_follows_the_steps(write, show):
    run = write("a")
    for step in range(300):
        run.log({"loss": math.sin(step), "epoch": (step * 7) % 300}, step)
    run.end()
    shown = show()
    [(_, _, _, by_step)] = smoothed(shown, runs=["a"], keys=["loss"], smooth=0.9)
    [(_, x, _, by_epoch)] = smoothed(shown, runs=["a"], keys=["loss"], smooth=0.9, x="epoch")
    step_of = {(step * 7) % 300: step for step in range(300)}
    assert by_epoch.tolist() == [by_step[step_of[int(epoch)]] for epoch in x]


def test_python_returns_the_numbers_of_the_page(write, show):
    write("a").curve("loss", np.random.default_rng(0).normal(size=3000)).end()
    shown = show()
    [(_, x, _, mean)] = smoothed(shown, runs=["a"], keys=["loss"], px=100, smooth=0.75)
    series = shown.store.run("a").series("loss")
    assert series.smoothed(0.75).values[x].astype(np.float32).tolist() == mean.tolist()
    assert series.smoothed(0.75).steps.tolist() == series.steps.tolist()


@pytest.mark.parametrize("weight", [1, -0.1, 7])
def test_an_invalid_weight_is_refused(write, show, weight):
    write("a").curve("loss", [1]).end()
    for path, asked in (("/api/series", {"runs": ["a"]}), ("/api/groups", {"groups": [["a"]]})):
        reply = show().client.post(path, json={**asked, "keys": ["loss"], "smooth": weight})
        assert reply.status_code == 400
        assert "below 1" in reply.json()["error"]
    with pytest.raises(UsageError, match="below 1"):
        show().store.run("a").series("loss").smoothed(weight)


def test_a_group_averages_the_smoothed_runs_and_counts_them(write, show):
    for run, last in (("a", 7.0), ("b", math.nan)):
        write(run).curve("loss", [*np.sin(np.arange(200)), last]).end()
    asked = {"groups": [["a", "b"]], "keys": ["loss"], "smooth": 0.9}
    arrays, metadata = safetensors.decode(show().client.post("/api/groups", json=asked).content)
    [info] = msgspec.json.decode(metadata["reply"], type=SeriesReply).series
    true = mean_one_by_one([*np.sin(np.arange(200)), 7.0], retention(0.9, 201))
    np.testing.assert_allclose(arrays["smoothed"], true, rtol=1e-6)
    np.testing.assert_allclose(arrays["low"], true, rtol=1e-6)
    np.testing.assert_allclose(arrays["mean"], [*np.sin(np.arange(200)), 7.0], rtol=1e-6)
    assert (info.n_runs, arrays["runs"].tolist()) == (2, [2] * 200 + [1])


def test_csv_has_the_drawn_moving_average(write, show):
    values = np.random.default_rng(0).normal(size=500)
    write("a").curve("loss", values).end()
    reply = show().client.get("/api/series.csv", params={"run": "a", "key": "loss", "smooth": 0.6})
    rows = list(csv.DictReader(io.StringIO(reply.text)))
    assert [float(row["value"]) for row in rows] == values.tolist()
    np.testing.assert_allclose([float(row["smoothed"]) for row in rows], mean_one_by_one(values, 0.6))
