"""Which losses, metrics and layers give the same in batches of any size, measured."""

import functools

import keras
import numpy as np
import pytest
from keras import layers, ops

from pipeline.training.additive import is_additive
from tests import keras_arguments

ROWS = 5
SIZES = (1, 3, ROWS)


def targets(name):
    """Return targets and predictions as a loss or metric wants them."""
    random = np.random.default_rng(0)
    probabilities = random.dirichlet(np.ones(3), ROWS).astype(np.float32)
    classes = random.integers(0, 3, ROWS)
    one_hot = np.eye(3, dtype=np.float32)[classes]
    if "Sparse" in name or name in ("Circle", "CategoricalGeneralizedCrossEntropy"):
        return classes, probabilities
    if name == "CTC":
        return random.integers(1, 5, (ROWS, 3)), random.normal(size=(ROWS, 8, 6)).astype("float32")
    if name in ("IoU", "MeanIoU", "Accuracy"):
        return random.integers(0, 2, (ROWS, 3)), random.integers(0, 2, (ROWS, 3)).astype("float32")
    if name.startswith(("Categorical", "OneHot", "F1", "FBeta", "TopK", "Cosine", "Concordance")):
        return one_hot, probabilities
    if name.startswith(("MeanS", "MeanA", "R2", "Root", "Log", "Poisson", "KL", "Huber")):
        return random.uniform(1, 2, (ROWS, 3)).astype(np.float32), probabilities
    return random.integers(0, 2, (ROWS, 3)).astype(np.float32), probabilities


def through(shape, **compiled):
    """Return a model that gives what it is given."""
    inputs = keras.Input(shape)
    model = keras.Model(inputs, layers.Identity(name="identity")(inputs))
    model.compile(**compiled)
    return model


def by_size(model, x, y):
    """Return what a model's validation gives in batches of each size, with an odd last batch."""
    results = []
    for size in SIZES:
        model.reset_metrics()
        for start in range(0, ROWS, size):
            rows = slice(start, start + size)
            some = keras.tree.map_structure(lambda one: one[rows], (x, y))  # noqa: B023
            logs = model.test_step(some)
        results.append({name: np.asarray(value) for name, value in logs.items()})
    return results


def adds_up(model, x, y):
    """Whether a validation gives the same in batches of all sizes."""
    first, *others = by_size(model, x, y)
    return all(
        np.allclose(first[name], other[name], rtol=1e-4, atol=1e-5, equal_nan=True)
        for other in others
        for name in first
    )


def compiled_with(package, value):
    y, x = targets(type(value).__name__)
    loss = "mse" if y.ndim == 2 else "sparse_categorical_crossentropy"
    compiled = {"loss": value} if package == "losses" else {"loss": loss, "metrics": [value]}
    return through(x.shape[1:], **compiled), x, y


KINDS = {
    name: (package, kind)
    for name, kind in keras_arguments.exported().items()
    if (package := name.partition(".")[0]) in ("losses", "metrics")
    and kind.__name__ not in keras_arguments.NOT_MADE
}
UNKNOWN = {"losses.CTC": "gives a number an example, but is no function of the list"}
NOT_COMPILED = {"metrics.Mean", "metrics.Sum"}  # they take no targets


@pytest.mark.sampled(every=8)
@pytest.mark.parametrize("name", KINDS)
def test_the_lists_are_what_was_measured(name):
    package, kind = KINDS[name]
    model, x, y = compiled_with(package, keras_arguments.made(kind))
    measured = name not in NOT_COMPILED and adds_up(model, x, y)
    assert is_additive(model) == (measured and name not in UNKNOWN)


@pytest.mark.sampled(every=8)
@pytest.mark.parametrize("name", KINDS)
def test_what_is_known_with_other_arguments_adds_up(name):
    package, kind = KINDS[name]
    arguments = keras_arguments.arguments(kind)
    for argument in arguments:
        if argument not in ("name", "sparse_y_true", "sparse_y_pred"):  # which take other targets
            model, x, y = compiled_with(package, keras_arguments.pair(kind, argument)[1])
            assert not is_additive(model) or adds_up(model, x, y), argument


class Users(keras.losses.MeanSquaredError):
    pass


class UsersMetric(keras.metrics.MeanSquaredError):
    pass


def with_method(value, name):
    setattr(value, name, getattr(value, name))
    return value


def of_a_batch(y_true, y_pred):
    return ops.mean(y_pred)


def registered(y_true, y_pred):
    return ops.max(y_pred)


@functools.wraps(keras.losses.mean_squared_error)
def mean_squared_error(y_true, y_pred):
    return ops.square(y_pred - ops.mean(y_true, axis=0))


MSE, METRICS = keras.losses.MeanSquaredError, keras.metrics
COMPILED = {
    "nothing but a loss": (True, {"loss": "mse"}),
    "class by its name": (True, {"loss": "MeanSquaredError"}),
    "function": (True, {"loss": keras.losses.mean_absolute_error}),
    "mean": (True, {"loss": MSE(reduction="mean")}),
    "sum": (False, {"loss": MSE(reduction="sum")}),
    "mean of weights": (False, {"loss": MSE(reduction="mean_with_sample_weight")}),
    "half precision": (False, {"loss": MSE(dtype="float16")}),
    "user's function": (False, {"loss": of_a_batch}),
    "borrowed name": (False, {"loss": mean_squared_error}),
    "user's class": (False, {"loss": Users()}),
    "own method": (False, {"loss": with_method(MSE(), "call")}),
    "cosine of a batch": (False, {"loss": keras.losses.CosineSimilarity(axis=0)}),
    "correlation of a batch": (False, {"metrics": [METRICS.PearsonCorrelation(axis=0)]}),
    "strings": (True, {"metrics": ["mse", "MAE", "acc", "Accuracy", "cosine_similarity", "AUC"]}),
    "weighted": (True, {"weighted_metrics": ["mae", METRICS.RootMeanSquaredError()]}),
    "nested": (True, {"metrics": {"identity": ["mae", METRICS.R2Score()]}}),
    "nested user's": (False, {"metrics": {"identity": ["mae", of_a_batch]}}),
    "weighted user's": (False, {"weighted_metrics": [of_a_batch]}),
    "loss as a metric": (False, {"metrics": [MSE()]}),
    "loss function as a metric": (True, {"metrics": [keras.losses.mean_squared_error]}),
    "correlation": (False, {"metrics": [keras.losses.dice]}),
    "user's metric": (False, {"metrics": [UsersMetric()]}),
    "own update": (False, {"metrics": [with_method(METRICS.AUC(), "update_state")]}),
    "counts in half precision": (False, {"metrics": [METRICS.Precision(dtype="float16")]}),
    "registered": (False, {"metrics": ["registered"]}),
    "weights of losses": (True, {"loss": ["mse"], "loss_weights": [0.5]}),
}


@pytest.fixture
def registry():
    keras.saving.get_custom_objects()["registered"] = registered
    yield
    del keras.saving.get_custom_objects()["registered"]


@pytest.mark.sampled(every=8)
@pytest.mark.parametrize("name", COMPILED)
def test_what_is_compiled_is_known(name, registry):
    known, arguments = COMPILED[name]
    model = through((3,), **{"loss": "mse"} | arguments)
    y, x = targets("MeanSquaredError")
    assert is_additive(model) is known
    assert not known or adds_up(model, x, y)
