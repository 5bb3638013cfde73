#!/usr/bin/env bash
# Behind an attention with a residual connection the words that fill up a text count as words.
#
# Keras 3.15.1: `MultiHeadAttention` takes the mask off its inputs when it is called, so that `x + attention(x)` has no
# mask when the model runs, although it has one while the model is built. The second block of a transformer attends to
# the padding; nothing says so. A mask that is given by hand (`attention_mask`, `mask`) is not lost.
# Seen: of two blocks on texts of 3 words, filled up to 3 and to 12, the averages of the words differ by more than 0.01;
# with one block, or with masks given by hand, they agree to 0.00001.
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet keras==3.15.1 tensorflow==2.21.0
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" - <<'PYTHON'
import keras
import numpy as np
from keras import layers


def averages(blocks, by_hand):
    """Of the same words, filled up to two lengths."""
    embedding = layers.Embedding(10, 8, mask_zero=not by_hand)
    attentions = [layers.MultiHeadAttention(2, 4) for _ in range(blocks)]
    results = []
    for length in (3, 12):
        words = keras.Input((length,), dtype="int32")
        there = keras.ops.not_equal(words, 0)
        given = {"attention_mask": keras.ops.expand_dims(there, 1)} if by_hand else {}
        x = embedding(words)
        for attention in attentions:
            x = layers.Add()([x, attention(x, x, **given)])
        pooled = layers.GlobalAveragePooling1D()(x, **({"mask": there} if by_hand else {}))
        text = np.zeros((1, length), "int32")
        text[0, :3] = 1, 2, 3
        results.append(np.asarray(keras.Model(words, pooled)(text)))
    return float(np.abs(results[0] - results[1]).max())


keras.utils.set_random_seed(0)
for blocks, by_hand in ((1, False), (2, False), (2, True)):
    difference = averages(blocks, by_hand)
    print(f"{blocks} blocks, masks by hand: {by_hand}, difference {difference:.6f}")
    assert (difference > 1e-2) == (blocks == 2 and not by_hand)
    assert difference > 1e-2 or difference < 1e-5
PYTHON
