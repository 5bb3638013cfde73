import datetime as dt

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from pipeline.preprocessing import TableEncoding


def text(*values):
    return np.array(values, dtype=object)


def encode(encoding, x):
    """Call a model once, which takes less time than to trace it, as `predict` would."""
    model = keras.Model(*encoding.inputs())
    return keras.ops.convert_to_numpy(model(keras.tree.map_structure(tf.constant, x)))


def standardised(values):
    values = np.asarray(values, float)
    return (values - values.mean(0)) / np.where(values.std(0) > 0, values.std(0), 1)


def numbers_of(moments):
    """Year, month, weekday and days since the first, of pandas' own."""
    dates = pd.to_datetime(pd.Series(moments), format="ISO8601")
    days = (dates.dt.normalize() - dates.min().normalize()).dt.days
    return np.stack([dates.dt.year, dates.dt.month, dates.dt.day_of_week, days], axis=-1)


DAYS = [f"{year}-{month:02}-{day:02}" for year, month, day in [
    (1899, 12, 31), (1900, 2, 28), (1900, 3, 1), (1970, 1, 1), (1999, 12, 31), (2000, 2, 29),
    (2000, 3, 1), (2023, 12, 31), (2024, 1, 1), (2024, 2, 29), (2024, 3, 1), (2026, 11, 27),
]]  # fmt: skip


def test_dates_become_year_month_weekday_and_days_since_the_first():
    x = {"day": text(*DAYS)}
    encoded = encode(TableEncoding.fit(x, dates=["day"]), x)
    assert encoded.shape == (len(DAYS), 4)
    np.testing.assert_allclose(encoded, standardised(numbers_of(DAYS)), atol=2e-6)


@pytest.mark.thorough
def test_every_day_of_two_centuries():
    days = pd.date_range("1900-01-01", "2100-12-31").strftime("%Y-%m-%d").to_numpy(dtype=object)
    encoding = TableEncoding.fit({"day": days}, dates=["day"])
    assert encoding.dates.first_days == ((dt.date(1900, 1, 1) - dt.date(1970, 1, 1)).days,)
    np.testing.assert_allclose(
        encode(encoding, {"day": days}), standardised(numbers_of(days)), atol=2e-5
    )


FORMS = {
    "{d:02}.{m:02}.{y}": False,
    "{d}.{m}.{y}": False,
    " {d}/{m}/{y} ": False,
    "{m}/{d}/{y}": True,
    "{m:02}-{d:02}-{y}": True,
    "{y}/{m:02}/{d:02}": False,
    "{y}-{m:02}-{d:02}T00:00:00.000+02:00": False,
    "{y}-{m:02}-{d:02}": True,
}


def test_other_forms_mean_the_same():
    parts = [dt.date.fromisoformat(day) for day in DAYS]
    x = {
        str(number): text(*(form.format(y=p.year, m=p.month, d=p.day) for p in parts))
        for number, form in enumerate(FORMS)
    }
    month_first = [name for name, first in zip(x, FORMS.values(), strict=True) if first]
    encoding = TableEncoding.fit(x, dates=[*x], month_first=month_first)
    expected = np.tile(standardised(numbers_of(DAYS)), len(FORMS))
    np.testing.assert_allclose(encode(encoding, x), expected, atol=2e-6)
    # Whoever serves the model may write all of them as computers do.
    iso = dict.fromkeys(x, text(*DAYS))
    np.testing.assert_allclose(encode(encoding, iso), expected, atol=2e-6)


def test_without_times_a_later_one_changes_nothing():
    encoding = TableEncoding.fit({"at": text(*DAYS)}, dates=["at"])
    timed = encode(encoding, {"at": text(*(f"{day} 18:30" for day in DAYS))})
    np.testing.assert_array_equal(timed, encode(encoding, {"at": text(*DAYS)}))


MISSING = [
    "",
    "NA",
    "2026-13-01",
    "2026-00-10",
    "2026-01-32",
    "26-01-01",
    "soon",
    "2026-01",
    "1/2/3",
]


def test_a_missing_date_is_the_median_and_marked_once():
    x = {"day": text("2026-01-01", "", "2026-01-03", "2026-01-02")}
    encoding = TableEncoding.fit(x, dates=["day"])
    encoded = encode(encoding, x)
    assert encoded.shape == (4, 5)
    assert encoded[:, 4].tolist() == [0, 1, 0, 0]
    np.testing.assert_allclose(encoded[1, :4], encoded[3, :4], atol=1e-6)
    later = encode(encoding, {"day": text(*MISSING)})
    np.testing.assert_array_equal(later, np.tile(encoded[1], (len(MISSING), 1)))


def test_a_column_of_one_date_is_0_whatever_it_has_later():
    encoding = TableEncoding.fit({"day": text("2026-01-01", "2026-01-01")}, dates=["day"])
    assert not encode(encoding, {"day": text("2026-01-01", "1999-07-07", "", "x")}).any()


def test_no_date_in_any_training_row():
    encoding = TableEncoding.fit({"day": text("", "")}, dates=["day"])
    assert not encode(encoding, {"day": text("", "2026-01-01")}).any()


def test_dates_stand_beside_other_columns():
    x = {
        "n": np.array([1, 2, np.nan, 4], np.float32),
        "sold": text("2026-01-01", "2026-02-01", "2026-03-01", "2026-04-01"),
        "c": text("a", "b", "a", "b"),
        "built": text("1990-05-05", "", "1980-05-05", "1970-05-05"),
    }
    both = encode(TableEncoding.fit(x, dates=["sold", "built"]), x)
    parts = {
        "n": encode(TableEncoding.fit({"n": x["n"]}), {"n": x["n"]}),
        "sold": encode(TableEncoding.fit({"sold": x["sold"]}, dates=["sold"]), {"sold": x["sold"]}),
        "built": encode(
            TableEncoding.fit({"built": x["built"]}, dates=["built"]), {"built": x["built"]}
        ),
        "c": encode(TableEncoding.fit({"c": x["c"]}), {"c": x["c"]}),
    }
    numbers = [parts["n"][:, :1], parts["sold"], parts["built"][:, :4]]
    marks = [parts["n"][:, 1:], parts["built"][:, 4:]]
    np.testing.assert_allclose(both, np.concatenate([*numbers, *marks, parts["c"]], 1), atol=1e-6)


def test_a_saved_model_reads_dates_and_words(tmp_path):
    train = {"at": text("11/27/2026 18:30", "1/2/2025 0:00", ""), "note": text("a b", "B, ä", "")}
    encoding = TableEncoding.fit(train, dates=["at"], month_first=["at"], text=["note"])
    inputs, features = encoding.inputs()
    model = keras.Model(inputs, keras.layers.Dense(2)(features))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    rows = {"at": text("2/29/2024 7:45", "", "2024-02-29"), "note": text("b", "", "ä! A?")}
    predicted = model.predict(rows, verbose=0)
    np.testing.assert_array_equal(loaded.predict(rows, verbose=0), predicted)
    assert len({*map(tuple, predicted)}) == 3
