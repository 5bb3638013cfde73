#!/usr/bin/env bash
# With `HyperbandPruner` the same seed prunes other trials whenever a study is not named.
#
# Optuna 5.0.0: the bracket of a trial, which decides how early it may be pruned, is a checksum of the study's name and
# the trial's number. A study without a name is given a random one, so that neither the sampler's seed nor equal values
# make two runs of one script alike. With one name they are.
# Seen: of six unnamed studies with the same seeded sampler and the same values, several prune different trials; of
# six that are named alike, all prune the same.
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet optuna==5.0.0
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)


def objective(trial):
    rate = trial.suggest_float("rate", 0, 1)
    for epoch in range(1, 28):
        trial.report(abs(rate - 0.3) + 1 / epoch, epoch)
        if trial.should_prune():
            raise optuna.TrialPruned
    return abs(rate - 0.3)


def pruned(name):
    """Return after how many epochs each trial of a new study ended."""
    study = optuna.create_study(
        study_name=name,
        sampler=optuna.samplers.RandomSampler(seed=1),
        pruner=optuna.pruners.HyperbandPruner(min_resource=1, max_resource=27, reduction_factor=3),
    )
    study.optimize(objective, n_trials=40)
    return tuple(len(trial.intermediate_values) for trial in study.trials)


unnamed = {pruned(None) for _ in range(6)}
named = {pruned("mine") for _ in range(6)}
print(f"six studies without a name: {len(unnamed)} outcomes; with one name: {len(named)}")
for epochs in sorted(unnamed)[:2]:
    print("epochs of the first trials:", *epochs[:20])
assert len(unnamed) > 1
assert len(named) == 1
PYTHON
