"""Texts as 0/1 features, one a word, inside the model.

Keras's `TextVectorization` says what a word is: what stands between white space, without
punctuation, the letters A to Z in lower case. Whether a word is there, not how often nor how rare
it is, is what pays for texts such as reviews (Chollet, Deep Learning with Python, 2nd edition,
section 11.3.2), and it is of the size of the other features.
"""

import re
from collections import Counter
from typing import Any

from pipeline.datasets.rows import Array

_PUNCTUATION = re.compile(rb"""[!"#$%&()\*\+,\-./:;<=>?@\[\\\]^_`{|}~']""")
_NO_WORD = " "  # which no text has as one


def frequent_words(texts: Array, max_tokens: int) -> tuple[str, ...]:
    """Return the words that stand in most texts, leaving out those that stand in all.

    As with other features that are the same in all training examples, nothing would be learnt of
    what stands in all of them.

    Args:
        texts: Strings, `(n,)`.
        max_tokens: How many words at most.

    Returns:
        The words, the most frequent first and those of one frequency in alphabetical order; one
        that no text can have if there is none.
    """
    # To lower and to split bytes means the same to Python as to TensorFlow.
    counts = Counter(
        word for text in texts for word in {*_PUNCTUATION.sub(b"", text.encode().lower()).split()}
    )
    telling = [(-count, word) for word, count in counts.items() if count < len(texts)]
    words = tuple(word.decode() for _, word in sorted(telling)[:max_tokens])
    return words or (_NO_WORD,)


def word_features(texts: Any, words: tuple[str, ...]) -> Any:
    """Return for each text whether it has each of some words.

    Args:
        texts: Symbolic strings, `(n,)`.
        words: What `frequent_words` gave.

    Returns:
        Symbolic float32 numbers 0 and 1, `(n, number of words)`.
    """
    import keras

    to_words = keras.layers.TextVectorization(output_mode="multi_hot", vocabulary=[*words])
    # The first is for all other words.
    return keras.ops.cast(to_words(texts)[:, 1:], "float32")
