"""A search without the command line, for notebooks and scripts."""

from pathlib import Path

from pipeline.configuration.composition import compose_config
from pipeline.results.loading import Search, load_search
from pipeline.search.garbage import none_collected
from pipeline.terminal.quiet import quieten, without_startup_noise


def run_search(*overrides: str, config_dir: str | Path | None = None) -> Search:
    """Run one search, or continue it, as `python -m pipeline` does.

    Args:
        overrides: As on the command line, one each.
        config_dir: A folder with groups of your own.

    Returns:
        The finished search.

    Raises:
        ConfigError: The configuration cannot work; one sentence says why.
        SearchError: No trial completed, or too many failed in a row.
        KeyboardInterrupt: It was interrupted; the same call continues it.

    Example:
        >>> search = run_search("strategy=hyperband", "training.epochs=5")
        >>> search.best_hyperparameters
    """
    folder = None if config_dir is None else Path(config_dir)
    config = compose_config(overrides, None if folder is None else str(folder))
    quieten()
    with without_startup_noise(), none_collected():
        from pipeline.search.search import run_search as run  # imports Keras
    return load_search(run(config, overrides=overrides, config_dir=folder).directory)
