#!/usr/bin/env bash
# `training=False` in the call of a layer does not hold when the functional model around it is trained.
#
# Keras 3.15.1: `fit` hands its own `training=True` to each layer of a functional model, in place of the
# `training=False` that the layer was called with when the model was made. A batch normalization that is kept "in
# inference mode" in this way while the network is fine-tuned updates its statistics, and dropout drops.
# `trainable = False` holds, and so does `training=False` in the `call` of a model that is a class.
# Seen: after five steps the moving mean of data around 5 is 0.25 in the functional model, and 0.00 in the class and
# in the frozen one.
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

x = np.random.default_rng(0).normal(5, 1, (160, 1)).astype(np.float32)


def functional(normalization):
    inputs = keras.Input((1,))
    return keras.Model(inputs, layers.Dense(1)(normalization(inputs, training=False)))


class Subclassed(keras.Model):
    def __init__(self, normalization):
        super().__init__()
        self.normalization = normalization
        self.dense = layers.Dense(1)

    def call(self, inputs):
        return self.dense(self.normalization(inputs, training=False))


def mean(kind, *, trainable=True):
    normalization = layers.BatchNormalization(trainable=trainable)
    model = kind(normalization)
    model.compile("sgd", "mse")
    model.fit(x, x, batch_size=32, verbose=0)
    return float(normalization.moving_mean[0])


means = mean(functional), mean(Subclassed), mean(functional, trainable=False)
print("moving mean, functional: %.2f, a class: %.2f, functional and frozen: %.2f" % means)
assert means[0] > 0.2 and means[1:] == (0.0, 0.0)

inputs = keras.Input((1000,))
dropped = keras.Model(inputs, layers.Dropout(0.5)(inputs, training=False))
share = float(np.mean(dropped(np.ones((1, 1000), np.float32), training=True) == 0))
print("share of zeros behind Dropout(0.5), called with training=False: %.2f" % share)
assert 0.4 < share < 0.6
PYTHON
