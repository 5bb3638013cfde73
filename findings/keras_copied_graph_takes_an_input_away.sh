#!/usr/bin/env bash
# A model that cannot be saved any more, since another one was made from within its graph.
#
# Keras 3.15.1: `keras.Model(inputs, outputs)` from tensors within a graph copies what lies between. If one of them is an
# input of the whole graph (as where images pass a frozen network, and numbers do not), that input gets a second node and
# is held for its result: `save` of the whole model fails with "Internal error: could not find node key". The model
# computes as before.
# Seen: the model is saved; from its features and its second input another one is made; it cannot be saved.
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet keras==3.15.1 tensorflow==2.21.0
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" - <<'PYTHON'
import keras
from keras import layers

image, number = keras.Input((8,)), keras.Input((3,))
features = layers.Dense(5)(image)
joined = layers.Concatenate()([features, layers.Dense(2)(number)])
model = keras.Model([image, number], joined)
model.save("before.keras")
keras.Model([features, number], joined)
try:
    model.save("after.keras")
except RuntimeError as error:
    print(error)
    assert "could not find node key" in str(error)
else:
    raise SystemExit("it can be saved now")
PYTHON
