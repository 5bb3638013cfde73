"""The test of the best model in the report: its baseline and its confusion matrix."""

import dataclasses
import json

from pipeline.journal.callbacks import EvaluationEnd
from pipeline.report.figures import figures
from pipeline.report.page import render, write_report
from tests import records
from tests.report.made import completed, number, plain, trial
from tests.report.test_page import text_of

TESTED = EvaluationEnd(
    *("0003", False, 5, {"loss": 0.25, "accuracy": 0.75}, "loss", "m.keras"),
    baseline={"loss": 1.1, "accuracy": 0.4},
    confusion=[[5, 1], [2, 4]],
)


def test_the_test_is_shown_beside_its_baseline():
    page = text_of(render(plain(12, evaluation=TESTED), {}))
    assert "metric best model baseline loss 0.25 1.1 accuracy 0.75 0.4" in page
    assert "test loss 0.25 baseline 1.1" in page
    assert "whatever the inputs, has loss 1.1 and accuracy 0.4." in page
    worse = dataclasses.replace(TESTED, baseline={"loss": 0.2})
    page = text_of(render(plain(12, evaluation=worse), {}))
    assert "loss 0.25 0.2 accuracy 0.75" in page
    assert "has loss 0.2: the model is not better." in page


def test_a_journal_of_before_baselines_and_confusions(tmp_path):
    """Its last line has neither, and its page says of them nothing."""
    begin, *told = trial("0000", {"x": 0.5})
    records.write(
        tmp_path,
        records.search_begin(space=[number("x", 0.0, 1.0)]),
        begin,
        *told,
        completed(),
        TESTED,
    )
    journal = tmp_path / "journal.jsonl"
    *lines, last = journal.read_text().splitlines()
    fields = {n: v for n, v in json.loads(last).items() if n not in ("baseline", "confusion")}
    journal.write_text("\n".join([*lines, json.dumps(fields), ""]))
    page = write_report(tmp_path).read_text()
    assert "metric best model loss 0.25 accuracy 0.75" in text_of(page)
    assert "baseline" not in text_of(page)
    assert 'id="confusion"' not in page
    assert 'id="test"' not in render(plain(3), {})


def test_the_confusion_matrix():
    info = {"profile": {"classes": ["cat", "a dog with a long name"]}}
    made = figures(plain(3, evaluation=TESTED, dataset_info=info))["confusion"]
    (cells,) = made.data
    assert [list(row) for row in cells.text] == [["5", "1"], ["2", "4"]]
    assert [list(row) for row in cells.z] == [[0.833, 0.167], [0.333, 0.667]]
    assert list(made.layout.yaxis.ticktext) == ["cat", "a dog with a lo…"]
    unnamed = figures(plain(3, evaluation=TESTED))["confusion"]
    assert list(unnamed.layout.xaxis.ticktext) == ["0", "1"]
