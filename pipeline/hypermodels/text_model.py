"""The hypermodel for texts: embedded words, and what is made of them."""

from typing import Any

import keras
import keras_tuner
import numpy as np

from pipeline.datasets.dataset import Dataset
from pipeline.hypermodels.heads import finished, learning_rate
from pipeline.hypermodels.requirements import checked, texts

_KERNEL = 5  # words
_HEADS = 2


class Text(keras_tuner.HyperModel):
    """Embedded words that are averaged, convolved, or read by a GRU or a transformer.

    Searches `encoder` (`pooling`, `convolution`, `gru` or `transformer`), `layers`, `units` (also
    of the embedding), `dropout` and `learning_rate`.

    Args:
        dataset: What the models must fit; its preprocessing is a `TextEncoding`.

    Raises:
        TypeError: `dataset` is none.
        ValueError: Its examples are no texts.

    Example:
        >>> model = Text(dataset=reviews).build(keras_tuner.HyperParameters())
        >>> model.predict(np.array(["what a film"], dtype=object))
    """

    def __init__(self, *, dataset: Dataset) -> None:
        super().__init__()
        self._dataset = checked(dataset)
        self._encoding = texts(dataset, "Text")

    def build(self, hp: keras_tuner.HyperParameters) -> keras.Model:
        """Return a compiled model that takes raw texts."""
        encoder = hp.Choice("encoder", ["pooling", "convolution", "gru", "transformer"])
        layers = hp.Int("layers", min_value=1, max_value=2)
        units = hp.Int("units", min_value=16, max_value=128, step=2, sampling="log")
        dropout = hp.Float("dropout", min_value=0.0, max_value=0.5, step=0.1)

        inputs, words = self._dataset.inputs()
        # Masks are given by hand: attention forgets those of its inputs.
        there = keras.ops.not_equal(words, 0)
        features = keras.layers.Embedding(self._encoding.tokens, units)(words)
        match encoder:
            case "pooling":
                features = _pooled(features, there, units, layers)
            case "convolution":
                features = _convolved(features, units, layers)
            case "gru":
                features = _read(features, there, units, layers)
            case _:
                features = keras.layers.Add()([features, self._placed(words, units)])
                features = _attended(features, there, units, layers, dropout)
        features = keras.layers.Dropout(dropout)(features)
        return finished(inputs, features, self._dataset, learning_rate(hp))

    def _placed(self, words: Any, units: int) -> Any:
        """Return a vector for the place of each word."""
        length = self._encoding.length
        places = keras.ops.minimum(words, 1) * np.arange(length, dtype="int32")
        return keras.layers.Embedding(length, units)(places)


def _pooled(words: Any, there: Any, units: int, layers: int) -> Any:
    """Average the words: Joulin et al., "Bag of Tricks for Efficient Text Classification", 2016."""
    features = keras.layers.GlobalAveragePooling1D()(words, mask=there)
    for _ in range(layers):
        features = keras.layers.Dense(units, activation="relu")(features)
    return features


def _convolved(words: Any, units: int, layers: int) -> Any:
    """Look for phrases: Kim, "Convolutional Neural Networks for Sentence Classification", 2014."""
    for _ in range(layers):
        words = keras.layers.Conv1D(units, _KERNEL, padding="same", activation="relu")(words)
    return keras.layers.GlobalMaxPooling1D()(words)


def _read(words: Any, there: Any, units: int, layers: int) -> Any:
    """Read in both directions."""
    for layer in range(layers):
        gru = keras.layers.GRU(units, return_sequences=layer < layers - 1)
        words = keras.layers.Bidirectional(gru)(words, mask=there)
    return words


def _attended(words: Any, there: Any, units: int, layers: int, dropout: float) -> Any:
    """Average what words make of each other: Vaswani et al., "Attention Is All You Need", 2017."""
    seen = keras.ops.expand_dims(there, 1)  # by every word
    for _ in range(layers):
        attention = keras.layers.MultiHeadAttention(_HEADS, units // _HEADS, dropout=dropout)
        words = _added(words, attention(words, words, attention_mask=seen), dropout)
        inner = keras.layers.Dense(2 * units, activation="relu")(words)
        words = _added(words, keras.layers.Dense(units)(inner), dropout)
    return keras.layers.GlobalAveragePooling1D()(words, mask=there)


def _added(words: Any, change: Any, dropout: float) -> Any:
    change = keras.layers.Dropout(dropout)(change)
    return keras.layers.LayerNormalization(epsilon=1e-6)(keras.layers.Add()([words, change]))
