#!/usr/bin/env bash
# The loss of each output depends on how the examples are batched, the total loss does not.
#
# Keras 3.15.1: of a model with several outputs, `fit` and `evaluate` report the loss of each as the mean of all batches,
# of which the last, smaller one has as much weight as any other: `CompileLoss.call` asks a traced batch for its static
# size, which is None. `loss` is weighted by the examples, and with `run_eagerly=True` so are the others.
# Seen: 5 examples in batches of 4: `loss` is the same as in one batch, `a_loss` is another one; eagerly it is the same.
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

x = np.array([[0.0], [0.0], [0.0], [0.0], [1.0]])
inputs = keras.Input((1,))
outputs = {name: layers.Identity(name=name)(inputs) for name in "ab"}
y = {name: np.zeros((5, 1)) for name in "ab"}
for eagerly in (False, True):
    model = keras.Model(inputs, outputs)
    model.compile(loss={"a": "mse", "b": "mse"}, run_eagerly=eagerly)
    parted, whole = (
        model.evaluate(x, y, batch_size=size, verbose=0, return_dict=True) for size in (4, 5)
    )
    print("eagerly" if eagerly else "traced", parted, whole)
    assert np.isclose(parted["loss"], whole["loss"])
    assert np.isclose(parted["a_loss"], whole["a_loss"]) == eagerly
PYTHON
