"""Every class that Keras exports, compared argument by argument."""

import inspect

import keras
import numpy as np
import pytest

from pipeline.frozen.sameness import UnreadableError, identity
from tests import keras_arguments, keras_layers

KINDS = {
    name: kind
    for name, kind in keras_arguments.exported().items()
    if kind.__name__ not in keras_arguments.NOT_MADE | keras_arguments.UNREADABLE
}


def told(value, **how):
    """Return what an object is, but for a layer's values; None if it is unreadable."""
    apart = value.variables if isinstance(value, keras.Layer) else ()
    try:
        return identity(value, values_apart=apart, **how)
    except UnreadableError:
        return None


@pytest.mark.sampled(every=4)
@pytest.mark.parametrize("name", KINDS)
def test_every_argument_makes_another(name, record_property):
    kind = KINDS[name]
    named = {name: f"{kind.__name__}.{name}" for name in keras_arguments.arguments(kind)}
    compared = [one for one in named if named[one] not in keras_arguments.NOT_COMPARED]
    missed, unreadable = [], []
    for argument in compared:
        one, other = keras_arguments.pair(kind, argument)
        one, other = (told(each, names=argument == "name") for each in (one, other))
        if one is None or other is None:
            unreadable.append(argument)
        elif one == other:
            missed.append(argument)
    assert missed == []
    assert unreadable == [one for one in compared if one == "idf_weights"]
    record_property("sameness", len(compared))


@pytest.mark.sampled(every=4)
@pytest.mark.parametrize("name", KINDS)
def test_instances_that_are_made_alike_are_the_same(name):
    first, second = (told(keras_arguments.made(KINDS[name]), names=False) for _ in range(2))
    assert first is not None
    assert (first == second) == (KINDS[name].__name__ not in keras_arguments.NOT_ALIKE)


CALLED = keras_layers.CASES.keys() - keras_layers.NOT_CALLED - keras_arguments.UNREADABLE.keys()


@pytest.mark.sampled(every=4)
@pytest.mark.parametrize("name", sorted(CALLED - keras_arguments.NOT_ALIKE.keys()))
def test_layers_that_were_called_alike_are_the_same(name):
    case = keras_layers.CASES[name]
    one, other = (keras_layers.callable_(keras_layers.made(name)) for _ in range(2))
    for layer in (one, other):
        layer(*case.inputs())
    assert told(one, names=False) == told(other, names=False) is not None
    other(*case.inputs(seed=1), training=True)
    assert told(one, names=False) == told(other, names=False)


def functions():
    """Return the functions that Keras exports as losses, metrics and activations."""
    packages = (keras.losses, keras.metrics, keras.activations)
    found = [one for package in packages for one in vars(package).values()]
    return {one for one in found if inspect.isfunction(one)} - {
        getattr(package, name)
        for package in packages
        for name in ("get", "serialize", "deserialize")
    }


def test_every_function_is_another():
    found = functions()
    assert len({identity(function) for function in found}) == len(found)


DRAWING = [
    name
    for name, kind in keras_layers.exported().items()
    if name in CALLED and "seed" in keras_arguments.arguments(kind)
]


def draw(name, seed):
    """Return what a layer gives in training, after all generators but its own were seeded."""
    arguments = keras_arguments.arguments(keras_layers.exported()[name])
    dropout = {one: 0.5 for one in ("dropout", "recurrent_dropout") if one in arguments}
    keras.utils.set_random_seed(0)
    layer = keras_layers.callable_(keras_layers.made(name, seed=3, **dropout))
    inputs = keras_layers.CASES[name].inputs()
    layer(*inputs)
    keras.utils.set_random_seed(seed)
    outputs = keras.tree.flatten(layer(*inputs, training=True))
    return np.concatenate([np.ravel(one) for one in outputs])


@pytest.mark.sampled(every=4)
@pytest.mark.parametrize("name", DRAWING)
def test_layers_draw_from_nothing_but_their_variables(name):
    """What is drawn from anything else while a step is traced is the same in all its steps."""
    np.testing.assert_array_equal(draw(name, 1), draw(name, 2))


def test_what_draws_from_something_else_is_unreadable():
    assert any(not np.array_equal(draw("AugMix", 0), draw("AugMix", seed)) for seed in range(1, 5))
    assert told(keras_layers.made("AugMix")) is None


def test_what_is_told_elsewhere_is_not_read():
    def apart(layers, told):
        return identity(layers, told=[layers[told]], names=False)

    one, other = ([keras.layers.Dense(units), keras.layers.Dense(3)] for units in (1, 2))
    assert identity(one, names=False) != identity(other, names=False)
    assert apart(one, 0) == apart(other, 0)
    assert apart(one, 1) != apart(other, 1)
