"""What is said of a test beside its baseline."""

import pytest

from pipeline.journal.callbacks import EvaluationEnd
from pipeline.journal.history import History
from pipeline.terminal.baseline import baseline_sentence, beats_baseline
from tests import records


def history_of(metrics, baseline, score_name="loss", **begin) -> History:
    end = EvaluationEnd("0000", False, 2, metrics, score_name, "m.keras", baseline=baseline)
    return History(records.search_begin(**begin), evaluation=end)


def test_the_sentence():
    history = history_of({"accuracy": 0.9, "loss": 0.3}, {"accuracy": 0.4, "loss": 1.0986})
    assert baseline_sentence(history) == (
        "To predict each class as often as the training data have it, whatever the inputs, has "
        "accuracy 0.4 and loss 1.099."
    )
    history = history_of({"loss": 30.0}, {"loss": 29.5}, task="regression")
    assert baseline_sentence(history) == (
        "To predict the mean of the training data's targets, whatever the inputs, has loss 29.5: "
        "the model is not better."
    )


@pytest.mark.parametrize(
    ("name", "begin", "better"),
    [
        ("loss", {}, "less"),
        ("accuracy", {"objective": "val_accuracy", "direction": "max"}, "more"),
        ("mine", {"objective": "val_mine", "direction": "max"}, "more"),
        ("loss", {"objective": "val_mine", "direction": "max"}, "less"),
        ("accuracy", {"objective": "val_mine", "direction": "min"}, "more"),
    ],
)
def test_which_way_is_better(name, begin, better):
    lower, higher = (
        history_of({name: 1.0}, {name: 2.0}, name, **begin),
        history_of({name: 2.0}, {name: 1.0}, name, **begin),
    )
    assert (beats_baseline(lower), beats_baseline(higher)) == (better == "less", better == "more")
    assert beats_baseline(history_of({name: 1.0}, {name: 1.0}, name, **begin)) is False


def test_nothing_to_compare():
    nothing = [
        History(records.search_begin()),
        history_of({"loss": 1.0}, {}),  # a journal of before it was measured
    ]
    assert [baseline_sentence(history) for history in nothing] == [None, None]
    assert [beats_baseline(history) for history in nothing] == [None, None]
    assert beats_baseline(history_of({"loss": 1.0, "mae": 1.0}, {"mae": 2.0})) is None
    worst = history_of({"loss": 1.0}, {"loss": 0.5}, direction="max")
    assert beats_baseline(worst) is None
    assert "not better" not in baseline_sentence(worst)
