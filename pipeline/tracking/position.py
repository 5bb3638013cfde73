"""How far a search's journal has got on its way to MLflow, in a file of the search's folder."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pipeline.journal.files import replacing
from pipeline.journal.history import FILE_NAME as JOURNAL

FILE_NAME = "tracking.json"


@dataclass(frozen=True)
class Position:
    """Where a search's journal is delivered to, and how much of it was; kept in its folder.

    Attributes:
        uri: The store's address, without secrets.
        experiment: The experiment's name.
        registered_model: What the best model is registered as; None registers nothing.
        offset: Bytes of the journal that MLflow has.
        experiment_id: The experiment's identifier; None until it was reached.
        run_id: The search's own run; None until it was created.
        version: The best model's version in the registry; None until it was registered.
    """

    uri: str
    experiment: str
    registered_model: str | None
    offset: int = 0
    experiment_id: str | None = None
    run_id: str | None = None
    version: str | None = None

    @classmethod
    def read(cls, directory: Path) -> "Position | None":
        """Read it from a search's folder.

        Args:
            directory: The folder.

        Returns:
            The position, None if the folder has none. If the journal has no record that ends
            there, as when a power cut took its last lines, MLflow is told everything again.

        Raises:
            ValueError: The file is damaged.
        """
        path = directory / FILE_NAME
        if not path.exists():
            return None
        try:
            position = cls(**json.loads(path.read_text(encoding="utf-8")))
            position._check()
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"{path} is damaged ({error}); remove it: then MLflow is told everything again, "
                "which doubles nothing"
            ) from error
        return position if _ends_record(directory, position.offset) else replace(position, offset=0)

    def write(self, directory: Path) -> None:
        """Write it into a search's folder, at once or not at all."""
        with replacing(directory / FILE_NAME) as file:
            file.write(json.dumps(asdict(self)).encode() + b"\n")

    def _check(self) -> None:
        """Raise a TypeError if a field is not what it must be."""
        names = (self.registered_model, self.experiment_id, self.run_id, self.version)
        texts = (self.uri, self.experiment, *(name or "" for name in names))
        if not all(isinstance(text, str) for text in texts) or type(self.offset) is not int:
            raise TypeError("it has values of other types than it was written with")


def _ends_record(directory: Path, offset: int) -> bool:
    """Whether a record of the journal ends at a position, or it is the journal's beginning."""
    if offset <= 0:
        return offset == 0
    try:
        with (directory / JOURNAL).open("rb") as file:
            file.seek(offset - 1)
            return file.read(1) == b"\n"
    except FileNotFoundError:
        return False
