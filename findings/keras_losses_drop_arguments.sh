#!/usr/bin/env bash
# Some of Keras's own losses and metrics lose an argument when they are saved.
#
# Keras 3.15.1: `get_config` of the losses Huber, CosineSimilarity and SparseCategoricalCrossentropy and of the
# metric CosineSimilarity lacks `delta` or `axis`. A model that is saved and loaded is compiled with the default,
# without a word, so that `evaluate` gives another loss for the same weights.
# Seen: Huber(delta=0.001) evaluates to 0.00300, and to 2.50000 after loading.
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

dropped = {
    "delta": keras.losses.Huber(delta=0.001),
    "axis": keras.losses.CosineSimilarity(axis=0),
    "axis ": keras.losses.SparseCategoricalCrossentropy(axis=1),
    "axis  ": keras.metrics.CosineSimilarity(axis=0),
}
for name, one in dropped.items():
    assert name.strip() not in one.get_config(), (name, one)

x, y = np.zeros((4, 2), np.float32), np.full((4, 1), 3.0, np.float32)
model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, use_bias=False)])
model.compile("sgd", keras.losses.Huber(delta=0.001))
model.save("model.keras")
losses = [one.evaluate(x, y, verbose=0) for one in (model, keras.saving.load_model("model.keras"))]
print("Huber(delta=0.001) evaluates to %.5f, and to %.5f after loading" % tuple(losses))
assert abs(losses[0] - 0.003) < 1e-5 and abs(losses[1] - 2.5) < 1e-5
PYTHON
