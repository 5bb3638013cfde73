"""What a search that goes on is told of its past."""

import pytest

from pipeline.journal.callbacks import Status
from pipeline.journal.history import fold
from pipeline.search.continuation import earlier, position, restored_trials
from pipeline.search.pruning import NoPruning
from tests.records import epoch_end, search_begin, trial_begin, trial_end

FAILED = {"status": Status.FAILED, "final": False}
INTERRUPTED = {"status": Status.INTERRUPTED, "final": False}
DIED = (trial_begin("0001"), epoch_end("0001"))


def past(*records):
    return fold([search_begin(), trial_begin(), trial_end(), *records])


@pytest.mark.parametrize(
    ("records", "where"),
    [
        ((), "trial 0001"),
        ((trial_begin("0001"),), "trial 0001"),
        (DIED, "trial 0001, of which 1 epoch is known"),
        ((*DIED, trial_end("0001", **INTERRUPTED)), "trial 0001, of which 1 epoch is known"),
        ((*DIED, trial_end("0001", **FAILED)), "trial 0001"),
        (
            (
                *DIED,
                trial_end("0001", **FAILED),
                trial_begin("0001", 1),
                trial_end("0001", attempt=1),
            ),
            "trial 0002",
        ),
    ],
)
def test_says_where_it_continues(records, where):
    assert position(past(*records)) == where


def test_what_is_spent():
    again = (
        *DIED,
        trial_end("0001", **FAILED),
        trial_begin("0001", 1),
        epoch_end("0001", attempt=1),
    )
    known = earlier(past(*again))
    assert known.attempts == {"0001": 1}
    assert known.seconds == {"0001": 1.0}  # of the attempt that goes on


def test_a_trial_that_was_interrupted_runs_again():
    trials = restored_trials(past(*DIED), NoPruning())
    assert [(trial.trial_id, trial.status) for trial in trials] == [
        ("0000", "COMPLETED"),
        ("0001", "RUNNING"),
    ]
