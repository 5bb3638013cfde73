"""The journal: what is written is what is read, whatever kills the writer."""

import dataclasses
import json
import math
import os
import subprocess
import sys

import pytest

from pipeline.journal.callbacks import EvaluationEnd, SearchEnd, Status
from pipeline.journal.files import StorageError
from pipeline.journal.history import (
    FILE_NAME,
    Journal,
    JournalError,
    decode,
    encode,
    fold,
    follow,
    newest_beginning,
    read,
)
from tests.records import epoch_end, search_begin, trial_begin, trial_end, write

RECORDS = (
    search_begin(),
    trial_begin(),
    epoch_end(epoch=0),
    epoch_end(epoch=1, val_loss=0.25, loss=0.1),
    trial_end(),
    SearchEnd(Status.COMPLETED, "0000", None, 5.0),
    EvaluationEnd("0000", False, 2, {"loss": 0.4}, "loss", "best_model.keras", ["a.png"], 6.0),
)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_every_record_survives_the_journal(record):
    assert decode(encode(record)) == record


def test_non_finite_numbers_are_valid_json_and_come_back():
    record = epoch_end(a=math.nan, b=math.inf, c=-math.inf)
    line = encode(record)
    json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    logs = decode(line).logs
    assert math.isnan(logs["a"])
    assert (logs["b"], logs["c"]) == (math.inf, -math.inf)


def test_what_an_older_journal_does_not_tell_has_a_default():
    line = '{"kind":"search_end","status":"FAILED","best_trial":null,"message":"no","time":1.0}'
    assert decode(line) == SearchEnd(Status.FAILED, None, "no", 1.0)
    assert not decode(line).wrong_configuration


def test_read_gathers_the_trials(tmp_path):
    write(tmp_path, *RECORDS, trial_begin("0001"), trial_end("0001", score=0.1))
    history = read(tmp_path)
    assert [attempt.begin.trial for attempt in history.attempts] == ["0000", "0001"]
    assert [epoch.epoch for epoch in history.attempts[0].epochs] == [0, 1]
    assert [attempt.begin.trial for attempt in history.ranked()] == ["0001", "0000"]
    assert history.finished


def test_ranked_respects_the_direction_and_leaves_failures_out():
    records = [search_begin(direction="max")]
    for index, score in enumerate([0.2, 0.9, 0.5]):
        records += [trial_begin(f"{index}"), trial_end(f"{index}", score)]
    records += [trial_begin("3"), trial_end("3", status=Status.FAILED)]
    assert [attempt.begin.trial for attempt in fold(records).ranked()] == ["1", "2", "0"]


def test_a_torn_last_line_is_tolerated_and_cut_off(tmp_path):
    write(tmp_path, *RECORDS[:3])
    path = tmp_path / FILE_NAME
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"kind":"epoch_end","tri')
    assert len(list(follow(tmp_path))) == 3
    write(tmp_path, epoch_end(epoch=1))
    assert path.read_bytes().startswith(whole + b'{"kind":"epoch_end","trial":"0000"')
    assert len(list(follow(tmp_path))) == 4


@pytest.mark.parametrize("line", [b"garbage\n", b'{"kind":"other"}\n', b"\xff\xfe\n", b"[1]\n"])
def test_a_line_that_is_no_record_is_one_sentence(tmp_path, line):
    write(tmp_path, search_begin())
    with (tmp_path / FILE_NAME).open("ab") as file:
        file.write(line)
    with pytest.raises(JournalError, match="holds a line that is no record"):
        read(tmp_path)


def test_follow_goes_on_where_it_stopped(tmp_path):
    write(tmp_path, *RECORDS[:2])
    offset = list(follow(tmp_path))[-1][0]
    write(tmp_path, *RECORDS[2:4])
    assert [record for _, record in follow(tmp_path, offset)] == list(RECORDS[2:4])


def told_again(*epochs):
    """Return the epochs of an attempt whose process died after two, when these are told."""
    records = [*RECORDS[:4], search_begin(), trial_begin(), *epochs]
    (attempt,) = fold(records).attempts
    return [(epoch.epoch, epoch.logs, epoch.time) for epoch in attempt.epochs]


def test_a_continued_attempt_keeps_its_epochs():
    """A trial that was running when its process died goes on under the same attempt."""
    known = [(e.epoch, e.logs, e.time) for e in RECORDS[2:4]]
    assert told_again() == known
    again = dataclasses.replace(RECORDS[2], time=99.0)
    assert told_again(again) == known  # the same again, later
    assert told_again(again, epoch_end(epoch=2)) == [*known, (2, {"val_loss": 0.5}, 3.0)]


def test_other_epochs_make_those_behind_them_void():
    assert told_again(epoch_end(epoch=0, val_loss=9.0)) == [(0, {"val_loss": 9.0}, 3.0)]


def deaths_of(*lives):
    """Return deaths and early ones; each life ends without an end, after so many epochs."""
    records = [search_begin()]
    for epochs in lives:
        records += [trial_begin(), *(epoch_end(epoch=epoch) for epoch in range(epochs))]
    (attempt,) = fold(records).attempts
    return attempt.deaths, attempt.early_deaths


@pytest.mark.parametrize(
    ("lives", "deaths"),
    [
        ([0], (0, 1)),  # whether it had the chance nobody can tell
        ([0, 0, 0], (0, 3)),
        ([2], (0, 0)),  # it got further
        ([2, 2, 2], (2, 0)),
        ([2, 1], (0, 0)),  # what was known had not been told again: it had no chance
        ([2, 0, 1, 1, 0], (0, 0)),
        ([2, 0, 2, 1, 2], (2, 0)),
        ([2, 2, 2, 3], (0, 0)),
        ([0, 0, 1], (0, 0)),
        ([2, 3, 3, 0], (1, 0)),
        ([2, *[0] * 10], (1, 0)),  # it may crash before it gets there
        ([2, *[1] * 29, 2], (3, 0)),
    ],
)
def test_deaths_count_where_it_got_no_further_although_it_had_the_chance(lives, deaths):
    assert deaths_of(*lives) == deaths


def test_deaths_that_ended_an_attempt_are_known_when_it_goes_on():
    lives = (search_begin(), trial_begin(), search_begin(), trial_begin())
    given_up = dataclasses.replace(trial_end(status=Status.FAILED), deaths=2)
    (attempt,) = fold([*lives, given_up]).attempts
    assert (attempt.deaths, attempt.end.deaths) == (2, 2)
    (attempt,) = fold([*lives, given_up, search_begin(), trial_begin()]).attempts
    assert (attempt.deaths, attempt.early_deaths, attempt.end) == (2, 1, None)


def test_a_process_that_got_further_forgives_deaths_however_it_ended():
    died = (trial_begin(), trial_begin())
    interrupted = trial_end(status=Status.INTERRUPTED, final=False)
    lives = (*died, trial_begin(), epoch_end(), interrupted)
    (attempt,) = fold([search_begin(), *lives]).attempts
    assert (attempt.deaths, attempt.early_deaths) == (0, 0)


def test_an_orderly_interruption_is_no_death():
    interrupted = trial_end(status=Status.INTERRUPTED, final=False)
    (attempt,) = fold([search_begin(), trial_begin(), interrupted]).attempts
    assert (attempt.deaths, attempt.early_deaths) == (0, 0)
    records = [search_begin(), trial_begin(), interrupted, search_begin(), trial_begin()]
    (attempt,) = fold(records).attempts
    assert attempt.early_deaths == 1
    (attempt,) = fold([*records, trial_end()]).attempts
    assert (attempt.deaths, attempt.early_deaths) == (0, 0)


def test_the_time_of_all_its_processes():
    lives = [
        *(
            dataclasses.replace(trial_begin(), time=10.0),
            dataclasses.replace(epoch_end(), time=13.0),
        ),
        *(
            dataclasses.replace(trial_begin(), time=100.0),
            dataclasses.replace(epoch_end(), time=101.0),
        ),
    ]
    lives = [*lives, dataclasses.replace(trial_begin(), time=200.0)]
    (attempt,) = fold([search_begin(), *lives]).attempts
    assert attempt.seconds == 4.0


def test_what_was_never_begun_cannot_end():
    for record in (epoch_end(), trial_end()):
        with pytest.raises(JournalError, match="tells of trial 0000 before it tells that it began"):
            fold([search_begin(), record])


def test_a_test_belongs_to_its_end():
    """A finished search that is extended is not finished until its new best model is tested."""
    assert not fold([*RECORDS, search_begin(), RECORDS[5]]).finished


def fill(journal):
    for epoch in range(10_000):
        journal.on_epoch_end(epoch_end(epoch=epoch))


def test_a_full_disk_leaves_whole_lines(full_disk):
    journal = Journal(full_disk)
    journal.on_search_begin(search_begin())
    journal.on_trial_begin(trial_begin())
    for _ in range(2):
        with pytest.raises(StorageError, match=r"journal\.jsonl cannot be written: No space left"):
            fill(journal)
        assert (full_disk / FILE_NAME).read_bytes().endswith(b"\n")
    journal.close()
    assert 100 < len(read(full_disk).attempts[0].epochs) < 10_000


def test_a_search_continues_after_its_interruption():
    interrupted = SearchEnd(Status.INTERRUPTED, None, "interrupted", 5.0)
    assert not fold([search_begin(), interrupted]).finished
    assert fold([search_begin(), interrupted, search_begin()]).end is None
    untested = SearchEnd(Status.COMPLETED, "0000", None, 5.0)
    assert not fold([search_begin(), untested]).finished
    assert fold([search_begin(), SearchEnd(Status.FAILED, None, "none", 5.0)]).finished


def test_best_execution():
    epochs = [
        epoch_end(execution=0, val_loss=0.3),
        epoch_end(execution=1, val_loss=math.nan),
        epoch_end(execution=1, epoch=1, val_loss=0.2),
    ]
    attempt = fold([search_begin(), trial_begin(), *epochs]).attempts[0]
    assert attempt.best_execution("val_loss", "min") == 1
    assert attempt.best_execution("val_loss", "max") == 0
    assert attempt.best_execution("other", "min") == 0


def test_an_empty_journal_tells_of_no_search(tmp_path):
    (tmp_path / FILE_NAME).touch()
    with pytest.raises(JournalError, match="no search"):
        read(tmp_path)


def test_a_killed_process_loses_nothing_it_reported(tmp_path):
    program = (
        "import os, signal, sys; sys.path.insert(0, 'tests')\n"
        "from pathlib import Path\n"
        "from records import Journal, search_begin, epoch_end\n"
        f"journal = Journal(Path({str(tmp_path)!r}))\n"
        "journal.on_search_begin(search_begin())\n"
        "for epoch in range(100): journal.on_epoch_end(epoch_end(epoch=epoch))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run([sys.executable, "-c", program], env=environment, check=False)
    assert result.returncode == -9
    assert len(list(follow(tmp_path))) == 101


def test_the_newest_beginning_is_found_behind_all_that_happened(tmp_path):
    write(tmp_path, search_begin(), trial_begin(), epoch_end(), trial_end())
    assert newest_beginning(tmp_path) == read(tmp_path).begin
    write(tmp_path, search_begin(total_trials=9), trial_begin("0001"))
    with (tmp_path / "journal.jsonl").open("ab") as file:
        file.write(b'{"kind":"search_begin","search":"torn')
    assert newest_beginning(tmp_path) == read(tmp_path).begin
    assert newest_beginning(tmp_path).total_trials == 9
    (tmp_path / "journal.jsonl").write_text("no search\n")
    assert newest_beginning(tmp_path) is None
