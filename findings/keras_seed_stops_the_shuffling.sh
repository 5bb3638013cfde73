#!/usr/bin/env bash
# With a seed, `fit` shows the examples in the same order in every epoch.
#
# Keras 3.15.1 on TensorFlow 2.21.0: `fit` shuffles arrays inside of a map of `tf.data`, whose generator begins anew
# with every iteration once `keras.utils.set_random_seed` was called. The examples are shuffled once, and every epoch,
# also of a second `fit`, has the same batches. Without a seed each epoch has an order of its own.
# Seen: 1 order in four epochs of one `fit` with a seed, the same one in a second `fit`, and 4 orders without a seed.
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
import tensorflow as tf

x = np.arange(16, dtype=np.float32)[:, None]


class Note(keras.layers.Layer):
    """Tells which examples it is given, and passes them on."""

    def __init__(self, tell):
        super().__init__()
        self.tell = tell

    def pass_on(self, batch):
        self.tell(batch[:, 0].astype(int).tolist())
        return batch

    def call(self, inputs):
        return tf.ensure_shape(tf.numpy_function(self.pass_on, [inputs], tf.float32), (None, 1))


def orders(*, seed, epochs):
    if seed is not None:
        keras.utils.set_random_seed(seed)
    seen = []
    model = keras.Sequential([keras.Input((1,)), Note(seen.extend), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    for number in epochs:
        model.fit(x, x, batch_size=4, epochs=number, verbose=0)
    return [tuple(seen[start : start + 16]) for start in range(0, len(seen), 16)]


unseeded = orders(seed=None, epochs=[4])  # before the first seed
seeded, twice = orders(seed=1, epochs=[4]), orders(seed=1, epochs=[2, 2])
print("orders in four epochs, without a seed:", len(set(unseeded)))
print("with a seed:", len(set(seeded)), "in one fit,", len(set(twice)), "in two; the first:", seeded[0])
assert all(len(set(epoch)) == 16 for epoch in (*seeded, *twice, *unseeded))
assert len(seeded) == len(twice) == len(unseeded) == 4
assert len(set(unseeded)) == 4 and len({*seeded, *twice}) == 1
PYTHON
