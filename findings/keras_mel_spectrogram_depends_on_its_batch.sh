#!/usr/bin/env bash
# What a model says of a quiet recording depends on the recordings that are in its batch.
#
# Keras 3.15.1: `MelSpectrogram` raises what is more than `top_db` (80 by default) below the loudest value to that
# limit, and the loudest value is looked for in the whole batch, not in the example. Beside a loud recording a quiet
# one is a flat picture, in training and in `predict`, whose results then depend on `batch_size` and order.
# Seen: noise of amplitude 0.0001 has 4091 different values alone, and 1 beside noise of amplitude 1; in batches of
# two `predict` gives the quiet one something else than in batches of one.
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

noise = np.random.default_rng(0).normal(size=16000).astype(np.float32)
recordings = np.stack([1e-4 * noise, noise])
spectrogram = keras.layers.MelSpectrogram()
alone = np.asarray(spectrogram(recordings[:1]))[0]
together = np.asarray(spectrogram(recordings))[0]
different = len(np.unique(alone)), len(np.unique(together))
print("different values of the quiet recording, alone: %d, beside a loud one: %d" % different)
print("from %.1f to %.1f dB, and from %.1f to %.1f" % (alone.min(), alone.max(), together.min(), together.max()))
assert different[0] > 1000 and different[1] == 1

model = keras.Sequential([keras.Input((16000,)), spectrogram])
one, two = (model.predict(recordings, batch_size=size, verbose=0) for size in (1, 2))
assert np.allclose(one[1], two[1], rtol=1e-4) and not np.allclose(one[0], two[0], rtol=1e-2)
PYTHON
