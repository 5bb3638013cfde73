"""KerasTuner's hyperparameters as Optuna's parameters, and back."""

import pytest
from keras_tuner.engine import hyperparameters as kinds
from optuna.distributions import (
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from pipeline.strategies.grids import grid_values
from pipeline.strategies.optuna_space import parameters_of, params_of
from tests.strategies.oracles import mixed_space, space_of

KINDS = {
    "ordered numbers": (kinds.Choice("x", [8, 64, 16]), IntDistribution(0, 2)),
    "texts": (kinds.Choice("x", ["relu", "tanh"]), CategoricalDistribution(("relu", "tanh"))),
    "unordered numbers": (
        kinds.Choice("x", [3, 1, 2], ordered=False),
        CategoricalDistribution((3, 1, 2)),
    ),
    "boolean": (kinds.Boolean("x"), CategoricalDistribution((False, True))),
    "integers": (kinds.Int("x", 2, 9), IntDistribution(0, 7)),
    "integers with a step": (kinds.Int("x", 16, 70, step=16), IntDistribution(0, 3)),
    "logarithmic integers": (
        kinds.Int("x", 4, 64, sampling="log"),
        IntDistribution(4, 64, log=True),
    ),
    "integers in factors": (kinds.Int("x", 4, 64, step=2, sampling="log"), IntDistribution(0, 4)),
    "numbers": (kinds.Float("x", -1, 2), FloatDistribution(-1, 2)),
    "numbers with a step": (kinds.Float("x", 0, 1, step=0.1), IntDistribution(0, 10)),
    "logarithmic numbers": (
        kinds.Float("x", 1e-4, 1, sampling="log"),
        FloatDistribution(1e-4, 1, log=True),
    ),
    "numbers in factors": (
        kinds.Float("x", 1e-4, 1, step=10, sampling="log"),
        IntDistribution(0, 4),
    ),
    "reversed factors": (
        kinds.Float("x", 1e-4, 1, step=10, sampling="reverse_log"),
        IntDistribution(0, 4),
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_values_go_there_and_back(kind):
    hp, distribution = KINDS[kind]
    (parameter,) = parameters_of(space_of(hp))
    assert parameter.distribution == distribution
    values = grid_values(hp)
    assert len(values) > 1
    params = [parameter.param_of(value) for value in values]
    assert [parameter.value_of(param) for param in params] == list(values)
    assert all(distribution._contains(distribution.to_internal_repr(p)) for p in params)
    if isinstance(distribution, IntDistribution | FloatDistribution):
        assert (min(params), max(params)) == (distribution.low, distribution.high)


@pytest.mark.parametrize(
    ("hp", "types"),
    [
        (kinds.Int("x", 4, 64, sampling="reverse_log"), int),
        (kinds.Float("x", 1e-4, 1, sampling="reverse_log"), float),
    ],
)
def test_a_reversed_range_is_counted_from_its_other_end(hp, types):
    (parameter,) = parameters_of(space_of(hp))
    assert parameter.distribution.log
    assert parameter.param_of(hp.max_value) == hp.min_value == parameter.distribution.low
    for value in grid_values(hp):
        back = parameter.value_of(parameter.param_of(value))
        assert back == pytest.approx(value, rel=1e-12)
        assert type(back) is types
        assert hp.min_value <= back <= hp.max_value


def test_what_does_not_vary_is_left_out():
    fixed = kinds.Fixed("a", 3), kinds.Choice("b", ["one"]), kinds.Float("c", 1, 1)
    assert parameters_of(space_of(*fixed)) == []


def test_a_default_outside_a_range_counts_as_the_nearest():
    (parameter,) = parameters_of(space_of(kinds.Int("x", 0, 10, step=5)))
    assert parameter.param_of(6) == 1


def test_scopes_that_share_a_name_have_parameters_of_their_own():
    parameters = parameters_of(mixed_space())
    names = [parameter.name for parameter in parameters]
    assert names == ["rate", "drop", "kind", "units", "units (kind=['b'])"]
    both = {"rate": 1e-3, "drop": 0.2, "kind": "b", "units": 8}
    assert params_of(parameters, both) == {
        "rate": 1e-3,
        "drop": 2,
        "kind": "b",
        "units (kind=['b'])": 1,
    }
    assert params_of(parameters, both | {"kind": "a", "units": 3})["units"] == 2


def test_what_joins_a_space_changes_none_of_the_others():
    space = mixed_space()
    before = [(p.name, p.distribution) for p in parameters_of(space)]
    space.Float("late", 0, 1)
    with space.conditional_scope("kind", ["b"]):
        space.Int("rate", 1, 3)  # elsewhere it is a number
    after = [(p.name, p.distribution) for p in parameters_of(space)]
    assert after[: len(before)] == before
    assert [name for name, _ in after[len(before) :]] == ["late", "rate (kind=['b'])"]
