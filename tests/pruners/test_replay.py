"""What a pruner would have done."""

from pipeline.pruners import ASHA, Median, NoPruner, OneEpoch
from pipeline.pruners.replay import Replay, replay
from tests.pruners.curves import completed, curve

FALLING = [completed(n, *[10.0 - n - 0.1 * epoch for epoch in range(4)]) for n in range(3)]
RISING = [completed(n, *[1.0 + n - 0.1 * epoch for epoch in range(4)]) for n in range(3)]


def test_without_a_pruner_all_is_trained():
    names = ("0000", "0001", "0002")
    assert replay(NoPruner(), FALLING) == Replay(dict.fromkeys(names, 4), names)


def test_stopped_trials_have_the_epochs_until_then():
    pruner = ASHA(direction="min", max_epochs=4)
    assert replay(pruner, FALLING).total_epochs == 12
    stopped = replay(pruner, RISING)
    assert stopped == Replay({"0000": 4, "0001": 1, "0002": 1}, ("0000",))


def test_paused_trials_go_on_when_they_are_wanted():
    best = OneEpoch(direction="min", max_epochs=4, i_epoch=2)
    assert replay(best, FALLING) == Replay({"0000": 2, "0001": 2, "0002": 4}, ("0002",))
    # One of three goes on at once, and in the end two more at the only rung.
    promoted = replay(ASHA(direction="min", max_epochs=4, promote=True), RISING)
    assert promoted.completed == ("0000", "0001", "0002")


def test_several_train_at_a_time():
    """With two workers the first two have no one to be compared with in their first epoch."""
    pruner = Median(direction="min", max_epochs=4, n_startup_trials=1)
    assert replay(pruner, RISING).epochs == {"0000": 4, "0001": 1, "0002": 1}
    slow_first = replay(pruner, RISING, workers=2, seconds=[5.0, 1.0, 1.0])
    assert slow_first.epochs == {"0000": 4, "0001": 4, "0002": 1}


def test_executions_follow_one_another():
    twice = [curve(n, [1.0 + n] * 4, [1.0 + n] * 3, completed=True) for n in range(2)]
    assert replay(NoPruner(), twice).epochs == {"0000": 7, "0001": 7}
    assert replay(ASHA(direction="min", max_epochs=4), twice).epochs == {"0000": 7, "0001": 1}


def test_failed_trials_fail_again():
    trials = [*RISING[:1], curve(1, [0.5, 0.5], failed=True)]
    assert replay(NoPruner(), trials) == Replay({"0000": 4, "0001": 2}, ("0000",))
