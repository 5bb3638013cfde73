"""Whether a validation gives the same, however its examples are batched.

Keras's default loss and most of its metrics are sums over examples, divided by their number. Others
are not: a loss with `reduction="sum"` grows with the batch, R² as a function is one number a batch,
an in-batch loss compares the examples of a batch. `tests/test_additive.py` makes the lists: it
evaluates each loss, metric and layer that Keras exports in batches of several sizes.
"""

from typing import Any

import keras

from pipeline.constant_layers import is_constant
from pipeline.release import fixed_batch_size

_FUNCTIONS = frozenset(
    [
        "binary_accuracy",
        "binary_crossentropy",
        "binary_focal_crossentropy",
        "categorical_accuracy",
        "categorical_crossentropy",
        "categorical_focal_crossentropy",
        "categorical_generalized_cross_entropy",
        "categorical_hinge",
        "cosine_similarity",
        "hinge",
        "huber",
        "kl_divergence",
        "log_cosh",
        "mean_absolute_error",
        "mean_absolute_percentage_error",
        "mean_squared_error",
        "mean_squared_logarithmic_error",
        "poisson",
        "sparse_categorical_accuracy",
        "sparse_categorical_crossentropy",
        "sparse_top_k_categorical_accuracy",
        "squared_hinge",
        "top_k_categorical_accuracy",
        "accuracy",
    ]
)
"""Of `keras.losses` and `keras.metrics`: a number an example."""
_METRICS = frozenset(
    [
        "AUC",
        "BinaryIoU",
        "F1Score",
        "FBetaScore",
        "FalseNegatives",
        "FalsePositives",
        "IoU",
        "MeanIoU",
        "OneHotIoU",
        "OneHotMeanIoU",
        "Precision",
        "PrecisionAtRecall",
        "R2Score",
        "Recall",
        "RecallAtPrecision",
        "RootMeanSquaredError",
        "SensitivityAtSpecificity",
        "SpecificityAtSensitivity",
        "TrueNegatives",
        "TruePositives",
    ]
)
"""Of `keras.metrics`, beside means of a function: what they add up says nothing of batches."""
_OPERATIONS = frozenset(
    [
        "Absolute",
        "Add",
        "Cast",
        "Divide",
        "Elu",
        "Exp",
        "Expm1",
        "Gelu",
        "HardSigmoid",
        "HardSwish",
        "HardTanh",
        "LeakyRelu",
        "Log",
        "Log1p",
        "LogSigmoid",
        "Maximum",
        "Minimum",
        "Mish",
        "Multiply",
        "Negative",
        "Power",
        "Relu",
        "Relu6",
        "Selu",
        "Sigmoid",
        "Sign",
        "Silu",
        "Softplus",
        "Softsign",
        "Sqrt",
        "Square",
        "Subtract",
        "Tanh",
        "TrueDivide",
    ]
)
"""Of `keras.ops`: each number by itself."""
_ONLY_IN_TRAINING = frozenset(
    [
        "AlphaDropout",
        "Dropout",
        "GaussianDropout",
        "GaussianNoise",
        "SpatialDropout1D",
        "SpatialDropout2D",
        "SpatialDropout3D",
    ]
)
"""Layers that do nothing at inference."""
_OWN_WAYS = ("test_step", "make_test_function", "compute_loss", "compute_metrics", "call")


def is_additive(model: keras.Model) -> bool:
    """Whether a model's loss and metrics are known to be sums over examples.

    Args:
        model: A compiled model.

    Returns:
        False if anything in it is not Keras's own, or not known for it.
    """
    if not type(model).__module__.startswith("keras.") or vars(model).keys() & set(_OWN_WAYS):
        return False
    compiled = model._compile_config.config if model._compile_config else {}
    losses = keras.tree.flatten(compiled.get("loss"))
    metrics = keras.tree.flatten((compiled.get("metrics"), compiled.get("weighted_metrics")))
    return (
        all(_is_additive_loss(loss) for loss in losses if loss is not None)
        and all(_is_additive_metric(metric) for metric in metrics if metric is not None)
        and fixed_batch_size(model) is None
        and not any(hasattr(output, "_keras_mask") for output in model.outputs)
        and all(_keeps_examples_apart(layer) for layer in _operations(model))
    )


def _is_additive_loss(loss: Any) -> bool:
    if isinstance(loss, keras.Loss):
        default = loss.reduction == "sum_over_batch_size"
        return default and _is_mean_of_a_number_an_example(loss)
    return _is_known(_function(keras.losses, loss))


def _is_additive_metric(metric: Any) -> bool:
    if isinstance(metric, keras.Metric):
        kind = type(metric)
        own = kind.__module__.startswith("keras.") and kind.__name__ in _METRICS
        return _is_untouched(metric) and (own or _is_mean_of_a_number_an_example(metric))
    if isinstance(metric, str):
        known = _named(keras.metrics, metric)
        return known is not None and _is_additive_metric(known)
    return _is_known(metric)


def _is_mean_of_a_number_an_example(value: keras.Loss | keras.Metric) -> bool:
    """Whether it is Keras's own wrapper of a function of the list, along the last axis."""
    function = getattr(value, "fn", None) or getattr(value, "_fn", None)
    arguments = getattr(value, "_fn_kwargs", {})
    return (
        type(value).__module__.startswith("keras.")
        and _is_untouched(value)
        and _is_known(function)
        and arguments.get("axis", -1) == -1
        and arguments.get("ignore_class") is None
    )


def _is_untouched(value: Any) -> bool:
    """Whether no method was replaced on an instance."""
    methods = (name for name, held in vars(value).items() if callable(held))
    return not any(hasattr(type(value), name) for name in methods)


def _function(module: Any, named: Any) -> Any:
    """Return the function that a string stands for."""
    return _named(module, named) if isinstance(named, str) else named


def _named(module: Any, name: str) -> Any:
    if module is keras.metrics and name in ("accuracy", "acc", "crossentropy", "ce"):
        return keras.metrics.categorical_accuracy  # Keras chooses one of several by the shapes
    try:
        return module.get(name)
    except ValueError:  # Keras says so when it compiles
        return None


def _is_known(function: Any) -> bool:
    name = getattr(function, "__name__", None)
    if name not in _FUNCTIONS:
        return False
    return any(getattr(module, name, None) is function for module in (keras.losses, keras.metrics))


def _operations(model: keras.Model) -> list[Any]:
    """Return all that a model calls, and what that is made of."""
    graph = model._functional if isinstance(model, keras.Sequential) else model
    called = list(getattr(graph, "_operations", [model]))
    return [*called, *model._flatten_layers(include_self=False)]


def _keeps_examples_apart(operation: Any) -> bool:
    kind = type(operation)
    if not kind.__module__.startswith("keras."):
        return False
    if not isinstance(operation, keras.Layer):
        # A constant with more dimensions than the examples would move them to another axis.
        batches = [one.shape[:1] for node in operation._inbound_nodes for one in node.outputs]
        return kind.__name__ in _OPERATIONS and all(first == (None,) for first in batches)
    if getattr(operation, "stateful", False) or operation.activity_regularizer is not None:
        return False
    axes = getattr(operation, "axis", None)
    if 0 in (axes if isinstance(axes, list | tuple) else [axes]):
        return False
    return is_constant(operation) or kind.__name__ in _ONLY_IN_TRAINING
