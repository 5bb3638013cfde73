"""What only some models ask for is found by building them, and made conditional."""

import keras
import keras_tuner
import pytest

from pipeline.hypermodels import exploration
from pipeline.hypermodels.discovery import discover
from pipeline.hypermodels.exploration import explore
from pipeline.strategies.grids import combinations, grid_values, size


def model():
    made = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    made.compile(loss="mse")
    return made


def explored(build):
    """Return a function's space, its models and how many of them its exploration built."""
    built = []

    def counted(hp):
        built.append(hp)
        return build(hp)

    found = discover(build)
    return explore(_Function(counted), found), built


class _Function(keras_tuner.HyperModel):
    def __init__(self, build):
        super().__init__()
        self.build = build


def growing(hp):
    for layer in range(hp.Int("layers", 1, 3)):
        hp.Choice(f"units_{layer}", [4, 8])
    return model()


def growing_from_the_end(hp):
    hp.Boolean("bias", default=True)
    for layer in range(hp.Int("layers", 1, 3, default=3)):
        hp.Choice(f"units_{layer}", [4, 8])
    return model()


def branching(hp):
    """Cells of a kind, of which one has a loop of its own and another a scope."""
    kind = hp.Choice("kind", ["dense", "deep", "scoped"])
    if kind == "deep":
        for block in range(hp.Int("blocks", 2, 4)):
            hp.Boolean(f"skip_{block}")
    with hp.conditional_scope("kind", ["scoped"]):
        if kind == "scoped":
            hp.Int("width", 1, 3)
    if not hp.Boolean("plain", default=True):
        hp.Choice("rate", [0.1, 0.2])
    return model()


def needing_both(hp):
    wide, deep = hp.Boolean("wide"), hp.Boolean("deep")
    if wide and deep:
        hp.Choice("units", [4, 8])
    return model()


def needing_one(hp):
    wide, deep = hp.Boolean("wide"), hp.Boolean("deep")
    if wide or deep:
        hp.Choice("units", [4, 8])
    return model()


def far_from_the_defaults(hp):
    if hp.Int("layers", 1, 40) > 17:
        hp.Choice("units", [4, 8])
    return model()


@pytest.mark.parametrize(
    ("build", "models"),
    [
        (growing, 2 + 4 + 8),
        (growing_from_the_end, 2 * (2 + 4 + 8)),
        (branching, (1 + (4 + 8 + 16) + 3) * (1 + 2)),
        (needing_both, 3 + 2),
        (far_from_the_defaults, 17 + 23 * 2),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_has_each_model_once(build, models):
    space, _ = explored(build)
    assert size(space, grid_values) == models
    every = list(combinations(space))
    assert len(every) == models
    for values in every:  # what a model asks for is what it is given
        asked = keras_tuner.HyperParameters()
        asked.values = dict(values)
        build(asked)
        assert {hp.name for hp in asked.space if asked.is_active(hp)} == values.keys()


def test_what_no_single_condition_tells_stays_for_all_models():
    space, _ = explored(needing_one)
    (units,) = (hp for hp in space.space if hp.name == "units")
    assert units.conditions == []


def test_a_model_that_always_asks_for_the_same_is_built_as_often_as_its_longest_choice():
    def build(hp):
        hp.Int("units", 1, 1000)
        hp.Float("rate", 0.1, 0.9)
        hp.Choice("kind", ["a", "b", "c", "d"])
        return model()

    found = discover(build)
    space, built = explored(build)
    assert space.get_config() == found.get_config()
    assert len(built) == 1 + 3
    assert {hp.values["kind"] for hp in built} == {"a", "b", "c", "d"}
    assert {hp.values["units"] for hp in built} == {1, 1000}


def test_few_of_many_values_are_built():
    _, built = explored(far_from_the_defaults)
    assert len(built) < 15


def test_never_builds_more_than_it_may(monkeypatch):
    def build(hp):
        for layer in range(hp.Int("layers", 1, 60)):
            hp.Boolean(f"bias_{layer}")
        return model()

    monkeypatch.setattr(exploration, "_MOST_BUILDS", 20)
    space, built = explored(build)
    assert len(built) == 20
    assert {hp.name for hp in space.space} >= {"layers", "bias_0", "bias_59"}
    for values in (3, 40, 60):  # what a value that was not built asks for is not taken from it
        hp = space.copy()
        hp.values = {"layers": values}
        asked = keras_tuner.HyperParameters()
        asked.values = {"layers": values}
        build(asked)
        known = {one.name for one in space.space}
        active = {one.name for one in hp.space if hp.is_active(one)}
        assert {one.name for one in asked.space} & known <= active


def test_a_build_that_raises_tells_nothing():
    def build(hp):
        if hp.Choice("kind", ["a", "b", "c"]) == "b":
            raise RuntimeError("no luck")
        if hp.get("kind") == "c":
            hp.Boolean("bias")
        return model()

    space, _ = explored(build)
    assert list(combinations(space)) == [
        {"kind": "a"},
        {"kind": "b", "bias": False},  # not known
        {"kind": "b", "bias": True},
        {"kind": "c", "bias": False},
        {"kind": "c", "bias": True},
    ]


def test_leaves_no_state_in_keras():
    explored(growing)
    assert keras.layers.Dense(1).name == "dense"
