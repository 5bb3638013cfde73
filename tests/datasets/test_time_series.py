import keras
import numpy as np
import pandas as pd
import pytest

from pipeline.datasets import time_series
from pipeline.datasets.rows import Rows
from tests.datasets.test_datasets import choice


@pytest.fixture
def weather(tmp_path):
    """100 hours: `hour` counts them, so that a value says which row it is of."""
    path = tmp_path / "weather.csv"
    hours = np.arange(100)
    table = pd.DataFrame({"time": hours + 5, "hour": hours, "wind": 2.0 * hours, "sky": "blue"})
    table.to_csv(path, index=False)
    return path


def load(path, **arguments):
    defaults = {"target": "hour", "time": "time", "window": 6, "horizon": 2}
    return choice("series", path=str(path), **(defaults | arguments))


def splits(dataset):
    return [dataset.train, dataset.validation, dataset.test]


def test_windows_of_a_table_are_a_dataset(weather):
    dataset = load(weather)
    assert (dataset.name, dataset.source, dataset.task) == ("weather", str(weather), "regression")
    assert dataset.input_shape == (6, 2)
    assert dataset.targets == ("hour+1", "hour+2")
    for split in splits(dataset):
        first = split.x[:, 0, 0]
        np.testing.assert_array_equal(split.x[..., 0], first[:, None] + np.arange(6))
        np.testing.assert_array_equal(split.x[..., 1], 2 * split.x[..., 0])
        np.testing.assert_array_equal(split.y, first[:, None] + [6, 7])
        assert split.x.dtype == split.y.dtype == np.float32


def test_several_targets_are_predicted_at_each_step(weather):
    dataset = load(weather, target=["wind", "hour"], inputs=["hour"], horizon=3)
    assert dataset.input_shape == (6, 1)
    assert dataset.test.y.shape[1:] == (3, 2)
    assert dataset.targets == ("wind+1", "hour+1", "wind+2", "hour+2", "wind+3", "hour+3")
    np.testing.assert_array_equal(dataset.test.y[..., 0], 2 * dataset.test.y[..., 1])
    np.testing.assert_array_equal(dataset.test.y[:, 0, 1], dataset.test.x[:, -1, 0] + 1)


@pytest.mark.parametrize("arguments", [{}, {"stride": 3}, {"window": 1, "horizon": 1}])
def test_no_split_sees_or_predicts_what_another_predicts(weather, arguments):
    dataset = load(weather, **arguments)
    before = -1.0
    for split in splits(dataset):
        assert split.x[..., 0].min() > before
        before = split.y.max()
    assert before >= 99 - arguments.get("stride", 1) + 1


def test_the_splits_have_their_fractions_of_all_windows(weather):
    dataset = load(weather, validation_size=0.2, test_size=0.1)  # of 93 windows
    assert [len(split) for split in splits(dataset)] == [93 - 19 - 9 - 2 * 7, 19, 9]
    assert dataset.notes[-1] == (
        "windows: train 51 (rows 1 to 58), validation 19 (rows 59 to 84), test 9 (rows 85 to 100); "
        "14 reach into the next split and are in none"
    )


def test_a_stride_leaves_windows_out(weather):
    dataset = load(weather, stride=4)
    starts = np.concatenate([split.x[:, 0, 0] for split in splits(dataset)])
    assert set(np.diff(starts)) <= {4, 8, 12}


def test_inputs_are_standardised_by_the_rows_of_the_training_windows(weather):
    dataset = load(weather)
    rows = np.arange(dataset.train.y.max() + 1)
    inputs, scaled = dataset.inputs()
    assert scaled.shape == (None, 6, 2)
    encoded = keras.Model(inputs, scaled)(dataset.test.x).numpy()
    expected = (dataset.test.x[..., 0] - rows.mean()) / rows.std()
    np.testing.assert_allclose(encoded, np.stack([expected] * 2, -1), rtol=1e-5)


def test_rows_are_sorted_by_their_time(weather):
    shuffled = pd.read_csv(weather).sample(frac=1, random_state=0)
    shuffled.to_csv(weather.with_name("shuffled.csv"), index=False)
    dataset = load(weather.with_name("shuffled.csv"))
    assert dataset.digest == load(weather).digest
    assert "the rows are sorted by time" in dataset.notes


def test_dates_are_a_time(weather):
    table = pd.read_csv(weather)
    table["time"] = pd.date_range("2026-12-30", periods=100, freq="h").strftime("%Y-%m-%d %H:%M")
    dated = weather.with_name("dated.tsv")
    table[::-1].to_csv(dated, index=False, sep="\t")
    assert load(dated).digest == load(weather).digest


def test_without_a_time_the_rows_are_in_order(weather):
    dataset = load(weather, time=None)
    assert dataset.input_shape == (6, 3)  # it is a number like the others
    assert "left out, as they hold no numbers: sky" in dataset.notes


def test_a_missing_input_is_the_one_before_and_a_missing_target_is_in_no_window(weather):
    table = pd.read_csv(weather).astype({"wind": object})
    table.loc[[0, 1, 30], "wind"] = None
    table.loc[50, "wind"] = "n/a"
    table.to_csv(weather, index=False)
    known = load(weather)
    assert np.isfinite(known.train.x).all()
    assert known.train.x[0, 0].tolist() == [2, 4]
    held = known.train.x[known.train.x[..., 0] == 30]
    assert held[:, 1].tolist() == [58] * len(held)
    assert "missing inputs are the values before them: wind (4)" in known.notes
    predicted = load(weather, target="wind", inputs=["hour"], window=3, horizon=1)
    seen = np.concatenate([split.y.ravel() for split in splits(predicted)])
    assert not {60, 100} & set(seen)
    assert {58, 62, 98, 102} <= set(seen)


def test_many_windows_are_views_of_the_rows(weather, monkeypatch):
    copied = load(weather)
    monkeypatch.setattr(time_series, "_MOST_BYTES", 0)
    viewed = load(weather)
    assert all(isinstance(split.x, Rows) for split in splits(viewed))
    assert viewed.digest == copied.digest
    for one, other in zip(splits(viewed), splits(copied), strict=True):
        np.testing.assert_array_equal(np.asarray(one.x), other.x)
    joined = viewed.training_data()
    assert isinstance(joined.x, Rows)
    np.testing.assert_array_equal(np.asarray(joined.x), copied.training_data().x)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"target": "hours"}, "target 'hours' is not a column of .*did you mean 'hour'"),
        ({"target": []}, r"target must be a list of columns, received \[\]"),
        ({"target": ["hour", "hour"]}, "target must list each column once"),
        ({"target": "sky"}, r"the columns \['sky'\] must hold numbers"),
        ({"inputs": "hour"}, "inputs must be a list of columns, received 'hour'"),
        ({"inputs": ["sky"]}, r"the columns \['sky'\] must hold numbers"),
        ({"time": "date"}, "time 'date' is not a column"),
        ({"time": "sky"}, "time column 'sky' must hold numbers, or dates of one form"),
        ({"window": 0}, "window must be an integer >= 1, received 0"),
        ({"horizon": 1.5}, r"horizon must be an integer >= 1, received 1\.5"),
        ({"window": 40}, "59 windows without a missing value, too few for three splits"),
        ({"window": 400}, "there are 0 windows"),
        ({"test_size": 0}, "test_size must be a fraction"),
    ],
)
def test_wrong_arguments_are_one_sentence(weather, arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        load(weather, **arguments)


def test_wrong_rows_are_one_sentence(weather):
    table = pd.read_csv(weather)
    twice = pd.concat([table, table.iloc[[7]]])
    twice.to_csv(weather, index=False)
    with pytest.raises(ValueError, match=r"'time' has '?12'? twice: a table holds one series"):
        load(weather)
    table.assign(wind=np.inf).to_csv(weather, index=False)
    with pytest.raises(ValueError, match="column 'wind' has 100 infinite values"):
        load(weather)
    table.assign(wind="").to_csv(weather, index=False)
    with pytest.raises(ValueError, match="column 'wind' has no value in any of 100 rows"):
        load(weather, target="wind")
