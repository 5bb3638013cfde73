"""A fork has one trial, and nothing of its search that would hold it up or end it."""

import dataclasses

from omegaconf import OmegaConf

from pipeline.configuration.composition import compose_config
from pipeline.journal.attempts import Attempt
from pipeline.replay.forking import fork_config
from tests import records


def forked(*overrides, then=(), values=None, epochs=2):
    config = OmegaConf.to_container(
        OmegaConf.structured(compose_config(then)), enum_to_str=True, resolve=True
    )
    begin = records.search_begin(config=config)
    trial = dataclasses.replace(
        records.trial_begin(), hyperparameters=values or {"units": 64}, epochs=epochs
    )
    return fork_config(begin, Attempt(trial), list(overrides))


def test_nothing_is_left_of_what_would_end_it():
    limits = ["budget.epochs=2", "budget.seconds=9", "pruner=one_epoch", "warm_start=auto"]
    config = forked("budget.seconds=60", then=[*limits, "strategy=hyperband"])
    assert (config.budget.epochs, config.budget.seconds) == (None, 60)
    assert config.pruner == {"_target_": "pipeline.pruners.NoPruner"}
    assert config.strategy["max_trials"] == 1
    assert (config.first_trials, config.warm_start) == ([{"units": 64}], [])
    assert (config.names.strategy, config.name) == ("fork", "digits-mlp-hyperband-fork")


def test_it_has_the_epochs_of_its_trial_unless_others_are_given():
    assert forked(epochs=7).training.epochs == 7
    assert forked("training.epochs=9", epochs=7).training.epochs == 9
    searched = {"units": 64, "epochs": 7}
    assert "epochs" not in forked(values=searched).hyperparameters
    assert forked("training.epochs=9", values=searched).hyperparameters["epochs"] == 9
    own = forked("hyperparameters.epochs=5", "training.epochs=9", values=searched)
    assert own.hyperparameters["epochs"] == 5
