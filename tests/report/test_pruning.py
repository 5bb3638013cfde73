"""What a pruner would have saved, and where one has stopped trials."""

from dataclasses import replace

import pytest

from pipeline.journal.callbacks import EpochEnd, Status
from pipeline.report import pruning
from pipeline.report.figures import figures, pictures
from pipeline.report.page import render
from pipeline.report.pruning import section, what_if
from tests.report.made import completed, number, search, trial
from tests.report.test_page import text_of

X = number("x", 0.0, 1.0)
EPOCHS = 9


def curve(place: int, losses, **how) -> list:
    """A trial with the losses of its epochs, and its best one as its score."""
    told = trial(f"{place:04}", {"x": 0.1}, min(losses), epochs=len(losses), **how)
    return [
        replace(record, logs={"val_loss": losses[record.epoch]})
        if isinstance(record, EpochEnd)
        else record
        for record in told
    ]


def falling(end: float, start: float = 9.0) -> list[float]:
    return [end + (start - end) / (1 + epoch) for epoch in range(EPOCHS - 1)] + [end]


def searched(curves, **changes):
    trials = [curve(place, losses) for place, losses in enumerate(curves)]
    return search(trials, X, **{"end": completed(), **changes})


def crossing(trials: int) -> list[list[float]]:
    """Whoever is best in the end was worst in all epochs before."""
    return [[100.0 - end + 1 / (1 + n) for n in range(8)] + [end / 10] for end in range(trials)]


def told(history, overrides):
    found = what_if(history)
    assert found is not None
    return next(one for one in found.replayed if one.overrides == overrides)


class TestWhatIf:
    ALIKE = [falling(1 + place / 10, 9 + place / 10) for place in range(24)]  # noqa: RUF012

    def test_epochs_and_what_is_left_are_those_of_a_search_with_the_pruner(self):
        """After the first trial each of a growing list is worse, and stopped after one epoch."""
        history = searched(self.ALIKE)
        one = told(history, "pruner=one_epoch")
        assert (one.epochs, one.left, one.best, one.kept) == (24 + 8, "0000", True, 20)
        found = what_if(history)
        assert (found.trials, found.of, found.epochs) == (24, 24, 24 * 9)
        asha = told(history, "pruner=asha")
        assert asha.left == "0000"
        assert asha.epochs < found.epochs / 3

    def test_the_one_that_saves_most_is_recommended_if_it_keeps_the_best(self):
        sentence = what_if(searched(self.ALIKE)).sentence
        assert sentence == (
            "pruner=asha would have kept the best trial with 15 % of the epochs, and that of "
            "20 of 20 random halves of the trials: use it for more trials like these."
        )

    def test_none_is_recommended_where_the_first_epochs_mislead(self):
        history = searched(crossing(24))
        assert what_if(history).sentence.startswith("Use none for trials like these: ")
        one = told(history, "pruner=one_epoch")
        assert (one.left, one.best, one.kept) == ("0023", False, 0)

    def test_a_larger_objective_is_better_where_it_is(self):
        least = searched(self.ALIKE)
        scores = [curve(n, [-loss for loss in losses]) for n, losses in enumerate(self.ALIKE)]
        scores = [
            [*told[:-1], replace(told[-1], score=-min(losses))]
            for told, losses in zip(scores, self.ALIKE, strict=True)
        ]
        most = search(scores, X, end=completed(), direction="max")
        assert what_if(most).replayed == what_if(least).replayed

    def test_too_few_trials_tell_nothing(self):
        assert what_if(searched(self.ALIKE[:20])).replayed
        few = what_if(searched(self.ALIKE[:19]))
        assert few.replayed == ()
        assert few.sentence == "It takes 20 trials with a score to tell; 19 trials have one."
        assert "1 trial has one" in what_if(searched(self.ALIKE[:1])).sentence

    def test_of_very_many_trials_some_are_drawn(self, monkeypatch):
        monkeypatch.setattr(pruning, "_MOST", 22)
        found = what_if(searched(self.ALIKE))
        assert (found.trials, found.of, found.epochs) == (22, 24, 22 * 9)
        assert "22 trials of 24, drawn at random, trained" in section(searched(self.ALIKE)).caption

    def test_failed_trials_cost_epochs_and_are_never_the_best(self):
        failed = trial("0024", {"x": 0.1}, None, epochs=EPOCHS, trained=3)
        trials = [curve(place, losses) for place, losses in enumerate(self.ALIKE)]
        found = what_if(search([*trials, failed], X, end=completed()))
        assert found.epochs == 24 * 9 + 3
        assert {one.left for one in found.replayed} == {"0000"}

    def test_executions_have_their_own_pruner(self):
        trials = [curve(place, losses) for place, losses in enumerate(self.ALIKE)]
        several = [
            [
                *told[:-1],
                *(
                    replace(record, execution=execution)
                    for execution in range(1, 5)
                    for record in told[1:-1]
                ),
                told[-1],
            ]
            for told in trials
        ]
        history = search(several, X, end=completed(), executions_per_trial=5)
        assert what_if(history).epochs == 24 * 9 * 5
        assert told(history, "pruner=wilcoxon").epochs < 24 * 9 * 5
        assert "pruner=wilcoxon" not in {
            one.overrides for one in what_if(searched(self.ALIKE)).replayed
        }

    @pytest.mark.parametrize(
        "history",
        [
            searched(ALIKE, end=None),
            searched(ALIKE, pruner="median"),
            searched([[float(n)] for n in range(24)]),
            search(
                [
                    curve(n, falling(1 + n), lineage={"bracket": 0, "round": 0, "parent": None})
                    for n in range(24)
                ],
                X,
                end=completed(),
            ),
        ],
        ids=["running", "pruned", "one epoch", "hyperband"],
    )
    def test_a_search_that_did_not_train_all_to_the_end_is_not_replayed(self, history):
        assert what_if(history) is None
        assert section(history) is None
        assert 'id="pruning"' not in render(history, {})


def test_the_page_has_the_sentence_and_the_table():
    text = text_of(render(searched(TestWhatIf.ALIKE), {}))
    assert "What a pruner would have saved pruner=asha would have kept the best" in text
    assert "asha, promote=true" in text
    assert "trained for 216 epochs" in text
    few = text_of(render(searched(TestWhatIf.ALIKE[:3]), {}))
    assert "It takes 20 trials with a score to tell; 3 trials have one. All trials" in few


def pruned(place: int, losses, epochs=EPOCHS) -> list:
    begin, *rest = curve(place, losses, status=Status.PRUNED)
    return [replace(begin, epochs=epochs), *rest[:-1], replace(rest[-1], score=None)]


class TestRungs:
    def test_each_trial_stands_where_it_stopped(self):
        trials = [curve(0, falling(1.0)), pruned(1, [3.0, 2.0, 4.0]), pruned(2, [5.0])]
        history = search(trials, X, pruner="asha", end=completed())
        made = figures(history)["rungs"]
        points = {
            line.name: list(zip(line.x, line.y, line.text, strict=True)) for line in made.data[1:]
        }
        assert points == {
            "pruned": [(2, 2.0, "0001"), (0, 5.0, "0002")],
            "completed": [(8, 1.0, "0000")],
        }
        (caption,) = [one.caption for one in pictures(history) if one.name == "rungs"]
        told = "2 of 3 trials are pruned: 1 after epoch 0, 1 after epoch 2."
        assert caption.startswith(told)

    def test_a_trial_that_went_on_stands_where_it_paused_too(self):
        losses = falling(1.0)
        first = pruned(0, losses[:3])
        again = curve(0, losses)
        whole = [*first, again[0], *again[4:]]
        history = search([whole, pruned(1, [9.5])], X, pruner="asha", end=completed())
        (attempt, _) = history.attempts
        assert attempt.pauses == (2,)
        assert len(attempt.epochs) == EPOCHS
        way, *points = figures(history)["rungs"].data
        assert list(way.x) == [2, 8, None]
        assert {line.name: list(line.x) for line in points} == {
            "pruned": [0],
            "taken up again": [2],
            "completed": [8],
        }
        (caption,) = [one.caption for one in pictures(history) if one.name == "rungs"]
        assert "1 of 2 trials is pruned: 1 after epoch 0. 1 trial went on after a pause." in caption

    def test_there_is_none_without_a_pruner(self):
        assert "rungs" not in [one.name for one in pictures(searched(TestWhatIf.ALIKE[:3]))]

    def test_with_a_pruner_that_has_stopped_none_it_says_so(self):
        history = searched(TestWhatIf.ALIKE[:3], pruner="median")
        (caption,) = [one.caption for one in pictures(history) if one.name == "rungs"]
        assert caption.startswith("None of 3 trials is pruned.")
