"""Stored arrays over HTTP: what is sent is what the file holds, and little of the file is read."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gguf
import msgspec
import numpy as np
import onnx
import pytest
from starlette.testclient import TestClient

from netscope.formats import safetensors
from netscope.models import matrix, survey
from netscope.models.open import open_model
from netscope.schema.tensor import TensorFacts, TensorSpectrum
from netscope.show.app import application
from netscope.show.models import Shelf
from netscope.show.workspace import Workspace
from netscope.store.store import Store

RNG = np.random.default_rng(7)
MATRIX = RNG.normal(size=(300, 700)).astype(np.float32)


class Site:
    """A server with a model."""

    def __init__(self, tmp_path: Path) -> None:
        (tmp_path / "runs").mkdir()
        self.shelf = Shelf(tmp_path / "uploads")
        self.workspace = Workspace([Store(tmp_path / "runs")], models=self.shelf)
        self.client = TestClient(application(self.workspace), base_url="http://127.0.0.1:6060")

    def ask(self, path: Path, rest: str) -> Any:
        return self.client.get(f"/api/models/{self.shelf.add(path)}/tensors/{rest}")

    def arrays(self, path: Path, rest: str) -> tuple[dict[str, np.ndarray], Any]:
        reply = self.ask(path, rest)
        assert reply.status_code == 200, reply.text
        arrays, metadata = safetensors.decode(reply.content)
        return arrays, metadata["reply"]

    def facts(self, path: Path, rest: str) -> tuple[dict[str, np.ndarray], TensorFacts]:
        arrays, told = self.arrays(path, rest)
        return arrays, msgspec.json.decode(told, type=TensorFacts)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    made = Site(tmp_path)
    with made.client:
        yield made
    made.workspace.close()


def written(path: Path, **arrays: np.ndarray) -> Path:
    path.write_bytes(safetensors.encode(arrays))
    return path


def test_facts_are_those_of_the_array(site: Site, tmp_path: Path) -> None:
    values = MATRIX.copy()
    values[3] = 0
    values[5] = values[4]
    values[7, 7], values[8, 8] = np.nan, np.inf
    arrays, facts = site.facts(written(tmp_path / "m.safetensors", w=values), "0")
    finite = values[np.isfinite(values)].astype(np.float64)
    assert (facts.name, facts.dtype, facts.shape, facts.n) == ("w", "float32", [300, 700], 210_000)
    assert (facts.nan, facts.infinite, facts.zeros) == (1, 1, 700)
    assert (facts.zero_rows, facts.equal_rows) == (1, 1)
    assert arrays["equal_rows"].tolist() == [[5, 4]]
    np.testing.assert_allclose([facts.mean, facts.std], [finite.mean(), finite.std()], rtol=1e-9)
    np.testing.assert_allclose(facts.quantiles[3], np.median(finite))
    np.testing.assert_allclose(arrays["limits"][[0, 50, 100]], np.quantile(np.abs(finite), [0.9, 0.95, 1]))
    np.testing.assert_allclose(arrays["row_norms"][0], np.linalg.norm(values[0]), rtol=1e-6)
    assert np.isnan(arrays["row_norms"][7])
    assert arrays["counts"].sum() + arrays["zeros"].sum() + arrays["nonfinite"].sum() == values.size
    assert (facts.picture.kind, facts.picture.rows, facts.picture.columns) == ("matrix", 300, 700)


def test_tiles_are_parts_of_the_array(site: Site, tmp_path: Path) -> None:
    path = written(tmp_path / "m.safetensors", w=MATRIX)
    arrays, told = site.arrays(path, "0/tile?row=1&column=2")
    np.testing.assert_array_equal(arrays["values"], MATRIX[256:, 512:])
    assert json.loads(told) == {"share": 1.0}
    arrays, _ = site.arrays(path, "0/tile?row_level=1&column_level=2&of=mean")
    blocks = MATRIX.reshape(150, 2, 175, 4).mean(axis=(1, 3))
    np.testing.assert_allclose(arrays["values"], blocks, rtol=1e-5, atol=1e-7)


def test_a_whole_number_is_sent_with_every_digit(site: Site, tmp_path: Path) -> None:
    exact = np.array([[2**62 + 1, -3]])
    arrays, _ = site.arrays(written(tmp_path / "m.safetensors", w=exact), "0/tile")
    assert arrays["values"].tolist() == exact.tolist()


def test_a_tile_of_a_large_file_reads_only_its_bytes(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, columns = 1_000_000, 2_500
    header = json.dumps({"w": {"dtype": "F32", "shape": [rows, columns], "data_offsets": [0, 4 * rows * columns]}})
    path = tmp_path / "large.safetensors"
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header.encode())
        file.truncate(8 + len(header) + 4 * rows * columns)
    monkeypatch.setattr(survey, "MOST_READ", 1 << 23)
    n_read = []
    read = matrix.ByteSource.read
    monkeypatch.setattr(matrix.ByteSource, "read", lambda *a: (n_read.append(a[2]), read(*a))[1])
    _, facts = site.facts(path, "0")
    assert 0 < facts.share < 0.05
    assert facts.n == sum(n_read) / 4 <= 1 << 23
    n_read.clear()
    arrays, _ = site.arrays(path, "0/tile?row=3000&column=4")
    assert arrays["values"].shape == (256, 256)
    assert sum(n_read) == 4 * 256 * 256


def test_the_norms_of_many_arrays_are_sent_at_once(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    large = RNG.normal(size=(2000, 300)).astype(np.float32)
    arrays = {"a": MATRIX[:20], "b": np.array([1.0, np.nan, np.inf]), "c": large, "d": np.zeros((0, 2))}
    path = written(tmp_path / "m.safetensors", **arrays)
    names = [tensor.name for tensor in open_model(path).graph.tensors]
    order = [names.index(name) for name in "abcd"]
    query = "&".join(f"tensor={i}" for i in order)
    reply = site.client.get(f"/api/models/{site.shelf.add(path)}/tensors?{query}")
    found, _ = safetensors.decode(reply.content)
    norms = found["norms"]
    np.testing.assert_allclose(norms[:2], [np.linalg.norm(MATRIX[:20].astype(float)), 1.0])
    np.testing.assert_allclose(norms[2], np.linalg.norm(large), rtol=0.01)
    assert found["nonfinite"][:3].tolist() == [0, 2, 0]
    assert found["shares"][0] == 1 > found["shares"][2] > 0
    assert np.isnan(norms[3])
    assert site.client.get(f"/api/models/{site.shelf.add(path)}/tensors?tensor=-1").status_code == 400


def test_an_index_selects_a_matrix_of_a_stack(site: Site, tmp_path: Path) -> None:
    stack = RNG.normal(size=(4, 40, 50)).astype(np.float32)
    path = written(tmp_path / "m.safetensors", w=stack)
    arrays, _ = site.arrays(path, "0/tile?index=2")
    np.testing.assert_array_equal(arrays["values"], stack[2])
    _, facts = site.facts(path, "0?index=2")
    assert facts.picture.fixed == [4]
    np.testing.assert_allclose(facts.mean, stack[2].mean(dtype=float))


def test_filters_are_in_colour_if_wanted(site: Site, tmp_path: Path) -> None:
    path = written(tmp_path / "m.safetensors", w=RNG.normal(size=(6, 3, 4, 4)).astype(np.float32))
    _, facts = site.facts(path, "0")
    assert (facts.picture.kind, facts.picture.is_colour, facts.picture.n_units) == ("grid", True, 6)
    assert site.arrays(path, "0/tile")[0]["values"].ndim == 3
    _, plain = site.facts(path, "0?colour=0")
    assert (plain.picture.is_colour, plain.picture.has_colours) == (False, True)
    assert site.arrays(path, "0/tile?colour=0")[0]["values"].ndim == 2


def test_the_spectrum_is_that_of_numpy(site: Site, tmp_path: Path) -> None:
    arrays, told = site.arrays(written(tmp_path / "m.safetensors", w=MATRIX), "0/spectrum")
    np.testing.assert_allclose(arrays["values"], np.linalg.svd(MATRIX.astype(float), compute_uv=False))
    found = msgspec.json.decode(told, type=TensorSpectrum)
    assert (found.rank, found.rows, found.columns) == (300, 300, 700)
    np.testing.assert_allclose(found.condition, np.linalg.cond(MATRIX.astype(float)))


@pytest.mark.parametrize("shape", [(), (3,), (5, 4), (0, 2)])
def test_an_array_is_downloaded_as_numpy_reads_it(site: Site, tmp_path: Path, shape: Any) -> None:
    values = np.asarray(RNG.normal(size=shape), np.float16)
    reply = site.ask(written(tmp_path / "m.safetensors", **{"a/b é": values}), "0/file")
    assert int(reply.headers["content-length"]) == len(reply.content)
    assert reply.headers["content-disposition"] == "attachment; filename*=UTF-8''a.b%20%C3%A9.npy"
    found = np.load(io.BytesIO(reply.content))
    assert found.dtype == np.float16
    np.testing.assert_array_equal(found, values)


def test_quantised_arrays_are_decoded_in_another_process(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    blocks = gguf.quants.quantize(RNG.normal(size=(40, 64)).astype(np.float32), gguf.GGMLQuantizationType.Q8_0)
    writer.add_tensor("w", blocks, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    expected = gguf.quants.dequantize(blocks, gguf.GGMLQuantizationType.Q8_0)
    np.testing.assert_array_equal(site.arrays(path, "0/tile")[0]["values"], expected)
    _, facts = site.facts(path, "0")
    assert (facts.dtype, facts.precision) == ("Q8_0", "")
    assert np.load(io.BytesIO(site.ask(path, "0/file").content)).tolist() == expected.tolist()


def test_packed_and_encoded_arrays_are_decoded(site: Site, tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "m.npz", w=MATRIX[:20, :30])
    np.testing.assert_array_equal(site.arrays(tmp_path / "m.npz", "0/tile")[0]["values"], MATRIX[:20, :30])
    weight = onnx.helper.make_tensor("w", onnx.TensorProto.FLOAT, [2, 2], [1.0, 2.0, 3.0, -4.0])  # not raw_data
    node = onnx.helper.make_node("MatMul", ["x", "w"], ["y"])
    inputs = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [2, 2]) for name in "xy"]
    net = onnx.helper.make_model(onnx.helper.make_graph([node], "g", inputs[:1], inputs[1:], [weight]))
    onnx.save(net, tmp_path / "m.onnx")
    assert site.arrays(tmp_path / "m.onnx", "0/tile")[0]["values"].tolist() == [[1, 2], [3, -4]]


def test_a_decoder_that_fails_is_an_error(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "m.npz"
    np.savez_compressed(path, w=MATRIX)
    model_id = site.shelf.add(path)
    assert site.client.get(f"/api/models/{model_id}").status_code == 200
    data = bytearray(path.read_bytes())
    data[2000:2100] = bytes(100)
    times = path.stat()
    path.write_bytes(data)
    import os

    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    reply = site.client.get(f"/api/models/{model_id}/tensors/0")
    assert reply.status_code == 422
    assert "'w' is damaged" in reply.json()["error"]


@pytest.mark.parametrize(
    ("rest", "status", "word"),
    [
        ("7", 404, "no tensor 7; the model has 1"),
        ("0?index=1", 400, "no part"),
        ("0?index=a", 400, "integers"),
        ("0?index=" + "1," * 40 + "1", 400, "at most 32"),
        ("0/tile?row=9", 400, "no tile 9"),
        ("0/tile?row=9000000000000000", 400, "no tile"),
        ("0/tile?row_level=63", 400, "0 to 62"),
        ("0/tile?of=median", 400, "largest, mean"),
        ("x", 404, "not found"),
    ],
)
def test_what_cannot_be_shown_is_said(site: Site, tmp_path: Path, rest: str, status: int, word: str) -> None:
    reply = site.ask(written(tmp_path / "m.safetensors", w=MATRIX), rest)
    assert (reply.status_code, word in reply.json()["error"]) == (status, True), reply.text


def test_nothing_and_too_much_are_said(site: Site, tmp_path: Path) -> None:
    empty = written(tmp_path / "m.safetensors", w=np.zeros((0, 3)), large=np.zeros((2049, 2049), np.uint8))
    names = [json.loads(site.ask(empty, f"{i}/file").headers["content-length"]) > 1000 for i in range(2)]
    (nothing, large) = (0, 1) if names[1] else (1, 0)
    assert "no elements" in site.ask(empty, f"{nothing}").json()["error"]
    assert "2,049 x 2,049" in site.ask(empty, f"{large}/spectrum").json()["error"]
