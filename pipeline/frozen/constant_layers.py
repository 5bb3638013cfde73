"""Keras's layers that give the same for the same example in every step, if no weight is trained.

`tests/frozen/test_constant_layers.py` makes the list: it runs each layer that Keras exports,
frozen, in training and at inference, twice and in other batches, and looks at what its variables
became.
"""

from typing import Any

import keras

from pipeline.frozen.sameness import overridden

_CONSTANT = frozenset(
    [
        "Activation",
        "AdaptiveAveragePooling1D",
        "AdaptiveAveragePooling2D",
        "AdaptiveAveragePooling3D",
        "AdaptiveMaxPooling1D",
        "AdaptiveMaxPooling2D",
        "AdaptiveMaxPooling3D",
        "Add",
        "AdditiveAttention",
        "Attention",
        "AutoContrast",
        "Average",
        "AveragePooling1D",
        "AveragePooling2D",
        "AveragePooling3D",
        "BatchNormalization",
        "Bidirectional",
        "CategoryEncoding",
        "CenterCrop",
        "Concatenate",
        "ContrastLimitedAdaptiveHistogramEqualization",
        "Conv1D",
        "Conv1DTranspose",
        "Conv2D",
        "Conv2DTranspose",
        "Conv3D",
        "Conv3DTranspose",
        "ConvLSTM1D",
        "ConvLSTM2D",
        "ConvLSTM3D",
        "ConvLSTMCell",
        "Cropping1D",
        "Cropping2D",
        "Cropping3D",
        "Dense",
        "DepthwiseConv1D",
        "DepthwiseConv2D",
        "Discretization",
        "Dot",
        "ELU",
        "EinsumDense",
        "Embedding",
        "Flatten",
        "Functional",
        "GRU",
        "GRUCell",
        "GlobalAveragePooling1D",
        "GlobalAveragePooling2D",
        "GlobalAveragePooling3D",
        "GlobalMaxPooling1D",
        "GlobalMaxPooling2D",
        "GlobalMaxPooling3D",
        "GroupNormalization",
        "GroupedQueryAttention",
        "HashedCrossing",
        "Hashing",
        "Identity",
        "InputLayer",
        "IntegerLookup",
        "LSTM",
        "LSTMCell",
        "LayerNormalization",
        "LeakyReLU",
        "Masking",
        "MaxPooling1D",
        "MaxPooling2D",
        "MaxPooling3D",
        "Maximum",
        "MelSpectrogram",
        "Minimum",
        "MultiHeadAttention",
        "Multiply",
        "Normalization",
        "PReLU",
        "Permute",
        "Pipeline",
        "RMSNormalization",
        "RNN",
        "ReLU",
        "RepeatVector",
        "Rescaling",
        "Reshape",
        "Resizing",
        "ReversibleEmbedding",
        "STFTSpectrogram",
        "SeparableConv1D",
        "SeparableConv2D",
        "Sequential",
        "SimpleRNN",
        "SimpleRNNCell",
        "Softmax",
        "StackedRNNCells",
        "StringLookup",
        "Subtract",
        "TextVectorization",
        "TimeDistributed",
        "UnitNormalization",
        "UpSampling1D",
        "UpSampling2D",
        "UpSampling3D",
        "ZeroPadding1D",
        "ZeroPadding2D",
        "ZeroPadding3D",
    ]
)
_ONLY_AT_INFERENCE = frozenset(
    [
        "AlphaDropout",
        "CutMix",
        "Dropout",
        "Equalization",
        "GaussianDropout",
        "GaussianNoise",
        "RandomBrightness",
        "RandomContrast",
        "RandomCrop",
        "RandomElasticTransform",
        "RandomErasing",
        "RandomFlip",
        "RandomGaussianBlur",
        "RandomInvert",
        "RandomPerspective",
        "RandomRotation",
        "RandomShear",
        "RandomTranslation",
        "RandomZoom",
        "Solarization",
        "SpatialDropout1D",
        "SpatialDropout2D",
        "SpatialDropout3D",
        "SpectralNormalization",
    ]
)
_DROPPING = frozenset(
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
"""Of these, those that do nothing in training either if their rate is 0."""
_RATES = ("rate", "stddev", "dropout", "recurrent_dropout")
_ACTIVATIONS = frozenset(
    vars(module)[name]
    for module in (keras.activations, keras.ops)
    for name in vars(keras.activations)
    if name in vars(module) and callable(vars(module)[name])
)


def is_constant(layer: keras.Layer) -> bool:
    """Whether a layer is one of Keras's that give the same in training and at inference.

    Args:
        layer: It has no weight that is trained, no activity regularizer, and, if it is made of
            others, each of them is asked for apart.
    """
    never = type(layer).__name__ in _ONLY_AT_INFERENCE - _DROPPING
    return is_constant_at_inference(layer) and not never and not draws(layer)


def is_constant_at_inference(layer: keras.Layer) -> bool:
    """Whether a layer is one of Keras's that give the same for an example in every batch.

    Args:
        layer: As for `is_constant`, but that it may be trained.
    """
    kind = type(layer)
    return (
        kind.__module__.startswith("keras.")
        and kind.__name__ in _CONSTANT | _ONLY_AT_INFERENCE
        and not overridden(layer)
        and not getattr(layer, "stateful", False)
        and not _depends_on_the_batch(layer)
        and all(function in _ACTIVATIONS for function in _functions(layer))
    )


def draws(layer: keras.Layer) -> bool:
    """Whether a layer draws random numbers in training, even if it is called with `training=False`.

    Keras 3 passes on what the whole model is called with.
    """
    rates = [getattr(layer, name) for name in _RATES if hasattr(layer, name)]
    return bool(layer._seed_generators) and (not rates or any(rate != 0 for rate in rates))


def _depends_on_the_batch(layer: Any) -> bool:
    if isinstance(layer, keras.layers.TextVectorization):
        # It makes texts as long as the longest of the batch.
        return layer._output_mode == "int" and layer._output_sequence_length is None
    if type(layer).__name__.endswith("Cell"):
        # Cells of recurrent layers draw what they do not drop at inference too, once a batch, so
        # that a training goes on with other random numbers.
        return draws(layer)
    if isinstance(layer, keras.layers.MelSpectrogram):
        # Keras 3.15 cuts off what is `top_db` below the loudest example of the batch.
        return bool(layer.power_to_db)
    return False


def _functions(layer: Any) -> list[Any]:
    """Return the functions that a layer calls and that somebody has chosen."""
    names = ("activation", "recurrent_activation", "_standardize", "_split")
    held = [getattr(layer, name, None) for name in names]
    return [one for one in held if callable(one) and not isinstance(one, keras.Layer)]
