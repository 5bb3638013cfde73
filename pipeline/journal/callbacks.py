"""The hooks a search calls, and the plain records they receive."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """How a search or an attempt at a trial ended; only a trial can be PRUNED."""

    COMPLETED = "COMPLETED"
    """It ran to its end and has a result."""
    FAILED = "FAILED"
    """It raised, or its objective was not a finite number."""
    INTERRUPTED = "INTERRUPTED"
    """It was stopped from outside before its end."""
    PRUNED = "PRUNED"
    """It was stopped before its end as others did better; it may be taken up again later."""


@dataclass(frozen=True)
class SearchBegin:
    """A search starts, or continues after an interruption.

    Attributes:
        search: Identifier of the search, unique in its storage; also its folder's name.
        name: The search's name, as configured.
        strategy: Choice of the `strategy` group.
        dataset: Choice of the `dataset` group.
        model: Choice of the `model` group.
        task: `classification` or `regression`.
        objective: Name of the metric that is optimised, for example `val_loss`.
        direction: `min` or `max`.
        fingerprint: Digest of everything that decides the search's results, `modules` included.
        sweep: Identifier shared by the searches of one Hydra multirun, or None.
        seed: Seed of the whole search.
        executions_per_trial: Trainings of each trial, at least 1.
        total_trials: Trials the strategy will run if none fails; None if it cannot be known.
        total_epochs: Epochs those trials train at most, executions included; None if unknown.
        dataset_info: What MLflow shows of the dataset: `digest`, `source`, `schema`, `profile`.
        space: The search space, one entry a hyperparameter, as KerasTuner's configuration.
        config: The composed configuration, without secrets.
        overrides: What the command line changed.
        versions: Versions of the packages that decide results.
        time: Seconds since the epoch.
        settings: The fingerprint without `modules`; it is the same one in journals of before
            they counted, which have None here.
        modules: Digests of the user's own modules that the configuration reaches, by name; None
            likewise.
        varied: Those of the overrides that other searches of the sweep have otherwise.
        pruner: Choice of the `pruner` group; `none` in journals of before there was one.
        machine: What else decides how numbers are rounded: the processor, its cores, accelerators;
            empty in older journals.
        fork_of: The `search`, `trial` and `attempt` of which this is a fork, and the `page` of the
            trial's run in MLflow where it is known; empty of any other search.
        opening: Values that the oracle begins with, in their order; empty in older journals.
        measured: What it knows of earlier searches and has not measured itself: the `values`, the
            `score`, and the `search` and `trial` that they are of.
        taken_over: What was taken over of earlier searches, changed or dropped, in sentences.
    """

    search: str
    name: str
    strategy: str
    dataset: str
    model: str
    task: str
    objective: str
    direction: str
    fingerprint: str
    sweep: str | None
    seed: int
    executions_per_trial: int
    total_trials: int | None
    total_epochs: int | None
    dataset_info: Mapping[str, Any]
    space: list[dict[str, Any]]
    config: Mapping[str, Any]
    overrides: list[str]
    versions: Mapping[str, str]
    time: float
    settings: str | None = None
    modules: Mapping[str, str] | None = None
    varied: list[str] = field(default_factory=list)
    pruner: str = "none"
    machine: Mapping[str, str] = field(default_factory=dict)
    fork_of: Mapping[str, str] = field(default_factory=dict)
    opening: list[dict[str, Any]] = field(default_factory=list)
    measured: list[dict[str, Any]] = field(default_factory=list)
    taken_over: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class TrialBegin:
    """An attempt at a trial starts.

    Attributes:
        trial: Identifier of the trial.
        attempt: 0 for the first try at it, 1 for the first retry, …
        hyperparameters: The values under evaluation, without KerasTuner's own `tuner/…` values.
        lineage: Hyperband's `bracket`, `round`, `parent` (a trial or None); empty otherwise.
        initial_epoch: Absolute epoch at which the training starts; above 0 after a promotion.
        epochs: Absolute epoch before which it ends.
        time: Seconds since the epoch.
    """

    trial: str
    attempt: int
    hyperparameters: Mapping[str, Any]
    lineage: Mapping[str, Any]
    initial_epoch: int
    epochs: int
    time: float


@dataclass(frozen=True)
class EpochEnd:
    """One epoch of one execution was trained.

    Attributes:
        trial: Identifier of the trial.
        attempt: As in `TrialBegin`.
        execution: 0 for the trial's first execution, 1 for its second, …
        epoch: Absolute epoch, from 0.
        logs: What Keras reported for the epoch; values may be NaN or infinite.
        time: Seconds since the epoch.
    """

    trial: str
    attempt: int
    execution: int
    epoch: int
    logs: Mapping[str, float]
    time: float


@dataclass(frozen=True)
class TrialEnd:
    """An attempt at a trial ended.

    Attributes:
        trial: Identifier of the trial.
        attempt: As in `TrialBegin`.
        status: How it ended.
        score: The objective's value, the mean over executions; None unless COMPLETED.
        best_epoch: Absolute epoch of the score; None unless COMPLETED or if no epochs were seen.
        metrics: All metrics at their execution's best epoch, the mean over executions.
        epochs_trained: Epochs trained by this attempt, executions included.
        duration_seconds: Wall-clock time of this attempt.
        final: False if another attempt at the trial follows. One that was PRUNED may begin again.
        message: One sentence on why it failed; None if it did not.
        traceback: The failure's traceback; None if there is none.
        time: Seconds since the epoch.
        declared: Hyperparameters that the search space did not have before this trial, as
            KerasTuner's configuration; a hypermodel's own `fit` may declare some.
        declared_values: Their values in this trial.
        deaths: How many counted, if it FAILED because of them; else 0.
        unused: Names of hyperparameters that its model did not ask for.
    """

    trial: str
    attempt: int
    status: Status
    score: float | None
    best_epoch: int | None
    metrics: Mapping[str, float]
    epochs_trained: int
    duration_seconds: float
    final: bool
    message: str | None
    traceback: str | None
    time: float
    declared: list[dict[str, Any]] = field(default_factory=list)
    declared_values: Mapping[str, Any] = field(default_factory=dict)
    deaths: int = 0
    unused: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class SearchEnd:
    """The search's loop ended.

    Attributes:
        status: COMPLETED (also if the space was exhausted early), FAILED or INTERRUPTED.
        best_trial: The best COMPLETED trial, None if there is none.
        message: One sentence on why it did not complete, or ended early; None otherwise.
        time: Seconds since the epoch.
        out_of_time: Whether it ended because `budget.seconds` were over.
        wrong_configuration: Whether it failed because the configuration cannot work, whatever the
            trial.
        limit: The key of the section `budget` whose limit ended it; None in journals of before
            there were others than of seconds.
    """

    status: Status
    best_trial: str | None
    message: str | None
    time: float
    out_of_time: bool = False
    wrong_configuration: bool = False
    limit: str | None = None


@dataclass(frozen=True)
class EvaluationEnd:
    """The best model was tested and saved.

    Attributes:
        trial: The trial whose hyperparameters the model has.
        retrained: Whether it was trained again on train and validation data together.
        epochs: Epochs behind the evaluated weights.
        metrics: Metrics on the test split, named as Keras names them, without prefix.
        score_name: The metric of `metrics` that corresponds to the objective.
        model: Path of the saved `.keras` file, relative to the search's folder.
        artifacts: Paths of reports and plots, relative to the search's folder.
        time: Seconds since the epoch.
        baseline: Of the same metrics, as far as they can be told, what predicting the same for
            every row achieves; empty in journals of before it was measured.
        confusion: How many rows of each class (the outer list) were predicted as each, in the
            order of the dataset's classes; None if there are none or more than a hundred, and in
            older journals.
    """

    trial: str
    retrained: bool
    epochs: int
    metrics: Mapping[str, float]
    score_name: str
    model: str
    artifacts: list[str] = field(default_factory=list)
    time: float = 0.0
    baseline: Mapping[str, float] = field(default_factory=dict)
    confusion: list[list[int]] | None = None


Record = SearchBegin | TrialBegin | EpochEnd | TrialEnd | SearchEnd | EvaluationEnd


class SearchCallback:
    """Told of a search's events, in order; every hook does nothing by default.

    A hook is called after the oracle knows of the event and from the search's own thread. What
    it raises ends the search.
    """

    def on_search_begin(self, record: SearchBegin) -> None:
        """Called once, before the first trial is proposed."""

    def on_trial_begin(self, record: TrialBegin) -> None:
        """Called before an attempt at a trial builds its model."""

    def on_epoch_end(self, record: EpochEnd) -> None:
        """Called after each epoch of each execution."""

    def on_trial_end(self, record: TrialEnd) -> None:
        """Called after every attempt, however it ended."""

    def on_search_end(self, record: SearchEnd) -> None:
        """Called once when the loop has ended, however it ended."""

    def on_evaluation_end(self, record: EvaluationEnd) -> None:
        """Called after `on_search_end`, when the best model was tested and saved."""
