"""How raw texts become numbers of words, inside the model, so that it can be served raw texts."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.datasets.rows import Array

_STANDARDIZATIONS = ("lower_and_strip_punctuation", "lower", "strip_punctuation", None)
_SPLITS = ("whitespace", "character")
_UNKNOWN = "[UNK]"  # Keras's name for a word outside the vocabulary
_BATCH_SIZE = 4096
_COVERED = 0.95  # of the training texts are not cut
_MOST_WORDS = 256


@dataclass(frozen=True, eq=False)
class TextEncoding:
    """Turns texts into the numbers of their words, by Keras's `TextVectorization`.

    0 fills up texts that are shorter than others, 1 is a word outside the vocabulary. A text
    without a word is one such word, so that what averages words never divides by none.

    Attributes:
        vocabulary: Words of the training texts, the most frequent first; the first has number 2.
        length: Words that are taken of a text, from its beginning.
        standardize: What is done to a text before, as `TextVectorization` names it.
        split: What a word is: what stands between spaces (`whitespace`), or each `character`.
    """

    vocabulary: tuple[str, ...]
    length: int
    standardize: str | None
    split: str

    @classmethod
    def fit(
        cls,
        texts: Array,
        *,
        max_tokens: int,
        length: int | None,
        standardize: str | None,
        split: str,
    ) -> "TextEncoding":
        """Measure training texts.

        Args:
            texts: `(n,)` Python strings.
            max_tokens: Most numbers there may be, that of the unknown word and 0 included.
            length: Words that are taken of a text; None for as many as 95 % of the texts have, and
                at most 256.
            standardize: `lower_and_strip_punctuation`, `lower`, `strip_punctuation` or None.
            split: `whitespace` or `character`.

        Raises:
            ValueError: An argument is something else, or no text has a word.
        """
        import keras

        cls.check(max_tokens=max_tokens, length=length, standardize=standardize, split=split)
        kind = {"standardize": standardize, "split": split}
        learning = keras.layers.TextVectorization(max_tokens=max_tokens, **kind)
        for batch in _batches(texts):
            learning.update_state(batch)
        learning.finalize_state()
        known = learning.get_vocabulary(include_special_tokens=False)
        words = tuple(str(word) for word in known if word not in ("", _UNKNOWN))
        if not words:
            raise ValueError("no text of the training part has a word: there is nothing to learn")
        return cls(words, length or _usual_length(texts, words, kind), standardize, split)

    @staticmethod
    def check(*, max_tokens: object, length: object, standardize: object, split: object) -> None:
        """Raise a ValueError if an argument of `fit` is wrong."""
        if type(max_tokens) is not int or max_tokens < 3:
            raise ValueError(f"max_tokens must be an integer >= 3, received {max_tokens!r}")
        if length is not None and (type(length) is not int or length < 1):
            raise ValueError(f"length must be an integer >= 1 or null, received {length!r}")
        if standardize not in _STANDARDIZATIONS:
            allowed = ", ".join(one or "null" for one in _STANDARDIZATIONS)
            raise ValueError(f"standardize must be one of {allowed}; received {standardize!r}")
        if split not in _SPLITS:
            raise ValueError(f"split must be one of {', '.join(_SPLITS)}; received {split!r}")

    @property
    def tokens(self) -> int:
        """How many numbers there are: those of the words, of the unknown one, and 0."""
        return len(self.vocabulary) + 2

    def inputs(self) -> tuple[Any, Any]:
        """Return an input of raw texts, and the symbolic int32 numbers of their words, `(length,)`.

        `keras.layers.Embedding(encoding.tokens, dimension, mask_zero=True)` takes them.
        """
        import keras

        raw = keras.Input((), name="text", dtype="string")
        vectorization = keras.layers.TextVectorization(
            vocabulary=list(self.vocabulary),
            output_sequence_length=self.length,
            standardize=self.standardize,
            split=self.split,
        )
        words = keras.ops.cast(vectorization(raw), "int32")
        return raw, keras.ops.maximum(words, np.eye(1, self.length, dtype="int32"))


def _usual_length(texts: Array, words: tuple[str, ...], kind: dict[str, Any]) -> int:
    """Return how many words nearly all texts have at most."""
    import keras

    counting = keras.layers.TextVectorization(vocabulary=list(words), ragged=True, **kind)
    counts = np.concatenate([counting(batch).row_lengths() for batch in _batches(texts)])
    usual: int = math.ceil(np.quantile(counts, _COVERED))
    return min(max(usual, 1), _MOST_WORDS)


def _batches(texts: Array) -> Iterator[Any]:
    """Yield texts as tensors, so many at once that memory does not grow with their number."""
    import tensorflow as tf

    for start in range(0, len(texts), _BATCH_SIZE):
        yield tf.constant(texts[start : start + _BATCH_SIZE], dtype=tf.string)
