"""A search's tables, as another program reads them."""

import csv
import math

import pytest

from pipeline.journal.tables import write_tables
from tests.stories import Story


@pytest.fixture
def rows(tmp_path):
    """A function that writes the tables of a story, and returns one as its rows."""

    def rows(story, name):
        write_tables(story.write(tmp_path))
        with (tmp_path / name).open(newline="") as file:
            return list(csv.DictReader(file))

    return rows


def test_a_row_for_every_epoch_of_every_execution_and_attempt(rows):
    story = Story(executions_per_trial=2).begin().start()
    story.epoch(0, loss=0.1).fail(final=False).start(attempt=1)
    story.epoch(0, attempt=1, loss=1 / 3).epoch(1, attempt=1, loss=0.2)
    story.epoch(0, attempt=1, execution=1, loss=0.4).stop(attempt=1)
    story.start("0001", lineage={"parent": "0000"}, initial_epoch=2).epoch(2, "0001", loss=0.3)
    told = rows(story, "epochs.csv")
    assert [tuple(row.values()) for row in told] == [
        ("0000", "0", "0", "0", "0.1"),
        ("0000", "1", "0", "0", repr(1 / 3)),
        ("0000", "1", "0", "1", "0.2"),
        ("0000", "1", "1", "0", "0.4"),
        ("0001", "0", "0", "2", "0.3"),
    ]
    assert list(told[0]) == ["trial", "attempt", "execution", "epoch", "loss"]


def test_every_metric_has_a_column_and_what_was_not_reported_is_empty(rows):
    story = Story().begin().start().epoch(0, loss=math.nan).epoch(1, loss=2.0, val_loss=math.inf)
    first, second = rows(story.stop(), "epochs.csv")
    assert (first["loss"], first["val_loss"]) == ("nan", "")
    assert (second["loss"], second["val_loss"]) == ("2.0", "inf")


def test_no_text_is_a_formula_in_a_spreadsheet(rows):
    story = Story().begin().trial(formula="=1+1", minus=-1.5, at="@home", plain="a=1", sign="-x")
    (row,) = rows(story, "trials.csv")
    values = [row[name] for name in ("formula", "minus", "at", "plain", "sign")]
    assert values == ["'=1+1", "-1.5", "'@home", "a=1", "'-x"]


def test_an_epoch_that_is_told_again_is_one_row(rows):
    story = Story().begin().start().epoch(0, loss=0.5).epoch(1, loss=0.4).interrupt()
    story.begin().start().epoch(0, loss=0.5).epoch(1, loss=0.4).epoch(2, loss=0.3).stop()
    assert [row["epoch"] for row in rows(story, "epochs.csv")] == ["0", "1", "2"]


def test_a_search_without_epochs_has_the_columns(tmp_path, rows):
    assert rows(Story().begin().end(), "epochs.csv") == []
    assert (tmp_path / "epochs.csv").read_text() == "trial,attempt,execution,epoch\n"


def test_what_a_trial_does_not_have_is_empty(rows):
    story = Story().begin().trial("0000", 0.5, units=8).trial("0001", 0.25, rate=0.1)
    _, second = rows(story, "trials.csv")
    assert (second["units"], second["rate"]) == ("", "0.1")
