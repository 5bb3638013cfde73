"""What a search or a sweep has left in its folder, kept for the tests that go on from there."""

import itertools
import shutil
from pathlib import Path


class Kept:
    """Keeps folders under a name, and restores them in others.

    The paths in their files and databases are those of the other folder then: both are of one
    length, so that no place in a file changes.

    Args:
        folder: An empty folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._origins: dict[str, Path] = {}
        self._numbers = itertools.count()

    def new_folder(self) -> Path:
        """Make an empty folder in which others can be restored."""
        folder = self._folder / f"{next(self._numbers):06}"
        folder.mkdir()
        return folder

    def keep(self, name: str, folder: Path) -> None:
        """Copy all that is in a folder of `new_folder`."""
        shutil.copytree(folder, self._folder / name)
        self._origins[name] = folder

    def restore(self, name: str, folder: Path) -> bool:
        """Write what was kept under a name into a folder, if it was; return whether it was."""
        if name not in self._origins:
            return False
        old, new = str(self._origins[name]).encode(), str(folder).encode()
        assert len(old) == len(new), (old, new)
        for path in sorted((self._folder / name).rglob("*")):
            target = folder / path.relative_to(self._folder / name)
            if path.is_dir():
                target.mkdir(exist_ok=True)
            else:
                target.write_bytes(path.read_bytes().replace(old, new))
        return True
