"""Whether a validation gives the same, however its examples are batched.

Keras's default loss and most of its metrics are sums over examples, divided by their number. Others
are not: a loss with `reduction="sum"` grows with the batch, R² as a function is one number a batch,
an in-batch loss compares the examples of a batch. `tests/training/test_additive.py` makes the
lists: it evaluates each loss, metric and layer that Keras exports in batches of several sizes.
"""

from collections.abc import Callable
from typing import Any

import keras

from pipeline.frozen.constant_layers import is_constant_at_inference
from pipeline.frozen.mixing import mixes_examples
from pipeline.frozen.model_graph import (
    fixed_batch_size,
    graph_of,
    is_masked,
    layers_of,
    operations,
)
from pipeline.frozen.sameness import is_keras_own, overridden
from pipeline.training.compile_arguments import compile_arguments

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
        "concordance_correlation",
        "cosine_similarity",
        "hinge",
        "huber",
        "kl_divergence",
        "log_cosh",
        "mean_absolute_error",
        "mean_absolute_percentage_error",
        "mean_squared_error",
        "mean_squared_logarithmic_error",
        "pearson_correlation",
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
        "Abs",
        "Absolute",
        "Add",
        "Arctan",
        "Cast",
        "Ceil",
        "Celu",
        "Clip",
        "Cos",
        "Divide",
        "Elu",
        "Equal",
        "Erf",
        "Exp",
        "Expm1",
        "Floor",
        "Gelu",
        "Greater",
        "GreaterEqual",
        "HardShrink",
        "HardSigmoid",
        "HardSilu",
        "HardTanh",
        "LeakyRelu",
        "Less",
        "LessEqual",
        "Log",
        "Log10",
        "Log1p",
        "Log2",
        "LogSigmoid",
        "LogicalAnd",
        "LogicalNot",
        "LogicalOr",
        "Maximum",
        "Minimum",
        "Multiply",
        "Negative",
        "NotEqual",
        "Power",
        "Reciprocal",
        "Relu",
        "Relu6",
        "Round",
        "Rsqrt",
        "Selu",
        "Sigmoid",
        "Sign",
        "Silu",
        "Sin",
        "SoftShrink",
        "Softplus",
        "Softsign",
        "Sqrt",
        "Square",
        "Squareplus",
        "StopGradient",
        "Subtract",
        "Tanh",
        "TanhShrink",
        "TrueDivide",
    ]
)
"""Of `keras.ops`: each number by itself."""
_ALONG_AXES = frozenset(
    [
        "All",
        "Any",
        "Concatenate",
        "ExpandDims",
        "LogSoftmax",
        "Max",
        "Mean",
        "Min",
        "Softmax",
        "Sum",
    ]
)
"""Of `keras.ops`: along axes, of which `mixes_examples` knows."""
_PRECISE = ("float32", "float64", "int64")
"""Types in which a sum is the same, but for its last digits, in whatever order it is made."""
_CHOSEN = {keras.losses: ("crossentropy", "ce"), keras.metrics: ("accuracy", "acc")}
"""For which Keras takes one of several functions of the list, by the shapes."""


def is_additive(model: keras.Model) -> bool:
    """Whether a model's loss and metrics are known to be sums over examples.

    Args:
        model: A compiled model.

    Returns:
        False if anything in it is not Keras's own, or not known for it; or if it has several
        outputs: the loss of each is reported as the mean of all batches, the last of which has as
        much weight as any other (`CompileLoss.call`, whose batches have no static size).
    """
    if not type(model).__module__.startswith("keras.") or overridden(model):
        return False
    if graph_of(model) is None:  # a sequential one with a layer that does not tell its shape
        return False
    compiled = compile_arguments(model)
    losses = keras.tree.flatten(compiled.get("loss"))
    metrics = keras.tree.flatten((compiled.get("metrics"), compiled.get("weighted_metrics")))
    return (
        keras.config.floatx() in _PRECISE
        and all(_is_additive_loss(loss) for loss in losses if loss is not None)
        and all(_is_additive_metric(metric) for metric in metrics if metric is not None)
        and fixed_batch_size(model) is None
        and len(model.outputs) == 1
        and all(map(_has_a_row_an_example, model.outputs))
        and all(map(_keeps_examples_apart, _operations(model)))
    )


def _is_additive_loss(loss: Any) -> bool:
    if isinstance(loss, str):
        return _stands_for(keras.losses, loss, _is_additive_loss)
    if isinstance(loss, keras.Loss):
        mean = loss.reduction in ("sum_over_batch_size", "mean")
        return mean and _is_mean_of_a_number_an_example(loss)
    return _is_known(loss)


def _is_additive_metric(metric: Any) -> bool:
    if isinstance(metric, str):
        return _stands_for(keras.metrics, metric, _is_additive_metric)
    if isinstance(metric, keras.Metric):
        return _adds_up(metric) or _is_mean_of_a_number_an_example(metric)
    return _is_known(metric)


def _adds_up(metric: keras.Metric) -> bool:
    """Whether it is one of the list."""
    kind = type(metric)
    known = kind.__module__.startswith("keras.") and kind.__name__ in _METRICS
    classes_are_last = "IoU" not in kind.__name__ or metric.axis == -1
    return known and _is_plain(metric) and classes_are_last


def _is_mean_of_a_number_an_example(value: keras.Loss | keras.Metric) -> bool:
    """Whether it is Keras's own wrapper of a function of the list, along the last axis."""
    function = getattr(value, "fn", None) or getattr(value, "_fn", None)
    arguments = getattr(value, "_fn_kwargs", {})
    return (
        type(value).__module__.startswith("keras.")
        and _is_plain(value)
        and _is_known(function)
        and arguments.get("axis", -1) == -1
        and arguments.get("ignore_class") is None
    )


def _is_plain(value: keras.Loss | keras.Metric) -> bool:
    """Whether it adds up in the way of its class, and with enough digits."""
    return not overridden(value) and value.dtype in _PRECISE


def _stands_for(module: Any, name: str, is_additive: Callable[[Any], bool]) -> bool:
    """Whether what Keras will take for a string is additive."""
    if name.lower() in _CHOSEN[module]:
        return True
    try:
        return is_additive(module.get(name))
    except ValueError:  # Keras says so when it compiles
        return False


def _is_known(function: Any) -> bool:
    """Whether it is a function of the list, and Keras's own."""
    if getattr(function, "__name__", None) not in _FUNCTIONS:
        return False
    module = str(function.__module__)
    return module.startswith(("keras.src.losses.", "keras.src.metrics.")) and is_keras_own(function)


def _has_a_row_an_example(output: Any) -> bool:
    """Whether a mean along an output's last axis is one of an example, and none is masked."""
    return len(output.shape) > 1 and not is_masked(output)


def _operations(model: keras.Model) -> list[Any]:
    """Return all that a model calls, and what that is made of."""
    called = operations(model) or [model]
    return [*called, *layers_of(model)[1:]]


def _keeps_examples_apart(operation: Any) -> bool:
    if mixes_examples(operation):
        return False
    if isinstance(operation, keras.Layer):
        return operation.activity_regularizer is None and is_constant_at_inference(operation)
    kind = type(operation)
    return kind.__module__.startswith("keras.") and kind.__name__ in _OPERATIONS | _ALONG_AXES
