"""Plain values come back exactly as they were, and what cannot is told before it is written."""

import collections
import enum
import functools
import json
import math
import operator
import threading
import types
from collections import Counter, OrderedDict, defaultdict, deque
from pathlib import Path

import keras
import ml_dtypes
import numpy as np
import pytest

from pipeline.journal.arrays import read_arrays, write_arrays
from pipeline.training.plain_values import Decoder, Encoder, is_plain


class Kinds(enum.IntEnum):
    ONE = 1


class Words(dict):
    pass


class Own:
    @staticmethod
    def add(one, other):
        return one + other

    def __call__(self):
        return 0


Pair = collections.namedtuple("Pair", "one two")

PLAIN = {
    "atoms": [None, True, 0, -(2**200), 0.1, -0.0, math.inf, "é", "\ud800", ""],
    "set": {1, "one", (1, 2), None},
    "frozenset": frozenset({1.5, frozenset({2})}),
    "texts": {"b": 1, "a": {"c": []}},
    "numbers": {3: "three", 1.5: "x", (1, "a"): [2], None: 0, True: 1, "3": "text"},
    "ordered": OrderedDict([("z", 1), (2, {3})]),
    "counted": Counter({"a": 2, "b": -1, 3: 0}),
    "default": defaultdict(list, {1: [2], "x": []}),
    "no default": defaultdict(None, {1: 2}),
    "queue": deque([1, [2], 3], maxlen=3),
    "endless": deque([1]),
    "path": Path("a") / "b",
    "functions": [max, len, keras.ops.less, np.add, np.mean, Own.add, dict, Own, operator.lt],
    "number of NumPy": [np.float32(0.1), np.int64(7), np.bool_(True), np.str_("x")],
    "arrays": [
        np.arange(6, dtype=np.int16).reshape(2, 3),
        np.array(0.5),
        np.array(["2026-01-01"], "datetime64[D]"),
        np.array([(1, 2.5)], [("a", np.int32), ("b", np.float64)]),
        np.array([1.5, -2], ml_dtypes.bfloat16),
        np.zeros((0, 3)),
        np.array(["text", "é"]),
    ],
    "bfloat16": ml_dtypes.bfloat16(1.5),
    "nested": ({1: (deque([OrderedDict(a={(1, frozenset()): np.float64(2)})]),)},),
}


def through_a_file(*values, folder):
    arrays = []
    encoder = Encoder(arrays)
    write_arrays(folder / "values.npz", {"values": [encoder.encode(one) for one in values]}, arrays)
    head, arrays = read_arrays(folder / "values.npz")
    decoder = Decoder(arrays)
    return [decoder.decode(one) for one in head["values"]]


def assert_exact(value, expected):
    assert type(value) is type(expected)
    if isinstance(expected, np.ndarray):
        assert (value.dtype, value.shape) == (expected.dtype, expected.shape)
        np.testing.assert_array_equal(value, expected)
    elif isinstance(expected, dict):
        assert_exact(list(value), list(expected))  # the order of the keys, too
        assert_exact(list(value.values()), list(expected.values()))
    elif isinstance(expected, list | tuple | deque):
        assert len(value) == len(expected)
        for one, other in zip(value, expected, strict=True):
            assert_exact(one, other)
    elif isinstance(expected, set | frozenset):
        assert sorted(map(repr, value)) == sorted(map(repr, expected))
    else:
        assert repr(value) == repr(expected)
        assert value is expected or value == expected
    assert getattr(value, "maxlen", None) == getattr(expected, "maxlen", None)
    assert getattr(value, "default_factory", None) is getattr(expected, "default_factory", None)


@pytest.mark.parametrize("value", PLAIN.values(), ids=PLAIN)
def test_plain_values_come_back_exactly(value, tmp_path):
    assert is_plain(value)
    (read,) = through_a_file(value, folder=tmp_path)
    assert_exact(read, value)


def test_what_is_held_twice_is_still_one(tmp_path):
    rows, array, both = [1], np.zeros(2), (1, [2])
    first = {"rows": rows, "last": rows, "array": array, "both": both}
    (one, two) = through_a_file(first, [array, rows, both], folder=tmp_path)
    assert one["rows"] is one["last"] is two[1]
    assert one["array"] is two[0]
    assert one["both"] is two[2]


def test_what_holds_itself_does_so_again(tmp_path):
    ring, table = [1], {}
    ring.append((ring, table))
    table[1] = deque([ring])
    assert is_plain(ring)
    (read,) = through_a_file(ring, folder=tmp_path)
    assert read[1][0] is read
    assert read[1][1][1][0] is read


def chain(length):
    return functools.reduce(lambda inner, _: [inner], range(length), [])


def ordered_with_more():
    ordered = OrderedDict(a=1)
    ordered.more = 2
    return ordered


def of_no_module():
    function = types.FunctionType((lambda: 1).__code__, {"__name__": "gone"})
    function.__qualname__ = "function"
    return function


NOT_PLAIN = {
    "object": object(),
    "lock": threading.Lock(),
    "enum": Kinds.ONE,
    "named tuple": Pair(1, 2),
    "own dictionary": Words(a=1),
    "objects in an array": np.array([None]),
    "objects in a record": np.zeros(1, [("a", object)]),
    "texts of any length": np.array(["a"], np.dtypes.StringDType()),
    "masked array": np.ma.masked_array([1], [True]),
    "function without a name": lambda: 1,
    "method": Own().__call__,
    "callable object": Own(),
    "function of a module that is not imported": of_no_module(),
    "model": keras.Sequential(),
    "too long a number": 10**5000,
    "too deep": chain(10_000),
    "attributes": ordered_with_more(),
    "factory": defaultdict(lambda: 1),
    "key": {Kinds.ONE: 1},
    "value": {1: [object()]},
    "bytes": b"a",
}


@pytest.mark.parametrize("value", NOT_PLAIN.values(), ids=NOT_PLAIN)
def test_what_does_not_come_back_is_not_plain(value):
    assert not is_plain(value)
    assert not is_plain([1, (value,)])


def test_what_is_plain_can_be_written_however_deep():
    deepest = next(value for value in map(chain, range(200, 0, -1)) if is_plain(value))
    assert Decoder([]).decode(json.loads(json.dumps(Encoder([]).encode(deepest)))) == deepest
