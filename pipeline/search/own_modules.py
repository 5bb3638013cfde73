"""The user's own modules that a configuration reaches, each with a digest of its file.

They are followed from import to import, in the source and without importing: so every process
finds the same, whatever else it has imported. An import counts wherever it stands, in a function
too; of names that are computed where the program runs, see `module_imports`.
"""

import hashlib
import os
import pkgutil
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import NamedTuple

import pipeline
from pipeline.search.module_imports import ALL, imports_of

_INSTALLED = ("site-packages", "dist-packages")


def own_modules(names: Iterable[str], folders: Iterable[Path]) -> dict[str, str]:
    """Return the user's modules that dotted paths lead to, and all that these import.

    Args:
        names: Dotted paths of modules, or of what is in them.
        folders: Where modules are the user's, at any depth. Installed packages are not, even in
            a virtual environment there; nor are ours.

    Returns:
        A digest of each module's file, by the module's name; packages without an `__init__`
        have none.
    """
    search = _Search(folders)
    found: dict[str, str] = {}
    seen: set[str] = set()
    waiting = [*names]
    while waiting:
        name = waiting.pop()
        if name in seen or not all(name.split(".")) or name == "__main__":
            continue
        seen.add(name)
        waiting += [parent] if (parent := name.rpartition(".")[0]) else []  # which runs as well
        if name.endswith(ALL):
            waiting += search.inside(parent)
        elif (source := search.read(name)) is not None:
            found[name] = hashlib.sha256(source.content).hexdigest()[:16]
            if source.is_python:
                waiting += imports_of(source.content, name, source.is_package)
    return dict(sorted(found.items()))


class _Source(NamedTuple):
    """The file of a module."""

    content: bytes
    is_python: bool
    is_package: bool


class _Search:
    """Finds modules as an import does, but imports none, and only the user's."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._folders = [os.path.realpath(folder) for folder in folders]
        others = (sysconfig.get_path("stdlib"), str(Path(pipeline.__file__).parent))
        self._others = [os.path.realpath(folder) for folder in others]
        self._found: dict[str, ModuleSpec | None] = {}

    def find(self, name: str) -> ModuleSpec | None:
        """Return where a module of the user's is; None if there is none of this name."""
        if name not in self._found:
            spec = self._look_for(name)
            self._found[name] = spec if spec is not None and self._is_own(spec) else None
        return self._found[name]

    def read(self, name: str) -> _Source | None:
        """Return the file of a module of the user's, if it has one that can be read."""
        spec = self.find(name)
        if spec is None or not spec.has_location or spec.origin is None:
            return None
        try:
            content = Path(spec.origin).read_bytes()
        except OSError:  # nothing can import it either
            return None
        is_package = spec.submodule_search_locations is not None
        return _Source(content, spec.origin.endswith(".py"), is_package)

    def inside(self, package: str) -> Iterator[str]:
        """Yield the names of all modules in a package of the user's."""
        spec = self.find(package)
        for module in pkgutil.iter_modules((spec and spec.submodule_search_locations) or []):
            yield f"{package}.{module.name}"
            if module.ispkg:
                yield from self.inside(f"{package}.{module.name}")

    def _look_for(self, name: str) -> ModuleSpec | None:
        if parent := name.rpartition(".")[0]:
            package = self.find(parent)
            return _find_in(name, (package and package.submodule_search_locations) or ())
        for finder in sys.meta_path:
            spec = finder.find_spec(name, None)
            if spec is not None:
                return spec
        return getattr(sys.modules.get(name), "__spec__", None)  # it was loaded from its path

    def _is_own(self, spec: ModuleSpec) -> bool:
        places = [spec.origin] if spec.has_location else spec.submodule_search_locations
        return any(place is not None and self._lies_in(place) for place in places or ())

    def _lies_in(self, place: str) -> bool:
        """Whether a file or folder is the user's, under its own name or that of its target."""
        paths = {os.path.abspath(place), os.path.realpath(place)}  # noqa: PTH100  # keeps links
        installed = any(name in Path(path).parts for path in paths for name in _INSTALLED)
        return (
            not installed
            and any(_is_in(path, folder) for path in paths for folder in self._folders)
            and not any(_is_in(path, folder) for path in paths for folder in self._others)
        )


def _find_in(name: str, folders: Iterable[str]) -> ModuleSpec | None:
    """Find a module in the folders of its package, which Python's own finder has to import."""
    package = ModuleSpec(name, None, is_package=True)  # one without an `__init__`
    assert package.submodule_search_locations is not None
    for folder in folders:
        finder = pkgutil.get_importer(folder)
        spec = None if finder is None else finder.find_spec(name)
        if spec is not None and spec.loader is not None:
            return spec
        package.submodule_search_locations += (spec and spec.submodule_search_locations) or []
    return package if package.submodule_search_locations else None


def _is_in(path: str, folder: str) -> bool:
    return f"{path}{os.sep}".startswith(f"{folder.rstrip(os.sep)}{os.sep}")
