#!/usr/bin/env bash
# A model that is compiled without an optimizer is saved, but its file cannot be loaded.
#
# Keras 3.15.1 on TensorFlow 2.21.0: `compile(optimizer=None, loss=...)` is for a model that is only evaluated, and
# `evaluate` and `save` work. `load_model` compiles it as it was, and then builds the optimizer that it does not have.
# `load_model(compile=False)` gives the model.
# Seen: AttributeError: 'NoneType' object has no attribute 'build'. Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet keras==3.15.1 tensorflow==2.21.0
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" - <<'PYTHON'
import keras
import numpy as np

x, y = np.ones((4, 2), np.float32), np.ones((4, 1), np.float32)
model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
model.compile(optimizer=None, loss="mse")
loss = model.evaluate(x, y, verbose=0)
model.save("model.keras")
try:
    keras.saving.load_model("model.keras")
    seen = "loaded"
except AttributeError as error:
    seen = f"AttributeError: {error}"
again = keras.saving.load_model("model.keras", compile=False)
print(f"loss {loss:.4f}; load_model: {seen}")
assert np.allclose(again.predict(x, verbose=0), model.predict(x, verbose=0))
assert seen == "AttributeError: 'NoneType' object has no attribute 'build'"
PYTHON
