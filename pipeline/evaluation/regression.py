"""The report on a regression: errors and plots, of each target."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from sklearn.metrics import median_absolute_error, r2_score, root_mean_squared_error

from pipeline.evaluation.report_files import save_figure, write_json

_MOST_TARGETS = 20
_MOST_POINTS = 20_000


def report_regression(
    true: np.ndarray, predicted: np.ndarray, folder: Path, targets: tuple[str, ...] = ()
) -> list[str]:
    """Write the errors and the plots of predicted against true values.

    Args:
        true: Numbers, shape (rows,) or of any further shape.
        predicted: Numbers, of the same shape.
        folder: Where to write.
        targets: Names of the numbers of a row; at most 20 are reported each, further ones together.

    Returns:
        The names of the files.
    """
    true, predicted = (one.reshape(len(one), -1) for one in (true, predicted))
    errors: dict[str, object] = dict(_errors(true.ravel(), predicted.ravel()))
    count = true.shape[1]
    if not 1 < count <= _MOST_TARGETS:
        files = {"predicted_vs_true.png": (true.ravel(), predicted.ravel(), "Test split")}
    else:
        names = targets or tuple(f"target {number}" for number in range(count))
        columns = dict(zip(names, zip(true.T, predicted.T, strict=True), strict=True))
        errors["targets"] = {name: _errors(*pair) for name, pair in columns.items()}
        files = {
            f"predicted_vs_true_{number}.png": (*pair, name)
            for number, (name, pair) in enumerate(columns.items())
        }
    write_json(folder / "errors.json", errors)
    for name, (one, other, title) in files.items():
        figure = draw_predicted_against_true(one, other, _errors(one, other), title)
        save_figure(folder / name, figure)
    return ["errors.json", *files]


def _errors(true: np.ndarray, predicted: np.ndarray) -> dict[str, float | None]:
    return {
        "rmse": float(root_mean_squared_error(true, predicted)),
        "mae": float(np.mean(np.abs(true - predicted))),
        # R² compares with the variance of the true values; one row has none.
        "r2": float(r2_score(true, predicted)) if len(true) > 1 else None,
        "median_absolute_error": float(median_absolute_error(true, predicted)),
    }


def draw_predicted_against_true(
    true: np.ndarray, predicted: np.ndarray, errors: Mapping[str, float | None], title: str
) -> Figure:
    """Draw each row's predicted value against its true one.

    Args:
        true: Numbers, shape (rows,).
        predicted: Numbers, shape (rows,).
        errors: `rmse` and `r2`, which the title states.
        title: What they are of.

    Returns:
        The figure.
    """
    figure = Figure(figsize=(6, 6), layout="constrained")
    axes = figure.subplots()
    if len(true) > _MOST_POINTS:
        drawn = np.random.default_rng(0).choice(len(true), _MOST_POINTS, replace=False)
        true, predicted = true[drawn], predicted[drawn]
    low, high = float(min(true.min(), predicted.min())), float(max(true.max(), predicted.max()))
    margin = 0.03 * (high - low or 1.0)
    limits = (low - margin, high + margin)
    axes.plot(limits, limits, color="0.6", linewidth=1, label="perfect prediction")
    opacity = float(np.clip(300 / len(true), 0.1, 0.7))
    axes.scatter(true, predicted, s=16, alpha=opacity, linewidths=0)
    r2 = "" if errors["r2"] is None else f", R² {errors['r2']:.3g}"
    axes.set(
        xlabel="true",
        ylabel="predicted",
        title=f"{title}: RMSE {errors['rmse']:.4g}{r2}",
        xlim=limits,
        ylim=limits,
        aspect="equal",
    )
    axes.legend()
    return figure
