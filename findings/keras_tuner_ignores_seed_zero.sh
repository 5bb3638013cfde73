#!/usr/bin/env bash
# A search with `seed=0` is not reproducible.
#
# KerasTuner 1.4.8: an oracle takes `seed or` a random number, so that 0, the first seed that one thinks of, is none.
# Other seeds are kept.
# Seen: two searches with seed 0 try different values, two with seed 1 the same ones.
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


def declare(space):
    space.Float("x", 0, 1)


def values(seed):
    tried = search(keras_tuner.RandomSearch, declare, lambda _: 1.0, max_trials=3, seed=seed)
    return [round(one["x"], 4) for one in tried]


for seed in (0, 1):
    first, second = values(seed), values(seed)
    print("seed", seed, "gives", first, "and then", second)
    assert (first == second) is (seed == 1)
PYTHON
