"""A search as it stands, loaded from its folder, or from MLflow alone."""

import pkgutil
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.configuration.config import ConfigError
from pipeline.journal.history import FILE_NAME as JOURNAL
from pipeline.journal.history import History, read
from pipeline.journal.runs import read_pages
from pipeline.journal.tables import epoch_rows, trial_rows
from pipeline.terminal.quiet import quieten, without_startup_noise

if TYPE_CHECKING:  # a second or two each
    import pandas as pd
    import plotly.graph_objects as go

_RUN_ID = re.compile("[0-9a-f]{32}")
_SHOWN = 5


@dataclass(frozen=True, repr=False)
class Search:
    """What a search found, as tables, pictures and a model.

    Attributes:
        history: All that was recorded, from which the rest is made.
        directory: The search's folder; None if it was read from MLflow.
        run_id: The search's run in MLflow; None if it was read from its folder.
        uri: The tracking store of `run_id`, as it was given.
    """

    history: History
    directory: Path | None = None
    run_id: str | None = None
    uri: str | None = None

    @cached_property
    def trials(self) -> "pd.DataFrame":
        """Every attempt at every trial, in the order they began: the columns of trials.csv."""
        import pandas as pd

        columns, rows = trial_rows(self.history)
        return pd.DataFrame(rows, columns=columns)

    @cached_property
    def epochs(self) -> "pd.DataFrame":
        """Every epoch of every execution of every attempt: the columns of epochs.csv."""
        import pandas as pd

        columns, rows = epoch_rows(self.history)
        return pd.DataFrame(rows, columns=columns)

    @cached_property
    def figures(self) -> "Mapping[str, go.Figure]":
        """The report's pictures by their names, for example `curves`."""
        from pipeline.report.figures import figures

        return figures(self.history)

    @property
    def best_hyperparameters(self) -> dict[str, Any] | None:
        """Those of the trial with the best score; None if none has completed."""
        ranked = self.history.ranked()
        return ranked[0].hyperparameters if ranked else None

    def best_model(self) -> Any:
        """Load the model that was tested.

        Returns:
            The Keras model, compiled unless its loss or metrics could not be loaded.

        Raises:
            ValueError: There is none yet; it is made when the search has ended.
            ImportError: The module that built the model cannot be imported.
        """
        evaluation = self.history.evaluation
        if evaluation is None:
            raise ConfigError(
                f"the search {self.history.begin.search} has no best model yet; it is made when "
                "the search has ended"
            )
        source = self.history.begin.config["model"]["_target_"]
        with without_startup_noise():
            import keras

            pkgutil.resolve_name(source)  # its module registers its classes with Keras
        if self.directory is None:
            from pipeline.tracking.retrieval import best_model_of_run

            assert self.run_id is not None
            return best_model_of_run(self.run_id, self.uri)
        return keras.saving.load_model(self.directory / evaluation.model)

    def predict(self, data: Any) -> Any:
        """Predict with the best model what data mean, in the words that it was trained on.

        Args:
            data: Raw examples as a person has them: a frame or dictionary of columns, an array, or
                several by name or one after the other. What a model does not take is ignored.

        Returns:
            A series of the classes' names; a frame of 0 and 1, a column a label; a series or frame
            of numbers; or, of a custom task, what the model predicts. `best_model().predict` gives
            probabilities.

        Raises:
            ValueError: There is no model yet, or the data are not what it takes.

        Example:
            >>> search.predict(pd.read_csv("new_houses.csv"))
        """
        from pipeline.results.predicting import index_of, inputs_of, meaning_of

        info = self.history.begin.dataset_info
        inputs = inputs_of(data, info["schema"])
        model = self.best_model()
        predictions = model.predict(inputs, verbose=0)
        loss = model.loss if model.compiled else None
        return meaning_of(predictions, info["profile"], loss, index_of(data))

    def links(self) -> dict[str, str]:
        """Return the pages of the trials' MLflow runs by trial, as far as they are known."""
        if self.directory is not None:
            return read_pages(self.directory)
        from pipeline.tracking.retrieval import trial_pages

        assert self.run_id is not None
        return trial_pages(self.run_id, self.uri)

    def __repr__(self) -> str:
        from pipeline.report.summary import state_of

        trials = len({attempt.begin.trial for attempt in self.history.attempts})
        return f"<Search {self.history.begin.search}: {state_of(self.history)}, {trials} trials>"

    def _repr_html_(self) -> str:
        """Show it in a notebook: what was found in words, and the best trials."""
        from pipeline.report.summary import sentences

        words = escape(" ".join(sentences(self.history)))
        scored = self.trials.dropna(subset="score")
        ascending = self.history.begin.direction == "min"
        best = scored.sort_values("score", ascending=ascending, kind="stable").head(_SHOWN)
        table = best.to_html(index=False, na_rep="") if len(best) else ""
        return f"<p><b>{escape(self.history.begin.search)}</b> {words}</p>{table}"


def load_search(place: str | Path, uri: str | None = None) -> Search:
    """Load a search that has finished, runs or was interrupted.

    Args:
        place: Its folder, or the id of its run in MLflow, which is enough where the folder is gone.
        uri: The tracking store of a run; by default `MLFLOW_TRACKING_URI`, else
            `sqlite:///mlflow.db`.

    Returns:
        The search as it stands now.

    Raises:
        ValueError: It is neither, a folder was given with an address, or the address can never
            work; one sentence says why.
        ConnectionError: The store cannot be reached.

    Example:
        >>> search = load_search("outputs/searches/digits-mlp-random-20261126-033432-d34c")
        >>> search.trials.sort_values("score").head()
        >>> search.figures["curves"].show()
        >>> search.best_model().predict(x)
    """
    quieten()
    directory = Path(place)
    if directory.exists():
        if not (directory / JOURNAL).is_file():
            raise ConfigError(f"{place} is no search's folder: it has no {JOURNAL}")
        if uri is not None:
            raise ConfigError(
                f"received the folder {place} and an address; an address goes with a run's id"
            )
        return Search(read(directory), directory)
    if not is_run_id(place):
        raise ConfigError(
            f"{place} is neither a search's folder nor the id of a run in MLflow, which has 32 "
            "hexadecimal digits"
        )
    from pipeline.tracking.retrieval import history_of_run

    return Search(history_of_run(str(place), uri), run_id=str(place), uri=uri)


def is_run_id(place: str | Path) -> bool:
    """Whether something may be the id of a run in MLflow."""
    return _RUN_ID.fullmatch(str(place)) is not None
