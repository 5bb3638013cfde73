"""For every argument of every class that Keras exports, another value than its default."""

import inspect
from typing import Any

import keras
import numpy as np
from keras import layers

from tests import keras_layers
from tests.keras_layers import resolved

_PACKAGES = ("losses", "metrics", "optimizers", "optimizers.schedules", "regularizers")
_PACKAGES += ("constraints", "initializers", "layers", "quantizers", "dtype_policies")
ABSTRACT = {"Constraint", "Initializer", "LearningRateSchedule", "Loss", "Metric", "Optimizer"}
ABSTRACT |= {"QuantizationConfig", "Quantizer", "Regularizer"}
NOT_MADE = keras_layers.NOT_MADE | dict.fromkeys(ABSTRACT, "computes nothing itself")
NOT_ALIKE = {"RandomCrop": "keeps a seed that it has drawn, whatever is in its variable"}
UNREADABLE = {
    "AugMix": "draws from Python's generator while it is traced",
    "AWQConfig": "has a tokenizer, and is used before a training",
    "GPTQConfig": "has a tokenizer, and is used before a training",
}
NOT_COMPARED = {
    "Embedding.weights": "are in the variable, whose value is kept apart",
    "InputLayer.input_tensor": "is where shape and dtype are taken from",
    "IntegerLookup.vocabulary_dtype": "can only be int64",
    "QuantizedDTypePolicy.mode": "can only be int8",
    "QuantizedFloat8DTypePolicy.mode": "can only be float8",
    "SimpleRNN.activity_regularizer": "is forgotten by Keras 3.15",
}

_SCHEDULE = {"initial_learning_rate": 0.1, "decay_steps": 10}
_QUANTIZED = {"source_name": "float32"}
REQUIRED: dict[str, dict[str, Any]] = {
    "AWQDTypePolicy": _QUANTIZED | {"mode": "awq/4/128"},
    "CosineDecay": _SCHEDULE,
    "CosineDecayRestarts": {"initial_learning_rate": 0.1, "first_decay_steps": 10},
    "ExponentialDecay": _SCHEDULE | {"decay_rate": 0.5},
    "GPTQDTypePolicy": _QUANTIZED | {"mode": "gptq/4/128"},
    "Int4DTypePolicy": _QUANTIZED | {"mode": "int4/128"},
    "InverseTimeDecay": _SCHEDULE | {"decay_rate": 0.5},
    "IoU": {"num_classes": 2, "target_class_ids": [0]},
    "LossScaleOptimizer": {"inner_optimizer": lambda: keras.optimizers.SGD()},
    "MeanIoU": {"num_classes": 2},
    "MeanMetricWrapper": {"fn": keras.losses.mean_squared_error},
    "MultiOptimizer": {"optimizer_map": lambda: _optimizers(keras.optimizers.SGD())},
    "OneHotIoU": {"num_classes": 2, "target_class_ids": [0]},
    "OneHotMeanIoU": {"num_classes": 2},
    "OptimizerMap": {"default_optimizer": lambda: keras.optimizers.SGD()},
    "PiecewiseConstantDecay": {"boundaries": [10], "values": [0.1, 0.01]},
    "PolynomialDecay": _SCHEDULE,
    "PrecisionAtRecall": {"recall": 0.5},
    "QuantizedDTypePolicy": _QUANTIZED | {"mode": "int8"},
    "QuantizedFloat8DTypePolicy": _QUANTIZED | {"mode": "float8"},
    "RecallAtPrecision": {"precision": 0.5},
    "SensitivityAtSpecificity": {"specificity": 0.5},
    "SpecificityAtSensitivity": {"sensitivity": 0.5},
}
_TF_IDF = {"output_mode": "tf_idf", "idf_weights": [0.3, 0.2, 0.1]}
_MANY = {"output_mode": "multi_hot"}
WITH: dict[str, dict[str, Any]] = {
    "AUC.label_weights": {"multi_label": True, "num_labels": 3},
    "AUC.num_labels": {"multi_label": True},
    "Discretization.num_bins": {"bin_boundaries": None, "num_bins": 2},
    "Discretization.sparse": _MANY,
    "HashedCrossing.sparse": {"output_mode": "one_hot"},
    "Hashing.sparse": _MANY,
    "Conv1DTranspose.output_padding": {"strides": 2},
    "Conv2DTranspose.output_padding": {"strides": 2},
    "Conv3DTranspose.output_padding": {"strides": 2},
    "InputLayer.batch_shape": {"shape": None, "batch_shape": (2, 4)},
    "Int4QuantizationConfig.activation_quantizer": {"block_size": None},
    "Int4QuantizationConfig.weight_quantizer": {"block_size": None},
    "IntegerLookup.idf_weights": _TF_IDF,
    "IntegerLookup.pad_to_max_tokens": _MANY | {"max_tokens": 9},
    "IntegerLookup.salt": {"oov_method": "farmhash"},
    "IntegerLookup.sparse": _MANY,
    "Normalization.mean": {"mean": 0.1, "variance": 1.0},
    "Normalization.variance": {"mean": 0.1, "variance": 1.0},
    "StringLookup.idf_weights": _TF_IDF,
    "StringLookup.pad_to_max_tokens": _MANY | {"max_tokens": 9},
    "StringLookup.sparse": _MANY,
    "TextVectorization.idf_weights": _TF_IDF,
    "TextVectorization.pad_to_max_tokens": _MANY | {"max_tokens": 9},
    "TextVectorization.sparse": _MANY,
}
"""What an argument can only be given with; both instances are."""
_QUANTIZER = {"activation_quantizer", "weight_quantizer"}
OTHERS: dict[str, Any] = {
    **dict.fromkeys(["activation", "recurrent_activation"], "relu"),
    **dict.fromkeys(_QUANTIZER, lambda: _quantizer(-127, 127)),
    "Int4QuantizationConfig.weight_quantizer": lambda: _quantizer(-8, 7),
    **dict.fromkeys(["brightness_factor", "contrast_factor", "hue_factor"], 0.5),
    **dict.fromkeys(["clipnorm", "clipvalue", "global_clipnorm", "weight_decay"], 0.5),
    **dict.fromkeys(["saturation_factor", "threshold", "thresholds", "width_factor"], 0.25),
    **dict.fromkeys(["input_axes", "output_axes", "noise_shape", "shared_axes"], (1,)),
    "arguments": {"x": 1},
    "attention_axes": 1,
    "AUC.thresholds": [0.5],
    "average": "macro",
    "AWQDTypePolicy.mode": "awq/4/64",
    "axes": {0: 4},
    "axis": 1,
    "backward_layer": lambda: layers.LSTM(3, go_backwards=True),
    "batch_shape": (3, 4),
    "bias_axes": "c",
    "Bidirectional.layer": lambda: layers.GRU(2),
    "bin_boundaries": [0.0, 0.7],
    "boundaries": [20],
    "cell": lambda: layers.GRUCell(3),
    "cells": lambda: [layers.GRUCell(2)],
    "class_aggregation": "variance_weighted_average",
    "class_id": 1,
    "cropping": 2,
    "curve": "PR",
    "data_format": "channels_first",
    "default_optimizer": lambda: keras.optimizers.Adam(),
    "default_policy": "float16",
    "dilation_rate": 2,
    "dims": (1, 2),
    "distribution": "uniform",
    "Dot.axes": -1,
    "dtype": "float16",
    "DTypePolicy.name": "float16",
    "encoding": "latin-1",
    "equation": "ab,bd->ad",
    "exclude_layers": ["dense"],
    "fft_length": 32,
    "fill_mode": "nearest",
    "FloatDTypePolicy.name": "float16",
    "flash_attention": True,
    "fn": keras.losses.mean_absolute_error,
    "function": keras.ops.relu,
    "GPTQDTypePolicy.mode": "gptq/4/64",
    "idf_weights": [0.1, 0.2, 0.3],
    "inner_optimizer": lambda: keras.optimizers.Adam(),
    "Int4DTypePolicy.mode": "int4/64",
    "IntegerLookup.mask_token": 0,
    "IntegerLookup.vocabulary": [1, 2, 4],
    "interpolation": "nearest",
    "kernel_size": 5,
    "label_weights": [0.5, 0.25, 0.1],
    "layer": lambda: layers.Dense(3),
    "layers": lambda: [layers.Rescaling(2.0), layers.Rescaling(4.0)],
    "mask": keras.ops.relu,
    "mask_token": "",
    "max_tokens": 9,
    "mean": 0.5,
    "merge_mode": "sum",
    "MultiOptimizer.optimizer_map": lambda: _optimizers(keras.optimizers.Adam()),
    "oov_method": "farmhash",
    "oov_token": "?",
    "optimizer_map": lambda: {"dense": keras.optimizers.Adam()},
    "OrthogonalRegularizer.mode": "columns",
    "output_dtype": "uint8",
    "output_mode": "one_hot",
    "output_padding": 1,
    "padding": "same",
    "policy_map": {"dense": "float16"},
    "quantization_config": "int8",
    "QuantizedDTypePolicy.source_name": "bfloat16",
    "RandomErasing.fill_value": 1.0,
    "RandomFlip.mode": "horizontal",
    "reduction": "sum",
    "reverse_dtype": "float16",
    "RandomErasing.scale": (0.1, 0.2),
    "scaling": "spectrum",
    "score_mode": "concat",
    "shape": (5,),
    "side": "imag",
    "source_name": "mixed_float16",
    "split": "character",
    "standardize": "lower",
    "STFTSpectrogram.mode": "magnitude",
    "summation_method": "majoring",
    "target_class_ids": [1],
    "target_shape": (4, 1),
    "TextVectorization.output_mode": "count",
    "tile_grid_size": (4, 4),
    "UpSampling2D.interpolation": "bilinear",
    "use_cudnn": False,
    "value_range": (0, 1),
    "values": [0.1, 0.02],
    "VarianceScaling.mode": "fan_out",
    "vocabulary": ["a", "b", "d"],
    "weights": [np.ones((3, 8))],
    "window": "hamming",
    **dict.fromkeys([f"ZeroPadding{n}D.padding" for n in (1, 2, 3)], 2),
}
_ENDINGS = {"_initializer": "he_normal", "_regularizer": "l2", "_constraint": "non_neg"}


def exported() -> dict[str, type]:
    """Return the classes that Keras exports, each by the name that it calls itself."""
    found: dict[str, type] = {}
    for package in _PACKAGES:
        module: Any = keras
        for part in package.split("."):
            module = getattr(module, part)
        classes = [one for one in vars(module).values() if inspect.isclass(one)]
        found |= {f"{package}.{one.__name__}": one for one in classes}
    return found


def arguments(kind: type) -> list[str]:
    """Return the names of a constructor's arguments."""
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    parameters = list(inspect.signature(kind.__init__).parameters.values())[1:]
    return [one.name for one in parameters if one.kind in kinds]


def made(kind: type, **others: Any) -> Any:
    """Return a new instance with the arguments that it must have, and others."""
    name = kind.__name__
    case = keras_layers.CASES.get(name)
    required = REQUIRED.get(name, {}) if case is None else case.arguments
    return kind(**resolved(required | others))


def pair(kind: type, argument: str) -> tuple[Any, Any]:
    """Return two instances that differ in an argument alone."""
    given = WITH.get(f"{kind.__name__}.{argument}", {})
    return made(kind, **given), made(kind, **given | {argument: _other(kind, argument)})


def _other(kind: type, argument: str) -> Any:
    case = keras_layers.CASES.get(kind.__name__)
    required = REQUIRED.get(kind.__name__, {}) if case is None else case.arguments
    default = inspect.signature(kind.__init__).parameters[argument].default
    default = required.get(argument, default)
    for name in (f"{kind.__name__}.{argument}", argument):
        if name in OTHERS:
            return OTHERS[name]
    for ending, value in _ENDINGS.items():
        if argument.endswith(ending):
            return value
    if argument == "name":
        return "other"
    if isinstance(default, bool):
        return not default
    if isinstance(default, float):
        return default / 2 or 0.25
    return default + 1 if isinstance(default, int) else 3


def _quantizer(*values: int) -> keras.quantizers.AbsMaxQuantizer:
    return keras.quantizers.AbsMaxQuantizer(axis=-1, value_range=values)


def _optimizers(default: keras.optimizers.Optimizer) -> Any:
    return keras.optimizers.OptimizerMap(default)
