"""What `torch.save` wrote is shown as PyTorch itself reads it, without running or loading it."""

import io
import json
import math
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

from netscope.errors import FormatError
from netscope.models.model import Model
from netscope.models.open import open_model
from netscope.models.summary import summary
from tests.models.damage import opens_or_says_why, survives_damage


class Block(torch.nn.Module):
    """A convolution, normalised."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 4, 3)
        self.norm = torch.nn.BatchNorm2d(4)


class Net(torch.nn.Module):
    """Modules within each other."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(Block(), torch.nn.ReLU(), Block())
        self.head = torch.nn.Linear(4, 2)


LEGACY = [False, True]


def saved(path: Path, data: Any, is_legacy: bool = False) -> Model:
    torch.save(data, path, _use_new_zipfile_serialization=not is_legacy)
    return open_model(path)


def tensors(model: Model) -> dict[str, np.ndarray]:
    return {tensor.name: model.read(tensor.index) for tensor in model.graph.tensors}


@pytest.mark.parametrize("is_legacy", LEGACY)
def test_a_state_dict_has_the_tensors_that_pytorch_loads(tmp_path: Path, is_legacy: bool) -> None:
    state = Net().state_dict()
    model = saved(tmp_path / "net.pt", state, is_legacy)
    assert (model.format, model.graph.n_nodes, model.warnings) == ("PyTorch", 0, ())
    found = tensors(model)
    assert list(found) == list(state)
    for name, tensor in state.items():
        np.testing.assert_array_equal(found[name], tensor.numpy())
    assert sum(math.prod(tensor.shape) for tensor in model.graph.tensors) == sum(t.numel() for t in state.values())
    weight = next(tensor for tensor in model.graph.tensors if tensor.name == "layers.0.conv.weight")
    assert (weight.scope.name, weight.dtype, weight.shape, weight.bytes) == (
        "layers.0.conv",
        "float32",
        (4, 3, 3, 3),
        432,
    )


@pytest.mark.parametrize("is_legacy", LEGACY)
@pytest.mark.filterwarnings("ignore")
def test_a_whole_module_says_the_classes_of_its_modules(tmp_path: Path, is_legacy: bool) -> None:
    net = Net()
    model = saved(tmp_path / "net.pt", net, is_legacy)
    kinds = {scope.name: scope.kind for scope in model.graph.scopes}
    assert kinds == {name: type(module).__name__ for name, module in net.named_modules()}
    expected = {**dict(net.named_parameters()), **dict(net.named_buffers())}
    assert {tensor.name: tensor.shape for tensor in model.graph.tensors} == {
        n: tuple(t.shape) for n, t in expected.items()
    }


@pytest.mark.parametrize("is_legacy", LEGACY)
def test_views_transposes_and_types_are_read_as_they_are(tmp_path: Path, is_legacy: bool) -> None:
    base = torch.arange(24.0).reshape(4, 6)
    data = {
        "base": base, "part": base[1:3], "column": base[:, 2], "transposed": base.t(), "spread": base[0].expand(3, 6),
        "half": base.half(), "brain": base.bfloat16(), "whole": base.long(), "truth": base > 5, "scalar": base[1, 1],
        "complex": base.to(torch.complex64), "empty": torch.zeros(0, 3),
    }  # fmt: skip
    found = tensors(saved(tmp_path / "views.pt", data, is_legacy))
    for name, tensor in data.items():
        expected = tensor.float() if name == "brain" else tensor
        np.testing.assert_array_equal(found[name], expected.numpy(), err_msg=name)


@pytest.mark.parametrize("is_legacy", LEGACY)
def test_a_checkpoint_keeps_the_optimizer_and_the_settings_apart(tmp_path: Path, is_legacy: bool) -> None:
    net = Net()
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.25)
    sum(parameter.sum() for parameter in net.parameters()).backward()
    optimizer.step()
    data = {"epoch": 7, "state_dict": net.state_dict(), "optimizer": optimizer.state_dict(), "args": {"width": [4, 2]}}
    model = saved(tmp_path / "checkpoint.ckpt", data, is_legacy)
    names = [tensor.name for tensor in model.graph.tensors]
    assert [name for name in names if not name.startswith("optimizer.")] == list(net.state_dict())
    kinds = {scope.name: scope.kind for scope in model.graph.scopes}
    assert kinds["optimizer"] == "optimizer"
    n_parameters = len(list(net.parameters()))
    assert sum(name.startswith("optimizer.") for name in names) == 3 * n_parameters  # step, exp_avg, exp_avg_sq
    assert (model.metadata["epoch"], model.metadata["args"]) == (7, {"width": [4, 2]})
    assert model.metadata["optimizer"]["param_groups"][0]["lr"] == 0.25
    floats = [tensor for tensor in net.state_dict().values() if tensor.is_floating_point()]
    assert summary(model).parameters == sum(tensor.numel() for tensor in floats)


def test_several_state_dicts_keep_their_names(tmp_path: Path) -> None:
    data = {"generator": torch.nn.Linear(2, 3).state_dict(), "critic": torch.nn.Linear(3, 1).state_dict()}
    model = saved(tmp_path / "gan.pt", data)
    assert [tensor.name for tensor in model.graph.tensors] == [
        "generator.weight", "generator.bias", "critic.weight", "critic.bias",
    ]  # fmt: skip


def test_files_of_pytorch_within_a_zip_are_found(tmp_path: Path) -> None:
    policy, optimizer = io.BytesIO(), io.BytesIO()
    net = torch.nn.Linear(4, 2)
    torch.save(net.state_dict(), policy)
    torch.save(torch.optim.Adam(net.parameters()).state_dict(), optimizer)
    with zipfile.ZipFile(tmp_path / "agent.zip", "w") as agent:
        agent.writestr("data", json.dumps({"gamma": 0.99, "policy_class": {":serialized:": "gAWV"}}))
        agent.writestr("policy.pth", policy.getvalue())
        agent.writestr("policy.optimizer.pth", optimizer.getvalue())
        agent.writestr("_stable_baselines3_version", "2.0")
    model = open_model(tmp_path / "agent.zip")
    assert (model.producer, model.metadata["gamma"]) == ("Stable-Baselines3", 0.99)
    np.testing.assert_array_equal(tensors(model)["weight"], net.weight.detach().numpy())


def test_shards_are_read_through_their_index(tmp_path: Path) -> None:
    state = Net().state_dict()
    names = list(state)
    parts = {"part-1.bin": names[:5], "part-2.bin": names[5:]}
    for file, some in parts.items():
        torch.save({name: state[name] for name in some}, tmp_path / file)
    index = {"metadata": {}, "weight_map": {name: file for file, some in parts.items() for name in some}}
    (tmp_path / "model.bin.index.json").write_text(json.dumps(index))
    model = open_model(tmp_path / "model.bin.index.json")
    assert set(tensors(model)) == set(names)
    index["weight_map"]["secret"] = "../secret.bin"
    (tmp_path / "model.bin.index.json").write_text(json.dumps(index))
    model = open_model(tmp_path / "model.bin.index.json")
    assert model.warnings[0] == "The shard '../secret.bin' is not beside 'model.bin.index.json'."


@pytest.mark.parametrize(
    "name", ["float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu", "bfloat16"]
)
def test_small_floats_keep_their_names_and_numbers(tmp_path: Path, name: str) -> None:
    values = torch.tensor([1.0, 2.0, 0.5, 4.0])
    model = saved(tmp_path / "net.pt", {"w": values.to(getattr(torch, name))})
    assert model.graph.tensors[0].dtype == name
    assert model.read("w").tolist() == values.tolist()
    safetensors.torch.save_file({"w": values.to(getattr(torch, name))}, tmp_path / "net.safetensors")
    model = open_model(tmp_path / "net.safetensors")
    assert model.graph.tensors[0].dtype == name
    assert model.read("w").tolist() == values.tolist()


def test_an_array_of_numpy_lies_in_the_shard_that_holds_it(tmp_path: Path) -> None:
    for number in (1, 2):
        with (tmp_path / f"part-{number}.bin").open("wb") as file:
            pickle.dump({f"w{number}": np.full((300, 50), number, np.float32)}, file)
    index = {"weight_map": {"w1": "part-1.bin", "w2": "part-2.bin"}}
    (tmp_path / "model.bin.index.json").write_text(json.dumps(index))
    model = open_model(tmp_path / "model.bin.index.json")
    assert {Path(where.path).name for where in model.stored if where} == {"part-1.bin", "part-2.bin"}
    for number in (1, 2):
        np.testing.assert_array_equal(model.read(f"w{number}"), np.full((300, 50), number, np.float32))


class Touch:
    """What an attacker pickles: a call that leaves a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("is_legacy", LEGACY)
def test_a_file_that_would_run_a_command_does_not(tmp_path: Path, is_legacy: bool) -> None:
    target = tmp_path / "touched"
    model = saved(tmp_path / "net.pt", {"weight": torch.zeros(3), "trap": Touch(target)}, is_legacy)
    assert [tensor.name for tensor in model.graph.tensors] == ["weight"]
    assert not target.exists()
    torch.load(tmp_path / "net.pt", weights_only=False)
    assert target.exists()  # PyTorch runs it, so the trap is a real one


@pytest.mark.parametrize("is_legacy", LEGACY)
@pytest.mark.fuzz
def test_damage_leads_to_a_model_or_a_sentence(tmp_path: Path, is_legacy: bool) -> None:
    path = tmp_path / "net.pt"
    data = {"model": Net().state_dict(), "epoch": 3}
    torch.save(data, path, _use_new_zipfile_serialization=not is_legacy)
    survives_damage(path, path.read_bytes(), 60, 20 if is_legacy else 4)


def zipped(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    with zipfile.ZipFile(path, "w", method) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return path.read_bytes()


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.pt"
    bomb = zipped(path, {"archive/data.pkl": bytes(300 << 20), "archive/version": b"3"})
    assert len(bomb) < 1 << 20
    assert "more than 268,435,456" in str(opens_or_says_why(path, bomb))


def test_nothing_is_written_where_a_member_says(tmp_path: Path) -> None:
    state = io.BytesIO()
    torch.save({"weight": torch.zeros(2)}, state)
    path = tmp_path / "inner" / "agent.zip"
    path.parent.mkdir()
    zipped(path, {"../../escaped.pth": state.getvalue()})
    model = open_model(path)
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == ["agent.zip"]
    assert model.graph.n_tensors == 1
    assert model.warnings == ("../../escaped.pth is compressed, so its numbers are not read.",)


def test_a_tensor_outside_of_its_storage_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    torch.save({"weight": torch.zeros(4)}, path)
    with zipfile.ZipFile(path) as file:
        members = {name: file.read(name) for name in file.namelist()}
    pickled = next(name for name in members if name.endswith("data.pkl"))
    members[pickled] = members[pickled].replace(b"K\x04\x85", b"J\xff\xff\xff\x7f\x85")
    zipped(path, members, zipfile.ZIP_STORED)
    with pytest.raises(FormatError, match=r"a tensor .* of a storage of 16"):
        open_model(path)


def test_a_zip_that_is_no_model_is_no_known_format(tmp_path: Path) -> None:
    assert "a zip archive" in str(
        opens_or_says_why(tmp_path / "x.zip", zipped(tmp_path / "x.zip", {"a.txt": b"hello"}))
    )
