#!/usr/bin/env bash
# A grid search over a loop of layers trains equal models again, if the first models have more layers.
#
# KerasTuner 1.4.8: a hyperparameter that a model has asked for is varied for all that come after it, also for those
# that never ask for it. Whether models are trained again depends on the order of the values: with one layer first
# there are as many trials as models, with three layers first each smaller model is trained up to four times.
# Seen: 14 trials of 14 models with layers 1, 2, 3; 24 trials of the same 14 with layers 3, 2, 1.
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet keras-tuner==1.4.8 keras==3.15.1 tensorflow==2.21.0
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" - <<'PYTHON'
import keras
import keras_tuner


def search(order):
    """Return the models that are trained, as what they have asked for."""
    models = []

    def build(hp):
        asked = [hp.Choice("layers", order)]
        asked += [hp.Choice(f"units_{layer}", [4, 8]) for layer in range(asked[0])]
        hp.asked = tuple(asked)
        return keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])

    class Tuner(keras_tuner.GridSearch):
        def run_trial(self, trial, *args, **kwargs):
            self.hypermodel.build(trial.hyperparameters)
            models.append(trial.hyperparameters.asked)
            return {"loss": 1.0}

    objective = keras_tuner.Objective("loss", "min")
    Tuner(build, objective=objective, overwrite=True, directory=str(order)).search(verbose=0)
    return models


for order, trials in (([1, 2, 3], 14), ([3, 2, 1], 24)):
    models = search(order)
    print(f"layers {order}: {len(models)} trials of {len(set(models))} models")
    assert (len(models), len(set(models))) == (trials, 14)
PYTHON
