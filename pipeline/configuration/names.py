"""What a search calls its dataset, model and strategy; experiment and model are named by them."""

import dataclasses
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from pipeline.configuration.choices import read_choice
from pipeline.configuration.config import Config, ConfigError
from pipeline.configuration.rules import check_names

UNTIL_IT_IS_LOADED = "{dataset}"
"""Stands in names for that of a dataset which a function of the user's gives it."""

_OURS = "pipeline.datasets."
_COMPRESSED = {".gz", ".bz2", ".zip", ".xz", ".zst", ".tar"}


def name_of(group: str, *, _root_: DictConfig) -> str:
    """Return what a group's choice is called; OmegaConf's resolver `name_of`.

    Args:
        group: `dataset`, `model`, `strategy` or `pruner`.
        _root_: The composed configuration.

    Returns:
        Of a dataset the choice, the name of the file or folder, or, where a function of the user's
        gives it one, `UNTIL_IT_IS_LOADED`. Of the others the choice, or the `_target_`
        where another one was given than the choice has.

    Raises:
        ConfigError: Several choices are given at once.
    """
    choice = OmegaConf.select(_root_, f"choices.{group}", throw_on_resolution_failure=False)
    if not isinstance(choice, str):
        raise ConfigError(
            f"{group} must be one choice, {group}=NAME; to search several: -m {group}=A,B"
        )
    node = _root_[group]
    if not isinstance(node, DictConfig):
        return choice
    target = None if OmegaConf.is_missing(node, "_target_") else node.get("_target_")
    if group == "dataset" and target is not None:
        return _dataset_name(node, str(target), choice)
    sources = HydraConfig.get().runtime.config_sources
    folders = [Path(source.path) for source in sources if source.schema == "file"]
    own = (read_choice(group, choice, folders) or {}).get("_target_")
    return choice.replace("/", "-") if target in (None, own) else str(target)


def _dataset_name(node: DictConfig, target: str, choice: str) -> str:
    if not target.startswith(_OURS):
        return UNTIL_IT_IS_LOADED
    # Arrays in files of their own have no other path than that of the inputs.
    for key in ("path", "x"):
        given = None if OmegaConf.is_missing(node, key) else node.get(key)
        if given is not None and not OmegaConf.is_config(given):
            return stem(Path(str(given)))
    return choice


def resolve_names(config: DictConfig) -> None:
    """Resolve what is called how, once for all that is named by it.

    Args:
        config: A composed configuration of its own.
    """
    if "names" in config:
        OmegaConf.resolve(config.names)


def stem(path: Path) -> str:
    """Return a file's or folder's name without what tells its format and compression.

    Args:
        path: It need not exist.

    Returns:
        For example `houses` of `data/houses.csv.gz`; of a folder the whole name.
    """
    path = path.expanduser().resolve()
    if path.is_dir():
        return path.name
    return Path(path.stem).stem if path.suffix in _COMPRESSED else path.stem


def named(config: Config, dataset: str) -> Config:
    """Return the configuration with the dataset's own name where it was not known before.

    Args:
        config: The typed configuration.
        dataset: What the loaded dataset is called.

    Raises:
        ConfigError: Nothing can be called so.
    """

    def complete(value: str) -> str:
        return value.replace(UNTIL_IT_IS_LOADED, dataset)

    experiment, registered = config.tracking.experiment, config.tracking.registered_model
    tracking = dataclasses.replace(
        config.tracking,
        experiment=complete(experiment),
        registered_model=None if registered is None else complete(registered),
    )
    names = dataclasses.replace(config.names, dataset=complete(config.names.dataset))
    named = dataclasses.replace(config, name=complete(config.name), tracking=tracking, names=names)
    check_names(named)
    return named
