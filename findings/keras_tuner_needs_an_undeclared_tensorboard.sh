#!/usr/bin/env bash
# Every trial fails where KerasTuner is installed with TensorFlow and nothing else.
#
# KerasTuner 1.4.8 imports `tensorboard.plugins.hparams` in every execution of a trial, whether a TensorBoard callback
# is used or not, and does not declare tensorboard. It came with TensorFlow, which requires it no more in 2.21.0. A
# search ends with "Number of consecutive failures exceeded the limit", the first cause of which is the import.
# Seen: ModuleNotFoundError: No module named 'tensorboard'; the trial is FAILED. Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet keras-tuner==1.4.8 keras==3.15.1 tensorflow==2.21.0
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" - 2>/dev/null <<'PYTHON'
import keras
import keras_tuner
import numpy as np


def build(hp):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(hp.Int("units", 1, 4))])
    model.compile("sgd", "mse")
    return model


x = np.zeros((8, 1), np.float32)
tuner = keras_tuner.RandomSearch(build, objective="val_loss", max_trials=1, directory="search")
tuner.search(x, x, validation_data=(x, x), verbose=0)
(trial,) = tuner.oracle.trials.values()
last = trial.message.strip().splitlines()[-1]
print(trial.status, "|", last)
assert trial.status == "FAILED"
assert last == "ModuleNotFoundError: No module named 'tensorboard'"
PYTHON
