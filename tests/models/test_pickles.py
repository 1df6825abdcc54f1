"""The interpreter of pickles builds plain data of any pickle, and never runs what one says."""

import collections
import io
import os
import pickle
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netscope.errors import FormatError
from netscope.models.readers.pickles import Global, Record, Reference, Span, load
from tests.fuzzing import examples
from tests.models.damage import damaged


def read(data: bytes) -> Any:
    return load(io.BytesIO(data), {})


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(max_size=40),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=20,
)


@settings(max_examples=examples(60))
@given(plain, st.integers(0, 5))
def test_plain_data_comes_back_as_python_reads_it(data: Any, protocol: int) -> None:
    found = read(pickle.dumps(data, protocol))
    assert repr(found) == repr(data)


class Touch:
    """What an attacker pickles: a call that leaves a file."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("protocol", range(6))
def test_a_call_is_noted_and_not_made(tmp_path: Path, protocol: int) -> None:
    target = tmp_path / "touched"
    data = pickle.dumps({"weights": Touch(str(target))}, protocol)
    found = read(data)["weights"]
    assert isinstance(found, Record)
    assert (found.kind.name, found.arguments) == ("system", (f"touch {target}",))
    assert not target.exists()
    pickle.loads(data)
    assert target.exists()  # Python's own reader runs it, so the pickle is a real one


class Thing:
    """Any object with attributes."""

    def __init__(self) -> None:
        self.size = 3


class Named(dict[str, int]):
    """A dict with a class of its own."""


@pytest.mark.parametrize("protocol", range(6))
def test_objects_become_records_with_their_class_and_attributes(protocol: int) -> None:
    found = read(pickle.dumps(Thing(), protocol))
    assert (found.class_name, found.state) == ("Thing", {"size": 3})
    named = read(pickle.dumps(Named(a=1), protocol))
    assert (named.class_name, named.entries) == ("Named", {"a": 1})


@pytest.mark.parametrize("protocol", range(6))
def test_containers_of_the_standard_library_are_plain(protocol: int) -> None:
    data = [collections.OrderedDict(a=1, b=2), collections.defaultdict(list, c=[3]), {4}, frozenset([5])]
    assert read(pickle.dumps(data, protocol)) == [{"a": 1, "b": 2}, {"c": [3]}, [4], [5]]


def test_long_bytes_stay_in_the_file() -> None:
    data = pickle.dumps({"array": bytes(range(256)) * 100}, 4)
    found = read(data)["array"]
    assert isinstance(found, Span)
    assert data[found.offset : found.offset + found.n_bytes] == bytes(range(256)) * 100


def test_what_is_stored_elsewhere_is_a_reference() -> None:
    file = io.BytesIO()
    pickler = pickle.Pickler(file, 2)
    pickler.persistent_id = lambda value: ("storage", 7) if value == "here" else None
    pickler.dump(["here", "there"])
    assert read(file.getvalue()) == [Reference(("storage", 7)), "there"]


def test_cycles_and_shared_objects_are_kept() -> None:
    around: list[Any] = []
    around.append(around)
    found = read(pickle.dumps(around))
    assert found[0] is found


DEEP = b"\x80\x02" + b")" + b"\x85" * 400_000 + b"."
HOSTILE = {
    "empty": b"",
    "no stack": b"\x80\x02R.",
    "no mark": b"\x80\x02t.",
    "mark left": b"\x80\x02(N.",
    "memo of nothing": b"\x80\x02h\x07.",
    "text of 4 GB": b"\x80\x02X" + struct.pack("<I", 0xFFFFFFFF) + b"abc",
    "bytes of 16 EB": b"\x80\x04\x8e" + struct.pack("<Q", 0xFFFFFFFFFFFFFFFF),
    "number of 2 GB": b"\x80\x02\x8b" + struct.pack("<i", 0x7FFFFFFF),
    "number of many digits": b"I" + b"9" * 10_000 + b"\n.",
    "class without a name": b"\x80\x04NN\x93.",
    "items of a number": b"\x80\x02K\x01(K\x02e.",
    "entries of a list": b"\x80\x02](K\x02K\x03u.",
    "odd entries": b"\x80\x02}(K\x02u.",
    "unknown opcode": b"\x80\x02\xff.",
    "extension": b"\x80\x02\x82\x01.",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_pickle_is_refused(name: str) -> None:
    with pytest.raises(FormatError):
        read(HOSTILE[name])


@pytest.mark.parametrize("data", [DEEP, DEEP[:-1] + b"}" + b"2" * 5 + b"."], ids=["deep", "deep with more"])
def test_deep_nesting_does_not_overflow_the_stack(data: bytes) -> None:
    assert read(data) is not None


def test_a_deep_key_of_a_dict_is_not_hashed() -> None:
    deep = b")" + b"\x85" * 400_000
    found = read(b"\x80\x02}" + deep + b"K\x01s.")
    assert list(found.values()) == [1]


def test_damage_leads_to_data_or_a_sentence() -> None:
    data = pickle.dumps(
        {"a": [1, 2.5, Thing(), collections.OrderedDict(b=b"x" * 2000)], "c": "text" * 9, "d": {7, 8}}, 4
    )
    for copy in damaged(data, 300):
        try:
            read(copy)
        except FormatError as error:
            assert str(error)


def test_names_of_classes_are_not_imported() -> None:
    data = b"\x80\x02cno_such_module\nNothing\n)R."
    assert read(data).kind == Global("no_such_module", "Nothing")
