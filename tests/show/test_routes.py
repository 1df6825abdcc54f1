"""Routes for runs, edits, layers, histograms, assets and console."""

from __future__ import annotations

import hashlib
import struct

import msgspec
import numpy as np
import pytest

from netscope.analyse.bins import N_BINS
from netscope.errors import NotFoundError
from netscope.formats import safetensors
from netscope.schema.layer import LayerTensor
from netscope.show.workspace import Workspace
from netscope.store.journal import blobs, frames
from tests.waiting import until

LAYERS = [{"layer": f"conv{i}", "type": "Conv2d", "parameters": {"weight": [8, 8]}} for i in (1, 2)]


def test_about_has_version_folder_and_index(folder, write, show):
    write("a").end()
    about = show().client.get("/api/about").json()
    assert (about["folders"], about["n_runs"], about["writable"], about["index"]) == ([str(folder)], 1, True, "sqlite")


def test_folders_of_one_name_are_told_apart(tmp_path):
    folders = [tmp_path / "a" / "runs", tmp_path / "b" / "runs"]
    for path in folders:
        path.mkdir(parents=True)
    with Workspace.open(folders) as workspace:
        assert workspace.names == ["a.runs", "b.runs"]


def test_runs_have_the_requested_summaries(write, show):
    write("a").curve("loss", [3, 1, 2]).event(event="config", config={"lr": 0.1}).end()
    [run] = show().client.get("/api/runs", params={"key": ["loss", "none"]}).json()["runs"]
    assert (run["id"], run["state"], run["config"], run["summary"]) == (
        "a",
        "finished",
        {"lr": 0.1},
        {"loss": [2, 1, 3, 2]},
    )


def test_only_changes_since_a_revision_are_sent(write, show):
    first = write("a").end()
    shown = show()
    revision = shown.client.get("/api/runs").json()["revision"]
    write("b").end()
    until(lambda: shown.client.get("/api/about").json()["n_runs"] == 2)
    table = shown.client.get("/api/runs", params={"since": revision}).json()
    assert [run["id"] for run in table["runs"]] == ["b"]
    assert first.id == "a"


def test_a_run_that_was_not_read_yet_is_answered(write, show):
    shown = show()
    for i in range(3):
        write(f"r{i}").curve("loss", [3, 1]).end()
    for name in ("r0", "r1"):  # the newest is read first
        assert shown.client.get(f"/api/runs/{name}").status_code == 200
        until(lambda name=name: shown.client.get(f"/api/runs/{name}").json()["run"]["name"] == f"name of {name}")
    assert shown.client.get("/api/runs/r9").status_code == 404


def test_a_run_has_the_text_of_its_crash(write, show):
    write("a").end("crashed", "ValueError: no\n")
    detail = show().client.get("/api/runs/a").json()
    assert (detail["run"]["state"], detail["attempts"][0]["error"]) == ("crashed", "ValueError: no\n")


@pytest.mark.parametrize(
    "address",
    [
        "",
        "/layers",
        "/layers/gradient/norm",
        "/bins?key=a/b/value",
        "/histograms?key=h",
        "/assets",
        "/console",
        f"/blobs/{'0' * 64}.png",
    ],
)
def test_an_unknown_run_lists_the_known_ones(write, show, address):
    write("a").end()
    reply = show().client.get(f"/api/runs/zebra{address}")
    assert reply.status_code == 404
    assert "zebra" in reply.json()["error"]
    assert "a" in reply.json()["error"].split("has")[1]


def test_names_tags_and_notes_are_written(write, show):
    write("a").end()
    client = show().client
    [run] = client.post("/api/runs/edit", json={"runs": ["a"], "name": "best", "add_tags": ["x"], "notes": "n"}).json()
    assert (run["name"], run["tags"], run["notes"]) == ("best", ["x"], "n")
    assert client.get("/api/runs/a").json()["run"]["name"] == "best"


def test_a_deleted_run_is_gone_and_can_be_restored(write, show):
    write("a").curve("loss", [1]).end()
    write("b").curve("loss", [2]).end()
    shown = show()
    assert shown.client.post("/api/runs/delete", json={"runs": ["a"]}).json()["runs"] == ["a"]
    assert [info.run for info, _, _ in shown.series(["a", "b"], ["loss"])] == ["b"]
    assert shown.client.get("/api/runs/a").status_code == 404
    assert shown.client.post("/api/runs/restore", json={"runs": ["a"]}).json()["runs"] == ["a"]
    assert shown.client.get("/api/runs/a").status_code == 200


def test_a_deleted_run_is_in_the_trash_until_it_is_deleted_for_good(write, show):
    write("a", name="first").curve("loss", [1]).end()
    client = show().client
    client.post("/api/runs/delete", json={"runs": ["a"]})
    assert [(run["id"], run["name"]) for run in client.get("/api/trash").json()["runs"]] == [("a", "first")]
    assert client.post("/api/trash/delete", json={"runs": ["a"]}).json()["runs"] == ["a"]
    assert client.get("/api/trash").json() == {"runs": []}
    assert client.post("/api/runs/restore", json={"runs": ["a"]}).json()["problems"] == ["no run 'a' in the trash"]


def test_removing_the_folder_of_a_shown_run_does_not_affect_others(folder, write, show):
    import shutil

    write("a").curve("loss", [1]).end()
    write("b").curve("loss", [2]).end()
    shown = show()
    shutil.rmtree(folder / "a")
    until(lambda: shown.client.get("/api/runs/a").status_code == 404)
    assert [info.run for info, _, _ in shown.series(["a", "b"], ["loss"])] == ["b"]


def watched(run, n_steps=3):
    run.event(event="layers", layers=LAYERS)
    for step in range(n_steps):
        keys = {f"conv{i}/weight/gradient/norm": i * 10.0 + step for i in (1, 2)}
        run.log(keys, step * 100, kind="layer")
    return run


def test_a_statistic_of_all_layers_is_a_matrix_in_forward_order(write, show):
    watched(write("a")).end()
    reply = show().client.get("/api/runs/a/layers/gradient/norm")
    arrays, metadata = safetensors.decode(reply.content)
    rows = msgspec.json.decode(metadata["reply"], type=list[LayerTensor])
    assert [row.layer for row in rows] == ["conv1", "conv2"]
    assert arrays["steps"].tolist() == [0, 100, 200]
    assert arrays["values"].tolist() == [[10, 11, 12], [20, 21, 22]]


def test_a_layer_that_was_not_watched_at_a_step_is_nan_there(write, show):
    watched(write("a"), 2).log({"conv1/weight/gradient/norm": 5}, 200, kind="layer").end()
    arrays, _ = safetensors.decode(show().client.get("/api/runs/a/layers/gradient/norm").content)
    assert np.isnan(arrays["values"]).tolist() == [[False, False, False], [False, False, True]]


def test_thinned_steps_keep_the_one_with_a_nan(write, show):
    run = write("a").event(event="layers", layers=LAYERS)
    for step in range(500):
        run.log({"conv1/weight/gradient/norm": float("nan") if step == 333 else 1.0}, step, kind="layer")
    arrays, _ = safetensors.decode(show().client.get("/api/runs/a/layers/gradient/norm", params={"px": 20}).content)
    assert len(arrays["steps"]) == 20
    assert arrays["steps"][np.isnan(arrays["values"][0])].tolist() == [333]


def test_rows_can_be_requested_separately_with_their_own_nans(write, show):
    run = write("a").event(event="layers", layers=LAYERS)
    for step in range(500):
        for number, layer in enumerate(("conv1", "conv2")):
            run.log(
                {
                    f"{layer}/weight/gradient/norm": number,
                    f"{layer}/weight/gradient/nonfinite": 3 * (step == 300 + number),
                },
                step,
                kind="layer",
            )
    client = show().client
    found = {}
    for start in (0, 1):
        reply = client.get("/api/runs/a/layers/gradient/norm", params={"px": 20, "start": start, "stop": start + 1})
        found[start], metadata = safetensors.decode(reply.content)
        (row,) = msgspec.json.decode(metadata["reply"], type=list[LayerTensor])
        assert row.layer == f"conv{start + 1}"
        assert found[start]["values"].tolist() == [[start] * 20]
        assert found[start]["steps"][found[start]["nonfinite"][0] == 3].tolist() == [300 + start]
    assert np.count_nonzero(found[0]["steps"] != found[1]["steps"]) == 1
    both, _ = safetensors.decode(client.get("/api/runs/a/layers/gradient/norm", params={"px": 500}).content)
    assert both["steps"].tolist() == list(range(500))
    assert np.argwhere(both["nonfinite"] == 3).tolist() == [[0, 300], [1, 301]]
    nothing, _ = safetensors.decode(client.get("/api/runs/a/layers/gradient/norm", params={"start": 7}).content)
    assert nothing["values"].shape == (0, 400)


def test_only_requested_rows_are_read(write, show, monkeypatch):
    from netscope.store.index import codec

    run = write("a").event(event="layers", layers=LAYERS)
    for step in range(3):
        run.log({f"layer{i}/weight/value/norm": i + step for i in range(1000)}, step, kind="layer")
    run.end()
    client = show().client
    n_read = []
    decode = codec.decode_group
    monkeypatch.setattr(codec, "decode_group", lambda block: n_read.append(1) or decode(block))
    client.get("/api/runs/a/layers")
    n_read.clear()
    reply = client.get("/api/runs/a/layers/value/norm", params={"start": 500, "stop": 564})
    rows = msgspec.json.decode(safetensors.decode(reply.content)[1]["reply"], type=list[LayerTensor])
    assert safetensors.decode(reply.content)[0]["values"][:, 0].tolist() == [float(row.layer[5:]) for row in rows]
    assert 0 < len(n_read) < 32  # of a thousand keys, 32 a block


def test_the_scale_of_a_statistic_covers_all_its_tensors(write, show):
    run = write("a").event(event="layers", layers=LAYERS)
    rng = np.random.default_rng(0)
    weights, biases = rng.lognormal(sigma=3, size=(2, 200)).astype(np.float32)
    weights[:3] = 0, np.nan, np.inf
    for step in range(200):
        values = {"conv1/weight/update/ratio": weights[step], "conv1/bias/update/ratio": 1e9 * biases[step]}
        run.log({key: float(value) for key, value in values.items()}, step, kind="layer")
    client = show().client
    scale = client.get("/api/runs/a/layers/update/ratio/scale", params={"tensor": "weight"}).json()
    finite = weights[np.isfinite(weights)].astype(float)
    low, high = np.quantile(finite, [0.02, 0.98])
    expected = {
        "least": 0,
        "most": finite.max(),
        "low": low,
        "high": high,
        "small": np.quantile(finite[finite > 0], 0.02),
    }
    assert scale == pytest.approx(expected)
    both = client.get("/api/runs/a/layers/update/ratio/scale").json()
    assert both["most"] == pytest.approx(1e9 * biases.max())
    assert client.get("/api/runs/a/layers/update/norm/scale").status_code == 404


def test_a_statistic_without_finite_values_has_no_scale(write, show):
    run = write("a").event(event="layers", layers=LAYERS)
    run.log({"conv1/weight/gradient/norm": float("nan")}, 0, kind="layer")
    assert set(show().client.get("/api/runs/a/layers/gradient/norm/scale").json().values()) == {None}


def test_tensors_of_a_layer_are_its_weights_then_biases_then_outputs(write, show):
    layer = {"layer": "conv1", "type": "Conv2d", "parameters": {"bias": [2], "weight": [2, 2], "gain": [2]}}
    run = write("a").event(event="layers", layers=[layer])
    run.log({f"conv1/{name}/value/norm": 1 for name in ("bias", "gain", "output", "weight")}, 0, kind="layer")
    run.log({"conv1/weight/gradient/max": 1, "conv1/weight/gradient/norm": 1}, 0, kind="layer")
    tensors = show().client.get("/api/runs/a/layers").json()["tensors"]
    assert [(one["tensor"], one["quantity"]) for one in tensors] == [
        ("weight", "gradient"), ("weight", "value"), ("gain", "value"), ("bias", "value"), ("output", "value"),
    ]  # fmt: skip
    assert tensors[0]["stats"] == ["norm", "max"]


def test_a_window_of_layers_has_one_step_on_either_side(write, show):
    watched(write("a"), 10).end()
    reply = show().client.get("/api/runs/a/layers/gradient/norm", params={"low": 250, "high": 450})
    assert safetensors.decode(reply.content)[0]["steps"].tolist() == [200, 300, 400, 500]


def test_an_unwatched_statistic_lists_the_watched_ones(write, show):
    watched(write("a")).end()
    reply = show().client.get("/api/runs/a/layers/gradient/max")
    assert reply.status_code == 404
    assert "gradient/norm" in reply.json()["error"]
    assert show().client.get("/api/runs/a/layers/gradient/colour").status_code == 400


def bins_row(run, key, values, step):
    counts = np.bincount(np.asarray(values, np.float32).view(np.uint32) >> 21, minlength=N_BINS).astype("<u4")
    first = int(np.flatnonzero(counts)[0])
    some = counts[first : np.flatnonzero(counts)[-1] + 1]
    body = frames.POINT.pack(step, 1_760_000_000.0) + np.array([first, len(some)], "<u2").tobytes() + some.tobytes()
    if ("bins", key) not in run.key_sets:
        run.key_sets["bins", key] = len(run.key_sets) + 1
        run.add(frames.json_frame(frames.KEY_SET, {"kind": "bins", "keys": [key]}, run.key_sets["bins", key]))
    run.add(frames.frame(frames.BINS, body, run.key_sets["bins", key]))


def test_histograms_over_steps_share_ascending_edges(write, show):
    run = write("a")
    for step in range(30):
        bins_row(run, "conv1/weight/gradient", [0.5 + step, -1.0, 0.0, float("nan")], step)
    reply = show().client.get("/api/runs/a/bins", params={"key": "conv1/weight/gradient", "n": 10})
    arrays, _ = safetensors.decode(reply.content)
    assert len(arrays["steps"]) == 10
    assert (np.diff(arrays["edges"]) > 0).all()
    assert arrays["counts"].shape == (10, len(arrays["edges"]) - 1)
    assert (arrays["counts"].sum(axis=1) == 2).all()
    assert (set(arrays["zeros"]), set(arrays["nonfinite"])) == ({1}, {1})


def test_missing_histograms_are_not_found(write, show):
    write("a").end()
    assert show().client.get("/api/runs/a/bins", params={"key": "a/b/value"}).status_code == 404


def own_histogram(run, key, step, edges, counts):
    name = key.encode()
    numbers = np.array([*edges, *counts], "<f8").tobytes()
    body = struct.pack("<qdI", step, 1.0, len(name)) + name + bytes(-len(name) % 8) + numbers
    run.add(frames.frame(frames.HISTOGRAM, body))


def own_histograms(client, key, **query):
    reply = client.get("/api/runs/a/histograms", params={"key": key, **query})
    assert reply.status_code == 200, reply.text
    arrays, metadata = safetensors.decode(reply.content)
    assert msgspec.json.decode(metadata["reply"]) == key
    return arrays


def test_user_histograms_keep_their_common_edges(write, show):
    run = write("a")
    for step in range(40):
        own_histogram(run, "ages", step, [0, 18, 99], [step, 1])
    run.log({"ages/nonfinite": 3.0}, 39).end()
    client = show().client
    arrays = own_histograms(client, "ages", n=5)
    assert arrays["steps"].tolist() == [0, 10, 20, 29, 39]
    assert arrays["edges"].tolist() == [0, 18, 99]
    assert arrays["counts"].tolist() == [[0, 1], [10, 1], [20, 1], [29, 1], [39, 1]]
    assert arrays["nonfinite"].tolist() == [0, 0, 0, 0, 3]
    window = own_histograms(client, "ages", low=10, high=12)
    assert window["steps"].tolist() == [9, 10, 11, 12, 13]
    assert own_histograms(client, "ages", n=1)["steps"].tolist() == [39]


def test_user_histograms_with_different_edges_get_common_ones(write, show):
    run = write("a")
    for step in range(3):
        own_histogram(run, "w", step, [-step - 1.0, 0, step + 1.0], [10, 20])
    own_histogram(run, "w", 3, [float("nan"), 0, 1], [5, 5])
    arrays = own_histograms(show().client, "w")
    assert len(arrays["edges"]) == 101
    assert (arrays["edges"][0], arrays["edges"][-1]) == (-3, 3)
    np.testing.assert_allclose(arrays["counts"].sum(axis=1), [30, 30, 30, 5], rtol=1e-6)
    np.testing.assert_allclose(arrays["counts"][0, [32, 33, 50, 66, 67]], [0, 0.4, 1.2, 0.8, 0], atol=1e-6)


def test_keys_of_histograms_are_separate_from_series(write, show):
    for run in (write("a"), write("b")):
        run.log({"loss": 1.0}, 0)
        own_histogram(run, "w", 0, [0, 1], [1])
        own_histogram(run, run.id, 0, [0, 1], [1])
        run.end()
    found = show().client.post("/api/keys", json={"runs": ["a", "b"]}).json()["keys"]
    assert [(one["key"], one["kind"], one["n_runs"]) for one in found] == [
        ("a", "histogram", 1), ("b", "histogram", 1), ("loss", "scalar", 2), ("w", "histogram", 2)
    ]  # fmt: skip


def test_keys_say_which_end_of_a_series_is_good(write, show):
    write("a").log({"val/loss": 1.0, "accuracy": 1.0, "weight": 1.0}, 0).end()
    found = show().client.post("/api/keys", json={"runs": ["a"]}).json()["keys"]
    assert {one["key"]: one["goal"] for one in found} == {"val/loss": "min", "accuracy": "max", "weight": None}


def test_an_unknown_histogram_lists_the_known_ones(write, show):
    run = write("a")
    own_histogram(run, "weights", 0, [0, 1], [1])
    run.end()
    client = show().client
    reply = client.get("/api/runs/a/histograms", params={"key": "loss"})
    assert reply.status_code == 404
    assert "weights" in reply.json()["error"]
    assert client.get("/api/runs/a/histograms", params={"key": "weights", "n": 0}).status_code == 400
    assert client.post("/api/series", json={"runs": ["a"], "keys": ["weights"], "kind": "histogram"}).status_code == 200


def test_unchanged_histograms_are_not_sent_again(write, show):
    run = write("a")
    own_histogram(run, "w", 0, [0, 1], [1])
    shown = show()
    tag = shown.client.get("/api/runs/a/histograms", params={"key": "w"}).headers["etag"]
    same = {"params": {"key": "w"}, "headers": {"If-None-Match": tag}}
    assert shown.client.get("/api/runs/a/histograms", **same).status_code == 304
    own_histogram(run, "w", 1, [0, 1], [2])
    run.beat()
    until(lambda: shown.client.get("/api/runs/a/histograms", **same).status_code == 200)
    assert own_histograms(shown.client, "w")["steps"].tolist() == [0, 1]


def test_an_image_is_listed_and_its_bytes_never_change(folder, write, show):
    run = write("a")
    name = blobs.write(folder / "a", b"\x89PNG not really", "png")
    asset = {
        "key": "sample", "kind": "image", "step": 3, "time": 1.0, "blob": name, "bytes": 15, "text": "a digit",
        "shape": [28, 28],
    }  # fmt: skip
    run.add(frames.json_frame(frames.ASSET, asset)).end()
    client = show().client
    [found] = client.get("/api/runs/a/assets", params={"kind": "image"}).json()["assets"]
    assert found["text"] == "a digit"
    reply = client.get(f"/api/runs/a/blobs/{found['blob']}")
    assert (reply.content, reply.headers["content-type"]) == (b"\x89PNG not really", "image/png")
    assert "immutable" in reply.headers["cache-control"]
    assert reply.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert reply.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "name",
    ["../../../etc/passwd", "..%2f..%2fx", "%2e%2e/1-here-1-abcd.journal", f"{'0' * 64}.png", f"{'0' * 64}.png%00"],
)
def test_a_blob_is_never_outside_its_run(write, show, name):
    write("a").end()
    assert show().client.get(f"/api/runs/a/blobs/{name}").status_code == 404


def test_a_blob_that_is_a_link_to_another_file_is_not_served(folder, write, show, tmp_path):
    name = blobs.write(folder / "a", b"x", "txt")
    asset = {"key": "w", "kind": "array", "step": 0, "time": 1.0, "blob": name, "bytes": 1, "text": "", "shape": []}
    write("a").add(frames.json_frame(frames.ASSET, asset)).end()
    (tmp_path / "secret.txt").write_text("secret")
    blobs.path(folder / "a", name).unlink()
    blobs.path(folder / "a", name).symlink_to(tmp_path / "secret.txt")
    shown = show()
    assert shown.client.get(f"/api/runs/a/blobs/{name}").status_code == 404
    with pytest.raises(NotFoundError, match="leads out"):
        shown.store.run("a").arrays("w")


def test_a_blob_with_a_script_cannot_run_as_a_page(folder, write, show):
    write("a").end()
    name = blobs.write(folder / "a", b"<script>alert(1)</script>", "html")
    assert name.startswith(hashlib.sha256(b"<script>alert(1)</script>").hexdigest())
    policy = show().client.get(f"/api/runs/a/blobs/{name}").headers["content-security-policy"]
    assert policy.startswith("sandbox; default-src 'none'")


def test_the_console_is_a_window_of_lines(write, show):
    run = write("a")
    for i in range(20):
        run.add(frames.frame(frames.CONSOLE, frames.struct.pack("<dB", 1.0, 1) + f"line {i}\n".encode()))
    run.end()
    client = show().client
    window = client.get("/api/runs/a/console", params={"start": -3, "n": 2}).json()
    assert (window["total"], [line[2] for line in window["lines"]]) == (20, ["line 17", "line 18"])
    assert client.get("/api/runs/a/console", params={"search": "line 7"}).json()["total"] == 1


@pytest.mark.parametrize("query", ["start=x", "n=-1", "n=1e3", "start=99999999999999999999"])
def test_a_window_that_is_not_a_number_is_refused(write, show, query):
    write("a").end()
    assert show().client.get(f"/api/runs/a/console?{query}").status_code == 400


def test_an_unchanged_reply_is_not_sent_again(write, show):
    write("a").end()
    client = show().client
    first = client.get("/api/runs/a")
    assert client.get("/api/runs/a", headers={"If-None-Match": first.headers["etag"]}).status_code == 304
    client.post("/api/runs/edit", json={"runs": ["a"], "notes": "n"})
    assert client.get("/api/runs/a", headers={"If-None-Match": first.headers["etag"]}).status_code == 200


def test_an_etag_of_an_earlier_server_means_nothing(write, show):
    write("a").end()
    tag = show().client.get("/api/runs/a").headers["etag"]
    assert show().client.get("/api/runs/a", headers={"If-None-Match": tag}).status_code == 200
