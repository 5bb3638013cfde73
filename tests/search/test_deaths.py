"""Trials that take their process down are given up, and tried again where more deaths may be."""

from dataclasses import replace

import pytest

from pipeline.journal.callbacks import SearchEnd, Status
from pipeline.journal.history import FILE_NAME, fold, read
from pipeline.search.continuation import earlier, restored_trials
from pipeline.search.deaths import lost_attempts, revived, still_holds
from pipeline.search.past_searches import find_continued
from pipeline.search.pruning import NoPruning
from pipeline.tracking.runs import SearchRuns
from tests.records import epoch_end, search_begin, trial_begin, trial_end, write
from tests.stories import runs

FAILED = {"status": Status.FAILED, "final": False}
GIVEN_UP = replace(trial_end("0001", status=Status.FAILED), deaths=2)
END = SearchEnd(Status.FAILED, None, "1 trial in a row failed", 5.0)
DIED = (search_begin(), trial_begin("0001"), search_begin(), trial_begin("0001"))


def past(*records):
    return fold([search_begin(), trial_begin(), trial_end(), *records])


@pytest.mark.parametrize(("allowed", "lost"), [(1, True), (2, True), (3, False), (None, False)])
def test_two_deaths(allowed, lost):
    ends = lost_attempts(past(*DIED), allowed)
    assert len(ends) == lost
    if ends:
        assert (ends[0].trial, ends[0].status, ends[0].final) == ("0001", Status.FAILED, True)
        assert ends[0].deaths == 2
        assert "the process died 2 times while it ran this trial" in ends[0].message


@pytest.mark.parametrize(("kills", "lost"), [(3, False), (8, False), (9, True)])
def test_deaths_before_the_first_epoch_may_be_kills(kills, lost):
    """Whoever kills three times at once kills no trial, and no trial kills for ever."""
    ends = lost_attempts(past(*kills * (search_begin(), trial_begin("0001"))), None)
    assert len(ends) == lost
    if ends:
        assert ends[0].deaths == 3
        assert "the process died 9 times while it ran this trial" in ends[0].message


def test_early_deaths_are_forgiven_by_an_epoch():
    died = 8 * (search_begin(), trial_begin("0001"))
    further = (search_begin(), trial_begin("0001"), epoch_end("0001"))
    assert not lost_attempts(past(*died, *further, *further, *further), None)
    assert len(lost_attempts(past(*died, *4 * further), None)) == 1


def test_attempts_that_raised_are_no_deaths():
    records = (trial_begin("0001"), trial_end("0001", **FAILED), trial_begin("0001", 1))
    assert not lost_attempts(past(*records), 2)
    again = (search_begin(), trial_begin("0001", 1))
    assert len(lost_attempts(past(*records, *again), 2)) == 1


@pytest.mark.parametrize(("allowed", "again"), [(1, False), (2, False), (3, True), (None, True)])
def test_more_deaths_than_before_revive_a_trial(allowed, again):
    failed = past(*DIED, GIVEN_UP, END)
    now = revived(failed, allowed)
    assert (now is not failed) is again
    assert [trial.status for trial in restored_trials(now, NoPruning())] == [
        "COMPLETED",
        "RUNNING" if again else "FAILED",
    ]
    assert (now.end is None) is again
    assert not lost_attempts(now, allowed)
    assert still_holds(GIVEN_UP, now) is not again
    assert all(still_holds(record, now) for record in (*DIED, trial_end(), END))


def test_only_trials_since_the_last_completed_one_are_revived():
    later = (trial_begin("0002"), trial_end("0002"))
    failed = past(*DIED, GIVEN_UP, *later, END)
    assert revived(failed, 9) is failed
    raised = past(trial_begin("0001"), trial_end("0001", status=Status.FAILED), END)
    assert revived(raised, 9) is raised


def test_a_trial_that_is_given_up_keeps_its_files_and_those_of_its_parent():
    promoted = replace(trial_begin("0001"), lineage={"bracket": 1, "round": 1, "parent": "0000"})
    assert earlier(past(promoted, promoted, GIVEN_UP)).needed == {"0000", "0001"}
    assert earlier(past(promoted, promoted, replace(GIVEN_UP, deaths=0))).needed == set()


@pytest.mark.parametrize(("allowed", "found"), [(2, False), (3, True)])
def test_a_search_that_failed_by_deaths_can_go_on(allowed, found, tmp_path):
    begin = search_begin(config={"max_attempts": 2})
    (tmp_path / begin.search).mkdir()
    write(tmp_path / begin.search, *DIED, GIVEN_UP, END)
    asked = replace(begin, config={"max_attempts": allowed})
    assert (find_continued(tmp_path, asked) is not None) is found


def test_its_run_goes_on_with_the_points_that_it_has():
    shown = SearchRuns(search_begin())
    for record in (*DIED, epoch_end("0001"), GIVEN_UP, END):
        shown.add(record)
    (failed,) = [run for key, run in shown.changed() if key == ("0001", 0)]
    assert failed.tags["pipeline.message"]
    shown.settle()
    for record in (search_begin(), trial_begin("0001"), epoch_end("0001"), epoch_end("0001", 1)):
        shown.add(record)
    (again,) = [run for key, run in shown.changed() if key == ("0001", 0)]
    assert again is failed
    assert [point.step for point in again.metrics] == [1]
    assert (again.status, again.tags["pipeline.message"]) == (None, "")


STOPPED = """
import os
import signal

import keras


class Stop(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if not os.path.exists("stopped"):
            open("stopped", "w").close()
            os.kill(os.getpid(), signal.SIGINT)
"""


@pytest.mark.thorough
@pytest.mark.usefixtures("tested_untraced")
def test_a_failed_search_goes_on_with_a_larger_max_attempts(command, tmp_path, store):
    (tmp_path / "mine.py").write_text(STOPPED)
    line = (
        "dataset=wine training.epochs=2 strategy.max_trials=1 max_failed_trials=1 "
        "+callbacks.stop._target_=mine.Stop"
    )
    assert command(line).code == 130
    (folder,) = (tmp_path / "outputs/searches").iterdir()
    # As if it had been killed while it built its first model.
    begun = (folder / FILE_NAME).read_bytes().partition(b'{"kind":"epoch_end"')[0]
    (folder / FILE_NAME).write_bytes(begun)
    failed = command(f"{line} max_attempts=1")
    assert failed.code == 1
    assert "the process died 1 time while it ran this trial" in failed.err
    assert "a larger max_attempts" in failed.err
    ended = command(f"{line} max_attempts=2")
    assert (ended.code, ended.err) == (0, "")
    assert f"Continuing {folder.name} at trial 0000" in ended.out
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
    assert [attempt.end.status for attempt in read(folder).attempts] == [Status.COMPLETED]
    trials = [run for name, run in runs(store, "wine").items() if name.startswith("trial")]
    assert [run.info.status for run in trials] == ["FINISHED"]
