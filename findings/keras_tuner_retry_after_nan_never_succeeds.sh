#!/usr/bin/env bash
# A trial that gave NaN once fails for good, however well its retry goes.
#
# KerasTuner 1.4.8: a trial whose objective is NaN is invalid, and is tried again if `max_retries_per_trial` allows it.
# The retry reports its value at the same step of the same metric history, which keeps the NaN; their mean, NaN again,
# is what the trial is judged by. So a diverged training spends its retries in vain.
# Seen: with one retry, the answers NaN, 0.25 leave trial 0 FAILED with the score nan; 0.75 completes trial 1.
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet keras-tuner==1.4.8 keras==3.15.1 tensorflow==2.21.0 tensorboard==2.20.0
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" - <<'PYTHON'
import math
import warnings

import keras
import keras_tuner

warnings.simplefilter("ignore")
answers = iter([float("nan"), 0.25, 0.75])


class Answering(keras_tuner.HyperModel):
    """Trains nothing, and gives the next answer."""

    def build(self, hp):
        hp.Float("x", 0, 1)
        return keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])

    def fit(self, hp, model, *args, **kwargs):
        return next(answers)


tuner = keras_tuner.RandomSearch(
    Answering(),
    objective=keras_tuner.Objective("loss", "min"),
    max_trials=2,
    max_retries_per_trial=1,
    seed=1,
    directory="search",
)
tuner.search(verbose=0)
first, second = tuner.oracle.trials.values()
print("NaN, then 0.25:", first.status, first.score, "| 0.75:", second.status, second.score)
assert not list(answers), "the retry was made"
assert first.status == "FAILED" and math.isnan(first.score)
assert second.status == "COMPLETED" and second.score == 0.75
PYTHON
