"""What a search's own run is called; the tags are looked at in test_projection.py."""

import pytest

from pipeline.tracking.tags import run_name
from tests.records import search_begin

OWN = "digits-mlp-random"


@pytest.mark.parametrize(
    ("name", "varied", "called"),
    [
        (OWN, [], OWN),
        (OWN, ["strategy=random"], OWN),  # it says so already
        (OWN, ["strategy=random", "seed=1"], f"{OWN} seed 1"),
        (OWN, ["model=mlp", "dataset=digits", "training.epochs=5"], f"{OWN} training.epochs=5"),
        (OWN, ["dataset=other"], f"{OWN} other"),  # two choices may give data of one name
        (OWN, ["+callbacks.stop.patience=2"], f"{OWN} callbacks.stop.patience=2"),
        (OWN, ["if_known.strategy.max_trials=6"], f"{OWN} strategy.max_trials=6"),
        ("mine", ["strategy=random", "seed=1"], "mine random seed 1"),
        ("mine", ["name=mine", "seed=1"], "mine seed 1"),
        ("mlp", ["model=mlp"], "mlp mlp"),  # a name of the user's says nothing of the choice
    ],
)
def test_a_run_is_called_by_what_differs_in_its_sweep(name, varied, called):
    assert run_name(search_begin(name=name, varied=varied)) == called


@pytest.mark.parametrize("field", ["strategy", "model"])
def test_another_target_is_in_the_name_already(field):
    begin = search_begin(**{field: "mine.New"}, varied=[f"{field}._target_=mine.New"])
    names = {"strategy": "digits-mlp-mine.New", "model": "digits-mine.New-random"}
    fitting = search_begin(**{field: "mine.New"}, name=names[field], varied=begin.varied)
    assert run_name(fitting) == names[field]
    assert run_name(begin) == f"{OWN} {field}._target_=mine.New"


def test_a_long_name_is_cut():
    assert len(run_name(search_begin(varied=["model.layers=" + "9" * 500]))) == 250
