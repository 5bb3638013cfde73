"""Each sentence appears where it must, and not where it must not."""

import pytest

from pipeline.journal.callbacks import Status
from pipeline.report.conclusions import (
    conclusions,
    edges,
    exhausted,
    most_fail,
    no_conclusion,
    too_few_epochs,
)
from tests.report.made import choice, completed, number, search, trial

RATE = number("rate", 1e-4, 1e-2, sampling="log")


def of_values(name, values, *space, **changes):
    """A search whose trials have these values, the best first."""
    trials = [trial(f"{i:04}", {name: value, "i": i}, i / 100) for i, value in enumerate(values)]
    return search(trials, *space, **changes)


def test_the_best_at_the_upper_bound():
    history = of_values("rate", [9.9e-3, 8e-3, 7e-3, 8.5e-3, 6.5e-3, 1e-4], RATE)
    assert edges(history) == ["rate: the 5 best are within 10 % of the upper bound 0.01: widen it"]


def test_the_best_at_the_lower_bound_where_larger_is_better():
    units = number("units", 8, 64, "Int", step=8)
    history = of_values("units", [64] * 10 + [8] * 5, units, direction="max")
    assert edges(history) == ["units: the 5 best are within 10 % of the lower bound 8: widen it"]


@pytest.mark.parametrize(
    ("values", "space"),
    [
        ([9.9e-3, 8e-3, 1e-3, 8.5e-3, 6.5e-3], RATE),  # one is elsewhere
        ([9.9e-3, 8e-3, 7e-3, 8.5e-3], RATE),  # too few
        ([9e-3, 5e-3, 5e-3, 9e-3, 5e-3], RATE),  # near only if the range were linear
        ([2] * 5, number("rate", 1, 2, "Int", step=1)),  # one of two
        ([1e-2] * 5, number("rate", 1e-2, 1e-2)),  # fixed
        ([True] * 5, {"class_name": "Boolean", "config": {"name": "rate", "conditions": []}}),
        (["c"] * 5, choice("rate", "a", "b", "c")),
        ([32] * 5, choice("rate", 16, 32, 64)),
    ],
)
def test_the_best_at_no_edge(values, space):
    assert edges(of_values("rate", values, space)) == []


def test_the_bound_is_what_the_steps_reach():
    space = number("units", 0, 99, "Int", step=10)
    assert "upper bound 90" in edges(of_values("units", [90] * 5, space))[0]


def test_a_choice_among_numbers_has_edges():
    space = choice("size", 16, 64, 32)
    assert edges(of_values("size", [64] * 5, space)) == [
        "size: the 5 best all have the largest choice 64: add larger ones"
    ]


def test_promoted_trials_are_not_evidence_twice():
    trials = [trial(f"{i:04}", {"rate": 9.9e-3}, i / 100, epochs=i + 1) for i in range(5)]
    assert edges(search(trials, RATE)) == []


def ending_early(early):
    """A search whose best trials have their best epoch last, but for the first ones."""
    trials = [trial(f"{i:04}", {"rate": i}, i / 100) for i in range(8)]
    for i in range(early):
        trials[i] = trial(f"{i:04}", {"rate": i}, i / 100, best_epoch=2)
    return search(trials)


@pytest.mark.parametrize("early", [0, 1, 2])
def test_too_few_epochs(early):
    assert too_few_epochs(ending_early(early)) == (
        f"epochs: {5 - early} of the 5 best trials had their best epoch last, after 5 epochs: "
        "train longer"
    )


def test_trainings_are_called_long_enough_only_as_far_as_they_were():
    assert too_few_epochs(ending_early(3)) is None
    assert "2 of them had their best epoch last" in no_conclusion(ending_early(3))
    assert "none had its best epoch last" in no_conclusion(ending_early(5))


def test_nothing_is_concluded_from_a_search_for_the_worst():
    history = of_values("rate", [9.9e-3] * 5 + [1e-4] * 5, RATE, direction="max")
    assert history.begin.objective == "val_loss"
    assert conclusions(history) == []
    distinct = of_values("rate", range(6), direction="max")
    assert no_conclusion(distinct).startswith("This search was for the worst val_loss: ")


@pytest.mark.parametrize(
    "how",
    [
        {"best_epoch": 3},  # the last epoch was worse
        {"trained": 3},  # stopped early
    ],
)
def test_enough_epochs(how):
    trials = [trial(f"{i:04}", {"rate": i}, i / 100, **how) for i in range(8)]
    assert too_few_epochs(search(trials)) is None


def test_rounds_that_are_short_on_purpose_are_no_reason_to_train_longer():
    short = [trial(f"{i:04}", {"rate": i}, i / 100, epochs=2) for i in range(8)]
    long = trial("0008", {"rate": 8}, 0.9, epochs=10, best_epoch=4)
    assert too_few_epochs(search([*short, long])) is None


def failing(messages, good=2):
    bad = [trial(f"{i:04}", {}, None, message=text) for i, text in enumerate(messages)]
    return search(bad + [trial(f"1{i:03}", {}, 0.5) for i in range(good)])


def test_most_trials_fail_for_one_reason():
    told = failing([f"OOM: no room for [{2**i}, 3.5]" for i in range(3)])
    assert most_fail(told) == "failures: 3 of 5 trials fail: OOM: no room for [1, 3.5]"


@pytest.mark.parametrize(
    ("messages", "good"),
    [
        (["OOM"] * 3, 3),  # half of them
        (["OOM", "ValueError: no", "TypeError: no"], 0),  # no one reason
        (["OOM"] * 2, 0),  # too few
        ([], 5),
    ],
)
def test_few_trials_fail_for_one_reason(messages, good):
    assert most_fail(failing(messages, good)) is None


def test_retried_failures_are_not_failed_trials():
    bad = [
        trial(f"{i:04}", {}, None, message="OOM", final=False) + trial(f"{i:04}", {}, attempt=1)
        for i in range(4)
    ]
    assert most_fail(search(bad)) is None


def four(**changes):
    trials = [trial(f"{i:04}", {"size": i}, i / 100) for i in range(4)]
    return search(trials, choice("size", 0, 1, 2, 3), **({"end": completed()} | changes))


@pytest.mark.parametrize("most", [10, None])
def test_the_space_is_exhausted(most):
    assert exhausted(four(config={"strategy": {"max_trials": most}})) == (
        "search space: random tried all of its 4 combinations: widen it to search on"
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"config": {"strategy": {"max_trials": 4}}},
        {"config": {"strategy": {}}},  # a strategy of somebody's own
        {"end": None},
        {"end": completed(status=Status.INTERRUPTED)},
        {"end": completed(out_of_time=True)},
    ],
)
def test_the_space_is_not_exhausted(changes):
    assert exhausted(four(**({"config": {"strategy": {"max_trials": 10}}} | changes))) is None


def brackets(*sizes):
    """A Hyperband whose brackets begin with these configurations."""
    trials = []
    for bracket, values in enumerate(sizes):
        for value in values:
            lineage = {"bracket": bracket, "round": 0, "parent": None}
            trials.append(trial(f"{len(trials):04}", {"size": value}, lineage=lineage))
    parent = {"bracket": 0, "round": 1, "parent": "0000"}
    trials.append(trial(f"{len(trials):04}", {"size": sizes[0][0]}, lineage=parent))
    return search(trials, strategy="hyperband", end=completed())


def test_hyperband_has_exhausted_the_space():
    assert exhausted(brackets([1, 2, 3], [2, 3])) == (
        "search space: all of its 3 combinations were tried, and hyperband trained some again: "
        "widen it, or search fewer trials"
    )


def test_hyperband_has_not_exhausted_the_space():
    assert exhausted(brackets([1, 2, 3], [4, 5])) is None


def test_all_that_is_found_is_told():
    history = of_values("rate", [9.9e-3, 8e-3, 7e-3, 8.5e-3, 6.5e-3, 1e-4], RATE)
    assert [sentence.partition(":")[0] for sentence in conclusions(history)] == ["epochs", "rate"]


def test_where_nothing_is_found_it_says_why():
    assert "too few" in no_conclusion(four())
    assert "no change" in no_conclusion(of_values("rate", range(6)))
