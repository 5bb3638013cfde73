"""The files that tell what a model predicts: for a spreadsheet, and pictures."""

import csv
import json

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.image import imread

from pipeline.evaluation.predictions import draw_confusion_matrix, report_classification
from pipeline.evaluation.regression import draw_predicted_against_true, report_regression

CLASSES = ("=1+1", "-no", "plain", "@home")
TRUE, PREDICTED = np.array([0, 1, 2, 3, 3, 0]), np.array([0, 2, 2, 3, 0, 0])
MATRIX = np.array([[2, 0, 0, 0], [0, 0, 1, 0], [0, 0, 1, 0], [1, 0, 0, 1]])


def test_no_class_is_a_formula(tmp_path):
    report_classification(TRUE, PREDICTED, MATRIX, CLASSES, tmp_path)
    with (tmp_path / "confusion_matrix.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    guarded = ["'=1+1", "'-no", "plain", "'@home"]
    assert header == ["true / predicted", *guarded]
    assert [row[0] for row in rows] == guarded
    assert np.array([row[1:] for row in rows], int).tolist() == MATRIX.tolist()


@pytest.mark.parametrize("autolayout", [False, True])
def test_pictures_are_those_that_matplotlib_saves(autolayout, tmp_path):
    """They are drawn once, where `savefig` draws them twice for their layout."""
    true, predicted = np.linspace(0, 1, 30), np.linspace(0.2, 1, 30) ** 2
    with mpl.rc_context({"figure.autolayout": autolayout}):  # as a user's matplotlibrc may say
        report_classification(TRUE, PREDICTED, MATRIX, CLASSES, tmp_path)
        report_regression(true, predicted, tmp_path)
        errors = json.loads((tmp_path / "errors.json").read_text())
        figures = {
            "confusion_matrix.png": draw_confusion_matrix(MATRIX, CLASSES),
            "predicted_vs_true.png": draw_predicted_against_true(
                true, predicted, errors, "Test split"
            ),
        }
        for name, figure in figures.items():
            figure.savefig(tmp_path / "plain.png")
            assert np.array_equal(imread(tmp_path / name), imread(tmp_path / "plain.png"))
