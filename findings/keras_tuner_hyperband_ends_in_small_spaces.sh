#!/usr/bin/env bash
# Hyperband on a small search space trains every trial for one epoch, and ends.
#
# KerasTuner 1.4.8: where the first round of a bracket has more places than the space has combinations, the search
# stops as soon as nothing new can be drawn. No trial is promoted, no other bracket is begun, and no word is said of
# it: the best model of a search with `max_epochs=27` was trained for a single epoch.
# Seen: 4 trials of 1 epoch in a space of 4 combinations; 70 trials, 9 of them of 27 epochs, where one is a float.
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet keras-tuner==1.4.8 keras==3.15.1 tensorflow==2.21.0
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" - <<'PYTHON'
import keras_tuner


def search(kind, declare, loss, **arguments):
    """Return the values of all trials of a search whose losses are made up."""
    tried = []

    class Tuner(kind):
        def run_trial(self, trial, *args, **kwargs):
            tried.append(dict(trial.hyperparameters.values))
            return {"loss": loss(tried[-1])}

    space = keras_tuner.HyperParameters()
    declare(space)
    objective = keras_tuner.Objective("loss", "min")
    tuner = Tuner(objective=objective, hyperparameters=space, overwrite=True, **arguments)
    tuner.search(verbose=0)
    return tried


def epochs(declare):
    tried = search(keras_tuner.Hyperband, declare, lambda v: 1 / v["units"], max_epochs=27, seed=1)
    return [values["tuner/epochs"] for values in tried]


def small(space):
    space.Choice("units", [8, 16, 32, 64])


def large(space):
    space.Float("units", 8, 64)


few, many = epochs(small), epochs(large)
print("epochs of the trials, 4 combinations:", few)
print("a float:", len(many), "trials,", many.count(27), "of 27 epochs")
assert few == [1] * 4
assert len(many) == 70 and many.count(27) == 9
PYTHON
