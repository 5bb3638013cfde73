"""For every argument of every class that Keras exports, another value than its default."""

import inspect
from collections.abc import Iterator
from typing import Any

import keras
import keras_layers
from keras import layers
from keras_layers import resolved

PACKAGES = ("losses", "metrics", "optimizers", "optimizers.schedules", "regularizers")
PACKAGES += ("constraints", "initializers", "layers", "quantizers", "dtype_policies")
ABSTRACT = {"Constraint", "Initializer", "LearningRateSchedule", "Metric", "Optimizer", "Regularizer"}
ABSTRACT |= {"QuantizationConfig", "Quantizer", "Loss"}

_SCHEDULE = {"initial_learning_rate": 0.1, "decay_steps": 10}
_DECAY = _SCHEDULE | {"decay_rate": 0.5}
_CALIBRATION = {"dataset": ["a"], "tokenizer": lambda: None}
REQUIRED: dict[str, dict[str, Any]] = {
    "AWQConfig": _CALIBRATION,
    "AWQDTypePolicy": {"mode": "awq/4/128", "source_name": "float32"},
    "CosineDecay": _SCHEDULE,
    "CosineDecayRestarts": {"initial_learning_rate": 0.1, "first_decay_steps": 10},
    "DTypePolicy": {"name": "float32"},
    "ExponentialDecay": _DECAY,
    "GPTQConfig": _CALIBRATION,
    "GPTQDTypePolicy": {"mode": "gptq/4/128", "source_name": "float32"},
    "Int4DTypePolicy": {"mode": "int4/128", "source_name": "float32"},
    "InverseTimeDecay": _DECAY,
    "IoU": {"num_classes": 2, "target_class_ids": [0]},
    "LossScaleOptimizer": {"inner_optimizer": lambda: keras.optimizers.SGD()},
    "MeanIoU": {"num_classes": 2},
    "MeanMetricWrapper": {"fn": keras.losses.mean_squared_error},
    "MultiOptimizer": {"optimizer_map": lambda: _optimizers("SGD")},
    "OneHotIoU": {"num_classes": 2, "target_class_ids": [0]},
    "OneHotMeanIoU": {"num_classes": 2},
    "OptimizerMap": {"default_optimizer": lambda: keras.optimizers.SGD()},
    "PiecewiseConstantDecay": {"boundaries": [10], "values": [0.1, 0.01]},
    "PolynomialDecay": _SCHEDULE,
    "PrecisionAtRecall": {"recall": 0.5},
    "QuantizedDTypePolicy": {"mode": "int8", "source_name": "float32"},
    "QuantizedFloat8DTypePolicy": {"mode": "float8", "source_name": "float32"},
    "RecallAtPrecision": {"precision": 0.5},
    "SensitivityAtSpecificity": {"specificity": 0.5},
    "SpecificityAtSensitivity": {"sensitivity": 0.5},
}


def _optimizers(kind: str) -> Any:
    return keras.optimizers.OptimizerMap(getattr(keras.optimizers, kind)())


OTHERS: dict[str, Any] = {
    "activation": "relu",
    "recurrent_activation": "relu",
    "activation_quantizer": lambda: keras.quantizers.AbsMaxQuantizer(axis=-1),
    "weight_quantizer": lambda: keras.quantizers.AbsMaxQuantizer(axis=-1),
    "arguments": {"x": 1},
    "attention_axes": 1,
    "average": "macro",
    "axes": {0: 4},
    "Dot.axes": -1,
    "axis": 1,
    "backward_layer": lambda: layers.LSTM(3, go_backwards=True),
    "batch_shape": (3, 4),
    "batch_size": 3,
    "bias_axes": "c",
    "bin_boundaries": [0.0, 0.7],
    "boundaries": [20],
    "cell": lambda: layers.GRUCell(3),
    "cells": lambda: [layers.GRUCell(2)],
    "class_aggregation": "variance_weighted_average",
    "class_id": 1,
    "cropping": 2,
    "curve": "PR",
    "data_format": "channels_first",
    "dataset": ["b"],
    "default_optimizer": lambda: keras.optimizers.Adam(),
    "default_policy": "float16",
    "dims": (1, 2),
    "distribution": "uniform",
    "dtype": "float16",
    "encoding": "latin-1",
    "equation": "ab,bd->ad",
    "exclude_layers": ["dense"],
    "factor": 6,
    "fill_mode": "nearest",
    "RandomErasing.fill_value": 1.0,
    "flash_attention": True,
    "fn": keras.losses.mean_absolute_error,
    "frame_step": 4,
    "fft_length": 32,
    "function": keras.ops.relu,
    "groups": 2,
    "GroupNormalization.groups": 4,
    "idf_weights": [0.1, 0.2, 0.3],
    "inner_optimizer": lambda: keras.optimizers.Adam(),
    "input_axes": (0,),
    "interpolation": "nearest",
    "layer": lambda: layers.Dense(3),
    "Bidirectional.layer": lambda: layers.GRU(2),
    "layers": lambda: [layers.Rescaling(2.0), layers.Rescaling(4.0)],
    "mask_token": "",
    "merge_mode": "sum",
    "method": "other",
    "OrthogonalRegularizer.mode": "columns",
    "VarianceScaling.mode": "fan_out",
    "RandomFlip.mode": "horizontal",
    "STFTSpectrogram.mode": "magnitude",
    "AWQDTypePolicy.mode": "awq/4/64",
    "GPTQDTypePolicy.mode": "gptq/4/64",
    "Int4DTypePolicy.mode": "int4/64",
    "mean": 0.5,
    "ngrams": 2,
    "noise_shape": (1, 4),
    "oov_method": "other",
    "oov_token": -7,
    "StringLookup.oov_token": "?",
    "optimizer_map": lambda: {"dense": keras.optimizers.Adam()},
    "MultiOptimizer.optimizer_map": lambda: _optimizers("Adam"),
    "output_axes": (1,),
    "output_dtype": "uint8",
    "output_mode": "one_hot",
    "TextVectorization.output_mode": "count",
    "output_padding": 0,
    "output_shape": 3,
    "padding": "same",
    "ZeroPadding1D.padding": 2,
    "ZeroPadding2D.padding": 2,
    "ZeroPadding3D.padding": 2,
    "policy_map": {"dense": "float16"},
    "pool_size": 3,
    "quantization_config": "int8",
    "quantization_layer_structure": {"a": 1},
    "reduction": "sum",
    "rate": 0.25,
    "reverse_dtype": "float16",
    "salt": 3,
    "scale": (0.1, 0.2),
    "Rescaling.scale": 3.0,
    "VarianceScaling.scale": 2.0,
    "scaling": "spectrum",
    "score_mode": "concat",
    "shape": (5,),
    "shared_axes": [1],
    "side": "imag",
    "source_name": "mixed_float16",
    "split": "character",
    "standardize": "lower",
    "strides": 2,
    "summation_method": "majoring",
    "target_class_ids": [1],
    "target_shape": (4, 1),
    "tile_grid_size": (4, 4),
    "tokenizer": lambda: len,
    "top_k": 2,
    "kernel_size": 2,
    "value_range": (0, 1),
    "values": [0.1, 0.02],
    "variance": 2.0,
    "vocabulary": ["a", "b", "d"],
    "IntegerLookup.vocabulary": [1, 2, 4],
    "vocabulary_dtype": "int32",
    "weights": [[[0.1] * 2] * 4],
    "window": "hamming",
    "size": 3,
    "ignore_class": 1,
    "num_labels": 3,
    "label_weights": [0.5, 0.5],
    "clipnorm": 1.0, "clipvalue": 1.0, "global_clipnorm": 1.0, "gradient_accumulation_steps": 2,
    "loss_scale_factor": 2.0, "weight_decay": 0.1, "ema_overwrite_frequency": 2,
    "use_cudnn": False,
}
OTHERS |= dict.fromkeys(["brightness_factor", "contrast_factor", "hue_factor", "saturation_factor"], 0.5)
_NUMBERS = """decay_rate decay_steps filters first_decay_steps head_dim height height_factor
  initial_learning_rate input_dim key_dim logit_soft_cap lora_alpha lora_rank max_freq max_ndim max_number
  max_tokens max_value min_ndim n ndim num_bins num_classes num_heads num_key_value_heads num_query_heads
  num_tokens output_dim output_sequence_length output_size precision recall recurrent rms q renorm_clipping
  seed sensitivity sequence_length sliding_window specificity stddev threshold thresholds units value_dim
  warmup_target width width_factor gptq_unpacked_column_size mask_value""".split()


def of(kind):
    name = kind.__name__
    if name in REQUIRED: return REQUIRED[name]
    if name in keras_layers.CASES: return keras_layers.CASES[name].arguments
    return {}


def arguments(kind: type) -> list[str]:
    """Return the names of a constructor's arguments."""
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    parameters = list(inspect.signature(kind.__init__).parameters.values())[1:]
    return [one.name for one in parameters if one.kind in kinds]


def other(kind: type, name: str) -> Any:
    parameter = inspect.signature(kind.__init__).parameters[name]
    default = of(kind).get(name, parameter.default)
    specific = f"{kind.__name__}.{name}"
    if specific in OTHERS: return OTHERS[specific]
    if name.endswith("initializer"): return "he_normal"
    if name.endswith("regularizer"): return "l2"
    if name.endswith("constraint"): return "non_neg"
    if name == "name": return "other"
    if isinstance(default, bool): return not default
    if isinstance(default, (int,float)) and name not in ("axis",): 
        return default + 1 if isinstance(default,int) else (default*0.5 if default else 0.25)
    if name in OTHERS: return OTHERS[name]
    if name in _NUMBERS: return 3
    raise LookupError(specific)


def exported(package: str) -> dict[str, type]:
    """Return the classes of one of Keras's packages, each by the name that it calls itself."""
    module: Any = keras
    for part in package.split("."):
        module = getattr(module, part)
    return {value.__name__: value for value in vars(module).values() if inspect.isclass(value)}
