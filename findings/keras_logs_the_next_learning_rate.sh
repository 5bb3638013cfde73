#!/usr/bin/env bash
# The `learning_rate` that Keras logs for an epoch may be one that no step was taken with.
#
# Keras 3.15.1: `ReduceLROnPlateau` logs the rate of an epoch before it reduces it; a `LearningRateScheduler` behind
# it in the list of callbacks logs the rate at the end of the epoch, which is then the reduced one, in place of it.
# Whoever replays a training by its logged rates is one epoch early.
# Seen: trained with 0.1, logged 0.05.
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

x, y = np.ones((4, 1), np.float32), np.ones((4, 1), np.float32)
trained = []


class Note(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        trained.append(float(self.model.optimizer.learning_rate))


def logged(callbacks):
    trained.clear()
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    history = model.fit(x, y, epochs=2, verbose=0, callbacks=[Note(), *callbacks])
    return [round(float(rate), 6) for rate in history.history["learning_rate"]]


def plateau():  # no improvement is large enough, so that it reduces after the second epoch
    return keras.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=1e9)


def keep(epoch, rate):
    return rate


alone = logged([plateau()])
both = logged([plateau(), keras.callbacks.LearningRateScheduler(keep)])
rates = [round(rate, 6) for rate in trained]
print("trained with", rates, "logged with a scheduler behind:", both, "without:", alone)
assert rates == [0.1, 0.1] and alone == [0.1, 0.1] and both == [0.1, 0.05]
PYTHON
