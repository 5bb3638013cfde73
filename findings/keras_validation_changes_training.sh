#!/usr/bin/env bash
# How often and in how many batches a model is validated changes how it is trained.
#
# Keras 3.15.1: a recurrent layer with `dropout` draws its mask for every batch, also at inference, where it drops
# nothing. The draw advances its seed generator, so that another `validation_batch_size` gives other masks in the
# next epoch: same seed, same data, other weights. Dropout layers do not do so.
# Seen: the same training, validated in 1 or in 8 batches, ends with losses that differ from the second epoch on.
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

random = np.random.default_rng(0)
x = random.normal(size=(32, 5, 3)).astype(np.float32)
y = x.sum(axis=(1, 2))[:, None]


def losses(layer, validation_batch_size):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((5, 3)), layer(), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    history = model.fit(
        x, y, epochs=2, validation_data=(x, y), validation_batch_size=validation_batch_size, verbose=0
    )
    return history.history["loss"]


def dropped():
    return keras.Sequential([keras.layers.LSTM(4), keras.layers.Dropout(0.3)])


one, eight = (losses(lambda: keras.layers.LSTM(4, dropout=0.3), size) for size in (32, 4))
print("LSTM(dropout=0.3), validated in 1 and in 8 batches:", one, eight)
assert one[0] == eight[0] and one[1] != eight[1]
one, eight = (losses(dropped, size) for size in (32, 4))
print("Dropout(0.3), likewise:", one, eight)
assert one == eight
PYTHON
