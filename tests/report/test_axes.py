"""Axes of the report's pictures: what they name, of which kind they are, what they show."""

import math

import pytest

from pipeline.report.figures import figures, pictures
from pipeline.report.layout import readable
from pipeline.report.scale import Scale
from pipeline.report.space import space_of
from tests.report.made import SPACE, choice, number, plain, search, trial


def scale(entry, *tried) -> Scale:
    name = entry["config"]["name"]
    told = [trial(f"{i:04}", {name: value}, 0.5) for i, value in enumerate(tried)]
    return Scale(space_of(search(told, entry))[name])


@pytest.mark.parametrize(
    ("entry", "named", "kind"),
    [
        (choice("a", "relu", "tanh"), ["relu", "tanh"], None),
        (choice("a", 256, 32, 128), ["32", "128", "256"], None),
        (choice("a", 0.1, 1e-3), ["0.001", "0.1"], None),
        ({"class_name": "Boolean", "config": {"name": "a"}}, ["False", "True"], None),
        (number("a", 1, 4, "Int"), ["1", "2", "3", "4"], None),
        (number("a", 16, 64, "Int", step=16), ["16", "32", "48", "64"], None),
        (
            number("a", 8, 128, "Int", step=8),
            ["8", "24", "40", "56", "72", "88", "104", "120"],
            None,
        ),
        (number("a", 0.0, 0.3, step=0.1), ["0", "0.1", "0.2", "0.3"], None),
        (number("a", 16, 100, "Int", step=2, sampling="log"), ["16", "32", "64"], "log"),
        (number("a", 1e-4, 1e-1, sampling="log"), ["0.0001", "0.001", "0.01", "0.1"], "log"),
        (
            number("a", 1e-3, 3e-2, sampling="log"),
            ["0.001", "0.002", "0.005", "0.01", "0.02"],
            "log",
        ),
        (
            number("a", 3e-3, 4e-3, sampling="log"),
            ["0.003", "0.0032", "0.0034", "0.0036", "0.0038", "0.004"],
            "log",
        ),
        (number("a", 0.0, 0.9), None, None),
        (number("a", 8, 512, "Int"), None, None),
    ],
)
def test_an_axis_names_what_is_searched(entry, named, kind):
    layout = scale(entry).layout()
    assert layout.get("ticktext") == named
    assert layout.get("type") == kind
    low, high = layout["range"]
    places = layout.get("tickvals", [])
    assert all(low < (math.log10(at) if kind == "log" else at) < high for at in places)


@pytest.mark.parametrize(
    ("entry", "values", "named"),
    [
        (number("a", 0.0, 0.9), (0.0, 0.45, 0.9), ["0", "0.2", "0.4", "0.6", "0.8"]),
        (number("a", 1e-4, 1e-2, sampling="log"), (1e-4, 1e-3, 1e-2), ["0.0001", "0.001", "0.01"]),
        (number("a", 8, 512, "Int"), (8, 260, 512), ["100", "200", "300", "400", "500"]),
    ],
)
def test_heights_of_a_range(entry, values, named):
    made = scale(entry)
    assert [made.height(value) for value in values] == pytest.approx([0, 0.5, 1])
    assert [text for _, text in made.marks()] == named


def points(made):
    """Where the trials' lines are: axis, height and what is said of the trial."""
    told = [zip(line.x, line.y, line.text, strict=True) for line in made.data]
    return [point for line in told for point in line if point[0] is not None]


def test_trials_of_one_value_stand_side_by_side():
    """The better the higher, and all in the part of the axis that the value has."""
    trials = [trial(f"{i:04}", {"a": "xy"[i % 2]}, i / 9) for i in range(10)]
    made = figures(search(trials, choice("a", "x", "y")))["parallel_coordinates"]
    heights = [(y, text) for axis, y, text in points(made) if axis == 0]
    ordered = [text[6:10] for _, text in sorted(heights, reverse=True)]
    assert ordered == [f"{i:04}" for i in (1, 3, 5, 7, 9, 0, 2, 4, 6, 8)]
    assert sum(0 < y < 0.5 for y, _ in heights) == sum(0.5 < y < 1 for y, _ in heights) == 5


@pytest.mark.parametrize("direction", ["min", "max"])
def test_the_best_trial_is_on_top_at_the_score(direction):
    history = plain(30, direction=direction)
    made = figures(history)["parallel_coordinates"]
    last = len(made.layout.xaxis.ticktext) - 1
    best = history.ranked()[0].begin.trial
    ends = {text: y for x, y, text in points(made) if x == last}
    (highest,) = [text for text, y in ends.items() if y == max(ends.values())]
    assert highest.startswith(f"trial {best}: val_loss")


def test_what_a_trial_does_not_have_is_absent():
    trials = []
    for i in range(12):
        more = {"momentum": 0.5 + i / 50} if i % 2 else {}
        trials.append(trial(f"{i:04}", {"optimizer": ["adam", "sgd"][i % 2], **more}, i / 9))
    space = [choice("optimizer", "adam", "sgd")]
    space.append(number("momentum", 0.0, 1.0, conditions=[{"name": "optimizer"}]))
    made = figures(search(trials, *space))["parallel_coordinates"]
    absent = [one for one in made.layout.annotations if one.text == "absent"]
    assert [made.layout.xaxis.ticktext[one.x] for one in absent] == ["momentum"]
    assert sum(y == absent[0].y for _, y, _ in points(made)) == 6


def test_slices_and_contour_are_logarithmic_where_the_space_is():
    shown = figures(plain(40))
    slices = {axis.title.text: axis for axis in shown["slice"].select_xaxes()}
    assert slices["rate"].type == "log"
    assert slices["dropout"].type is None
    assert list(slices["activation"].ticktext) == ["relu", "tanh"]
    assert list(slices["units"].ticktext) == ["8", "16", "24", "32", "40", "48", "56", "64"]
    contour = shown["contour"].layout
    assert (contour.xaxis.title.text, contour.xaxis.type) == ("rate", "log")
    assert contour.yaxis.title.text == "dropout"


def test_the_score_axis_shows_what_matters():
    """Half of the trials never learn; the others are told apart."""
    scores = [0.1 + i / 100 for i in range(12)] + [2.3] * 10
    assert readable(scores, "min") == pytest.approx((0.1, 0.21))
    assert readable([-score for score in scores], "max") == pytest.approx((-0.21, -0.1))
    trials = [trial(f"{i:04}", {"rate": 0.01, "units": 8 + i}, s) for i, s in enumerate(scores)]
    shown = {picture.name: picture for picture in pictures(search(trials, *SPACE))}
    for name in ("progress_trials", "progress_epochs", "progress_seconds", "slice"):
        assert shown[name].figure.layout.yaxis.range[1] < 0.25, name
        assert "10 values above 0.21 outside" in shown[name].caption
    assert shown["curves"].figure.layout.yaxis.range[1] < 1


def test_both_kinds_of_the_scores_axis_are_in_the_figure():
    trials = [trial(f"{i:04}", {"units": 8 + i}, s) for i, s in enumerate([1, 30, 40, 100])]
    layout = figures(search(trials, *SPACE))["progress_trials"].layout
    assert layout.yaxis.type == "log"  # from 1 to 100
    kinds = layout.meta["score_axis"]
    assert kinds["logarithmic"]["range"] == pytest.approx([-0.1, 2.1])
    assert kinds["linear"]["range"] == pytest.approx([1 - 4.95, 100 + 4.95])
    negative = [trial(f"{i:04}", {"units": 8 + i}, i - 4) for i in range(9)]
    layout = figures(search(negative, *SPACE))["progress_trials"].layout
    assert list(layout.meta["score_axis"]) == ["linear"]
    assert layout.yaxis.type == "linear"


def test_epochs_and_trials_are_whole_numbers():
    trials = [trial(f"{i:04}", {"units": 8 + i}, i, epochs=2) for i in range(3)]
    shown = figures(search(trials, *SPACE))
    assert {shown[name].layout.xaxis.nticks for name in ("curves", "training")} == {2}
    assert shown["progress_trials"].layout.xaxis.nticks == 4


def test_training_is_shown_beside_validation():
    picture = next(p for p in pictures(plain(20)) if p.name == "training")
    assert "the 3 best trials" in picture.caption
    lines = picture.figure.data
    assert [line.line.dash for line in lines] == ["solid", "dot"] * 3
    for validation, training in zip(lines[::2], lines[1::2], strict=True):
        assert validation.y == pytest.approx([2 * loss for loss in training.y], rel=1e-3)
    own = search([trial("0000", {"units": 8})], *SPACE, objective="loss")
    (why,) = [p.caption for p in pictures(own) if p.name == "training"]
    assert why.startswith("No trial with a score has told loss of both")
