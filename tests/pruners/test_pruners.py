"""What all pruners share."""

import math
import random
import subprocess
import sys

import pytest

from pipeline.pruners import (
    ASHA,
    Curve,
    Hyperband,
    Median,
    NoPruner,
    OneEpoch,
    Percentile,
    Wilcoxon,
)
from pipeline.pruners.replay import replay
from tests.pruners.curves import completed, negated

MAKERS = {
    "none": lambda **given: NoPruner(),
    "median": lambda **given: Median(n_startup_trials=3, **given),
    "percentile": lambda **given: Percentile(n_startup_trials=3, **given),
    "asha": lambda **given: ASHA(**given),
    "promotion": lambda **given: ASHA(promote=True, **given),
    "last": lambda **given: ASHA(compare="last", **given),
    "hyperband": lambda **given: Hyperband(seed=1, **given),
    "wilcoxon": lambda **given: Wilcoxon(p_threshold=0.3, **given),
    "one_epoch": lambda **given: OneEpoch(i_epoch=2, **given),
}
EPOCHS = 12


def make(name, direction="min"):
    return MAKERS[name](direction=direction, max_epochs=EPOCHS)


def searched(trials=30, executions=1, seed=0) -> list[Curve]:
    """Trials that differ in where they end and how soon; some end early, some break."""
    chance = random.Random(seed)
    made = []
    for number in range(trials):
        end, told = chance.gauss(1, 0.3), []
        for _ in range(executions):
            length = chance.choice([EPOCHS] * 4 + [7])
            values = [end + chance.uniform(1, 2) / (n + 1) for n in range(length)]
            if chance.random() < 0.1:
                values[chance.randrange(length) :] = [math.nan] * length
            told.append(dict(enumerate(values[:length])))
        made.append(Curve(f"{number:04d}", tuple(told), completed=True))
    return made


@pytest.fixture(params=[1, 6], ids=["one execution", "six executions"])
def trials(request):
    return searched(executions=request.param)


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("name", MAKERS)
def test_min_and_max_are_mirror_images(name, workers, trials):
    least = replay(make(name), trials, workers)
    assert replay(make(name, "max"), [negated(one) for one in trials], workers) == least


@pytest.mark.parametrize("name", MAKERS)
def test_a_pruner_remembers_nothing(name, trials):
    """One that has been asked before answers as one that has not."""
    pruner = make(name)
    first = replay(pruner, trials)
    assert replay(pruner, trials) == first
    assert replay(make(name), trials) == first


@pytest.mark.parametrize("name", sorted(set(MAKERS) - {"none", "wilcoxon"}))
def test_it_saves_epochs_and_keeps_a_good_trial(name):
    trials = searched(trials=40)
    result = replay(make(name), trials)
    planned = sum(len(one.executions[0]) for one in trials)
    assert 0 < result.total_epochs < 0.8 * planned
    scores = {one.trial: min(one.executions[0].values()) for one in trials}
    ranked = sorted(scores, key=lambda trial: scores[trial])
    assert set(ranked[:8]) & set(result.completed)


def test_wilcoxon_saves_executions():
    trials = searched(executions=6)
    result = replay(make("wilcoxon"), trials)
    short = [one for one in trials if one.trial not in result.completed]
    assert short
    assert result.total_epochs < replay(NoPruner(), trials).total_epochs


@pytest.mark.parametrize("name", MAKERS)
def test_nothing_finite_at_all_is_no_error(name):
    trials = [completed(number, *[math.nan] * EPOCHS) for number in range(8)]
    result = replay(make(name), trials)
    assert result.total_epochs <= 8 * EPOCHS


@pytest.mark.parametrize("name", [name for name in MAKERS if not make(name).keeps_pruned])
def test_the_first_trials_end_the_same_however_many_follow(name, trials):
    whole = replay(make(name), trials).epochs
    begun = replay(make(name), trials[:17]).epochs
    assert begun == {trial: whole[trial] for trial in begun}


def test_pruners_load_nothing_heavy():
    code = (
        "import sys, pipeline.pruners\n"
        "print({'keras', 'tensorflow', 'optuna', 'scipy', 'mlflow'} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "set()\n"
