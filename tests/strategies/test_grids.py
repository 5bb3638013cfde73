"""The values of hyperparameters: all of them, a grid of them, random ones, and how many."""

import itertools
import random

import keras_tuner
import pytest
from keras_tuner.engine import hyperparameters as kinds
from keras_tuner.src.engine.conditions import Parent

from pipeline.strategies import grids, sampling


def log_int(low, high, step=None, sampling="log"):
    return kinds.Int("x", low, high, step, sampling)


def ranged(low, high, step=None, sampling="linear"):
    return kinds.Float("x", low, high, step, sampling)


@pytest.mark.parametrize(
    ("hp", "values"),
    [
        (kinds.Fixed("x", "adam"), ["adam"]),
        (kinds.Boolean("x"), [False, True]),
        (kinds.Choice("x", [3, 1, 1, 2, 3]), [3, 1, 2]),
        (kinds.Choice("x", ["b", "a"]), ["b", "a"]),
        (kinds.Int("x", 6, 12), [6, 7, 8, 9, 10, 11, 12]),
        (kinds.Int("x", 6, 13, 3), [6, 9, 12]),
        (kinds.Int("x", 5, 5), [5]),
        (log_int(2, 32, 2), [2, 4, 8, 16, 32]),
        (log_int(2, 33, 2), [2, 4, 8, 16, 32]),
        (log_int(1, 1000, 10), [1, 10, 100, 1000]),
        (log_int(3, 6), [3, 4, 5, 6]),
        (log_int(1, 8, 2, "reverse_log"), [1, 5, 7, 8]),
        (ranged(0, 1, 0.1), [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]),
        (ranged(0.1, 0.5, 0.1), [0.1, 0.2, 0.3, 0.4, 0.5]),
        (ranged(-1, 0, 0.5), [-1.0, -0.5, 0.0]),
        (ranged(-3, -1, 1), [-3.0, -2.0, -1.0]),
        (ranged(0, 0.9, 0.1 + 0.2), [0.0, 0.30000000000000004, 0.6000000000000001, 0.9]),
        (ranged(0, 1, 1 / 3), [0.0, 0.3333333333333333, 0.6666666666666666, 1.0]),
        (ranged(0, 1, 0.4), [0.0, 0.4, 0.8]),
        (ranged(1e-3, 10, 10, "log"), [1e-3, 1e-2, 1e-1, 1.0, 10.0]),
        (ranged(1e-12, 1e-9, 10, "log"), [1e-12, 1e-11, 1e-10, 1e-9]),
        (ranged(0.5, 0.5), [0.5]),
        (ranged(0, 1), None),
    ],
)
def test_values_of(hp, values):
    found = grids.values_of(hp)
    assert (found if found is None else list(found)) == values
    if values is not None:
        assert {type(value) for value in found} == {type(hp.default)}


def test_integers_and_floats_of_the_same_range_are_kept_apart():
    assert [type(value) for value in grids.values_of(log_int(1, 100, 10))] == [int] * 3
    assert [type(value) for value in grids.values_of(ranged(1, 100, 10, "log"))] == [float] * 3


def test_plain_keras_tuner_omits_the_upper_end():
    assert max(ranged(0, 1, 0.1).values) < 1
    assert len(list(ranged(0, 1, 0.1).values)) == 10


@pytest.mark.parametrize(
    ("hp", "values"),
    [
        (ranged(0, 9), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        (ranged(1e-9, 1, None, "log"), [10.0 ** (i - 9) for i in range(10)]),
        (log_int(1, 512), [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]),
        (log_int(1, 20), [1, 2, 3, 4, 5, 7, 10, 14, 20]),
        (log_int(3, 6), [3, 4, 5, 6]),
        (kinds.Int("x", 1, 12), list(range(1, 13))),
        (ranged(0, 1, 0.5), [0.0, 0.5, 1.0]),
        (ranged(0.5, 0.5), [0.5]),
    ],
)
def test_grid_values(hp, values):
    found = list(grids.grid_values(hp))
    assert found == pytest.approx(values)
    assert (found[0], found[-1]) == (values[0], values[-1])


def test_grid_of_reverse_log_is_dense_at_the_upper_end():
    found = grids.grid_values(ranged(1, 100, None, "reverse_log"))
    gaps = [high - low for low, high in itertools.pairwise(found)]
    assert (found[0], found[-1]) == (1, 100)
    assert gaps == sorted(gaps, reverse=True)


HPS = [
    kinds.Fixed("x", 3),
    kinds.Boolean("x"),
    kinds.Choice("x", ["a", "b", "a", "c"]),
    kinds.Int("x", 1, 9, 2),
    log_int(1, 64),
    log_int(1, 64, None, "reverse_log"),
    log_int(1, 64, 2),
    ranged(0, 1, 0.1),
    ranged(1e-4, 1, 10, "log"),
    ranged(1e-4, 1, 10, "reverse_log"),
]


@pytest.mark.parametrize("hp", HPS, ids=repr)
def test_unit_interval_keeps_every_value_apart(hp):
    values = grids.values_of(hp)
    fractions = [sampling.to_unit(hp, value) for value in values]
    assert all(0 <= fraction <= 1 for fraction in fractions)
    assert sorted(set(fractions)) == fractions
    assert [sampling.from_unit(hp, fraction) for fraction in fractions] == list(values)
    assert {sampling.from_unit(hp, i / 1000) for i in range(1001)} == set(values)


@pytest.mark.parametrize("kind", ["linear", "log", "reverse_log"])
def test_unit_interval_of_continuous_values(kind):
    hp = ranged(1e-3, 10, None, kind)
    for fraction in (0, 0.25, 0.5, 1):
        assert sampling.to_unit(hp, sampling.from_unit(hp, fraction)) == pytest.approx(fraction)
    assert sampling.from_unit(hp, 0) == pytest.approx(1e-3)
    assert sampling.from_unit(hp, 1) == pytest.approx(10)


def test_rounding_does_not_leave_the_range():
    for seed in range(200):
        low = random.Random(seed).uniform(1e-6, 1)
        for kind in ("linear", "log", "reverse_log"):
            hp = ranged(low, low * 10, None, kind)
            assert low <= sampling.from_unit(hp, 0) <= sampling.from_unit(hp, 1) <= low * 10


def test_plain_keras_tuner_confuses_neighbours_of_a_float_step():
    hp = ranged(0, 1, 0.1)
    plain = [hp.value_to_prob(value) for value in grids.values_of(hp)]
    assert len(set(plain)) < 11
    assert len({sampling.to_unit(hp, value) for value in grids.values_of(hp)}) == 11


def test_a_default_beside_its_range_counts_as_the_nearest_value():
    hp = kinds.Int("x", 1, 10, 3, default=5)  # 1, 4, 7, 10
    assert sampling.to_unit(hp, hp.default) == sampling.to_unit(hp, 4)


def conditional():
    hp = keras_tuner.HyperParameters()
    hp.Choice("model", ["mlp", "cnn", "tree"])
    hp.Int("batch", 1, 3)
    with hp.conditional_scope("model", ["mlp", "cnn"]):
        hp.Boolean("dropout")
        with hp.conditional_scope("dropout", [True]):
            hp.Float("rate", 0.1, 0.5, step=0.1)
    with hp.conditional_scope("model", ["mlp"]):
        hp.Int("units", 1, 2)
    with hp.conditional_scope("model", ["cnn"]):
        hp.Int("units", 5, 7)
    return hp


def test_size_respects_conditions():
    mlp, cnn, tree = (1 + 5) * 2, (1 + 5) * 3, 1
    assert grids.size(conditional()) == 3 * (mlp + cnn + tree)


def test_combinations_are_the_active_ones_each_once():
    every = list(grids.combinations(conditional()))
    assert len({grids.key(values) for values in every}) == len(every)
    assert len(every) == grids.size(conditional())
    assert {"model": "tree", "batch": 2} in every
    assert {"model": "cnn", "batch": 1, "dropout": True, "rate": 0.5, "units": 7} in every


def test_combinations_change_the_last_hyperparameter_fastest():
    hp = keras_tuner.HyperParameters()
    hp.Choice("a", ["z", "y"])
    hp.Boolean("b")
    assert [tuple(values.values()) for values in grids.combinations(hp)] == [
        ("z", False),
        ("z", True),
        ("y", False),
        ("y", True),
    ]


@pytest.mark.parametrize("seed", range(30))
def test_size_counts_what_combinations_yield(seed):
    generator = random.Random(seed)
    hp = keras_tuner.HyperParameters()
    for i in range(6):
        parents = generator.sample(hp.space, min(len(hp.space), generator.randrange(3)))
        conditions = [
            Parent(p.name, generator.sample(list(grids.values_of(p)), generator.choice([1, 2])))
            for p in parents
        ]
        name = f"x{generator.randrange(5)}"  # some names are shared
        if name not in [parent.name for parent in parents]:
            hp.merge([kinds.Choice(name, list(range(2, 4 + i % 2)), conditions=conditions)])
    every = list(grids.combinations(hp))
    assert grids.size(hp) == len(every) == len(set(map(grids.key, every)))


def test_size_of_special_spaces():
    hp = keras_tuner.HyperParameters()
    assert grids.size(hp) == 1
    assert list(grids.combinations(hp)) == [{}]
    hp.Fixed("kind", "a")
    with hp.conditional_scope("kind", ["b"]):
        hp.Float("never", 0, 1)
    assert grids.size(hp) == 1
    hp.Float("rate", 0, 1)
    assert grids.size(hp) is None
    assert grids.size(hp, grids.grid_values) == 10


def test_size_is_found_without_going_through_the_combinations():
    hp = keras_tuner.HyperParameters()
    for i in range(10):
        hp.Int(f"units_{i}", 1, 10**6)
    hp.Boolean("root")
    with hp.conditional_scope("root", [True]):
        for i in range(30):
            hp.Boolean(f"dropout_{i}")
            with hp.conditional_scope(f"dropout_{i}", [True]):
                hp.Int(f"rate_{i}", 1, 4)
    assert grids.size(hp) == 10**60 * (1 + 5**30)
    assert len(list(itertools.islice(grids.combinations(hp), 5))) == 5


@pytest.mark.parametrize("seed", [0, -1, 1, 2**80])
def test_sample_draws_active_values_repeatably(seed):
    space = conditional()
    every = {grids.key(values) for values in grids.combinations(space)}
    assert grids.key(sampling.sample(space, seed)) in every
    assert sampling.sample(space, seed) == sampling.sample(space, seed)


def test_sample_draws_every_value_about_equally_often():
    hp = keras_tuner.HyperParameters()
    hp.Float("rate", 0, 1, step=0.1)
    drawn = [sampling.sample(hp, seed)["rate"] for seed in range(1100)]
    counts = [drawn.count(value) for value in grids.values_of(hp.space[0])]
    assert min(counts) > 60
    assert max(counts) < 140


def test_key_tells_values_and_types_apart_and_ignores_keras_tuners_own():
    assert grids.key({"a": 1, "b": 2}) == grids.key({"b": 2, "a": 1, "tuner/round": 3})
    assert len({grids.key({"a": value}) for value in (1, 1.0, "1", True)}) == 4
    assert grids.key({"a": "1b=2"}) != grids.key({"a": "1", "b": "2"})
