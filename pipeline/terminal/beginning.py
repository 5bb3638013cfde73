"""What a terminal says until a search begins, which takes seconds: what is being loaded.

It is said to who waits before a screen, and imports nothing heavy.
"""

import sys
from typing import TYPE_CHECKING

from pipeline.configuration.config import Config
from pipeline.configuration.names import UNTIL_IT_IS_LOADED

if TYPE_CHECKING:
    from rich.console import Console


def tell_libraries(config: Config) -> None:
    """Say what will be searched, and that libraries are loaded for it, unless they are there."""
    if config.verbose > 0 and sys.stdout.isatty() and "keras" not in sys.modules:
        names = f"{config.names.strategy} on {_dataset(config)} with {config.names.model}"
        sys.stdout.write(f"Loading TensorFlow and Keras for {names}\n")
        sys.stdout.flush()


def tell_dataset(console: "Console", config: Config) -> None:
    """Say that the dataset is being loaded."""
    _tell(console, f"Loading the dataset {_dataset(config)}")


def tell_model(console: "Console", config: Config) -> None:
    """Say that a model is being built, given one batch and saved; it may be downloaded first."""
    _tell(console, f"Trying the model {config.names.model}")


def _tell(console: "Console", sentence: str) -> None:
    if console.is_interactive:
        console.print(sentence, soft_wrap=True, markup=False)


def _dataset(config: Config) -> str:
    """Return what the dataset is called, as far as that is known before it is loaded."""
    name = config.names.dataset
    return config.choices.dataset if UNTIL_IT_IS_LOADED in name else name
