"""The time left, on searches whose pace is known."""

from dataclasses import replace

import pytest

from pipeline.journal.callbacks import Status
from pipeline.terminal.state import advance
from tests.terminal.test_progress import SEARCH, epoch_end, failed, trial_begin, trial_end

START, STEP = 5.0, 2.0  # what a trial takes with its first epoch, and what each other one takes
HYPERBAND = [*[(0, 2)] * 6, *[(2, 6)] * 2, (6, 18), *[(0, 6)] * 3, (6, 18), *[(0, 18)] * 2]


def records(plan, *, first=START, trials=None):
    """Return the records of trials with these initial and last epochs; the first one is slower."""
    time, planned = 0.0, sum(last - begin for begin, last in plan)
    yield replace(SEARCH, total_trials=len(plan), total_epochs=planned)
    for number, (initial, last) in enumerate(plan[:trials]):
        trial, began = f"{number:04}", time
        yield trial_begin(trial, initial_epoch=initial, epochs=last, time=time)
        time += START if number else first
        for epoch in range(initial, last):
            time += STEP if epoch > initial else 0.0
            yield epoch_end(trial, epoch, time=time, val_loss=1.0)
        yield trial_end(trial, time=time, duration_seconds=time - began)


def fold(told):
    state = None
    for record in told:
        state = advance(state, record)
    return state


def seconds(plan):
    return sum(START + (last - initial - 1) * STEP for initial, last in plan)


@pytest.mark.parametrize("plan", [HYPERBAND, [(0, 10)] * 8, [(0, 1)] * 4], ids=len)
@pytest.mark.parametrize("ended", [2, 3])
def test_time_left_is_that_of_the_trials_to_come(plan, ended):
    state = fold(records(plan, trials=ended))
    assert state.seconds_left(0.0) == pytest.approx(seconds(plan[ended:]))
    assert state.seconds_left(1.5) == pytest.approx(seconds(plan[ended:]) - 1.5)


def test_what_the_first_trial_alone_had_to_do_is_not_expected_again():
    plan = [(0, 10)] * 8
    told = list(records(plan, first=600.0))
    # Until another one has begun, only what epochs take is known.
    assert fold(told[:13]).seconds_left(0.0) == pytest.approx(7 * 9 * STEP)
    assert fold(told[:15]).seconds_left(0.0) == pytest.approx(seconds(plan[1:]) - START)
    assert fold(told[: 1 + 2 * 12]).seconds_left(0.0) == pytest.approx(seconds(plan[2:]))


def test_time_left_within_a_trial():
    plan = [(0, 10)] * 3
    told = list(records(plan))
    assert fold(told[:2]).seconds_left(0.0) is None
    assert fold(told[:3]).seconds_left(0.0) is None  # an epoch whose own time nobody knows
    left = fold(told[: 2 + 12 + 4]).seconds_left(0.0)  # four epochs of the second trial
    assert left == pytest.approx(6 * STEP + seconds(plan[2:]))


def test_early_stopping_is_expected_again():
    told = list(records([(0, 5)] * 4, trials=2))
    begin, *first = told[:8]
    stopped = [begin, *first[:3], replace(first[-1], duration_seconds=START + STEP), *told[8:]]
    # Of eight steps that were planned, five were made.
    expected = 2 * (START + 4 * (5 / 8 * STEP))
    assert fold(stopped).seconds_left(0.0) == pytest.approx(expected)


def test_budget_seconds_end_it_earlier_but_not_the_trial_that_runs():
    plan = [(0, 10)] * 8  # 23 seconds each
    told = list(records(plan))
    limited = replace(told[0], config={"budget": {"seconds": 60.0}})
    two_trials = [limited, *told[1 : 1 + 2 * 12]]
    assert fold(two_trials).seconds_left(0.0) == pytest.approx(60.0 - 46.0)
    assert fold(two_trials).seconds_left(20.0) == 0.0
    third = [*two_trials, *told[25:28]]  # two epochs of it, after seven of its seconds
    assert fold(third).seconds_left(0.0) == pytest.approx(8 * STEP)
    # Enough time changes nothing; a strategy without an end has only the time.
    enough = replace(limited, config={"max_seconds": 1e6, "budget": {}})
    assert fold([enough, *told[1:25]]).seconds_left(0.0) == pytest.approx(seconds(plan[2:]))
    endless = replace(limited, total_trials=None, total_epochs=None)
    assert fold([endless]).seconds_left(1.0) == 59.0


def test_failed_and_repeated_attempts_teach_no_pace():
    plan = [(0, 10)] * 4
    told = list(records(plan, trials=2))
    end = failed("0002", final=False, duration_seconds=0.5)
    more = [trial_begin("0002"), end, trial_begin("0002", attempt=1), failed("0002", attempt=1)]
    assert fold([*told, *more]).seconds_left(0.0) == pytest.approx(seconds(plan[3:]))


@pytest.mark.parametrize("interrupted", [True, False], ids=["Ctrl-C", "killed"])
@pytest.mark.parametrize("epochs", [3, 5])
def test_what_a_continued_search_tells_again_took_no_time(interrupted, epochs):
    plan = [(0, 10)] * 4
    told = list(records(plan))
    begin, trial = told[0], told[1 : 2 + epochs]
    if interrupted:
        end = trial_end(trial[0].trial, status=Status.INTERRUPTED, final=False, score=None)
        trial = [*trial, replace(end, time=trial[-1].time)]
    pause = 3600.0
    again = [replace(one, time=pause) for one in (begin, *told[1 : 2 + epochs])]
    state = fold([begin, *trial, *again])
    assert state.seconds_left(0.0) == pytest.approx((9 - (epochs - 1)) * STEP + 3 * 9 * STEP)
    one_more = replace(told[2 + epochs], time=pause + STEP)
    state = advance(state, one_more)
    assert state.seconds_left(0.0) == pytest.approx((9 - epochs) * STEP + 3 * 9 * STEP)
    assert state.running[trial[0].trial].seconds == START + epochs * STEP


def test_a_clock_that_is_put_back_makes_no_time_negative():
    told = [
        replace(one, time=-1000.0 * n) for n, one in enumerate(records([(0, 10)] * 3, trials=2))
    ]
    for count in range(2, len(told) + 1):
        state = fold(told[:count])
        left = state.seconds_left(0.0)
        assert left is None or left >= 0
        assert all(one.before >= 0 and one.between_epochs >= 0 for one in state.running.values())
