"""Arrays that lie in files: an `.npz` archive, a folder of `.npy` files, or single ones."""

import struct
import zipfile
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.lib import format as npy

from pipeline.configuration.config import did_you_mean
from pipeline.datasets.rows import Array

_IN_MEMORY = 1 << 24  # bytes up to which an array is read at once
_LOCAL_HEADER = 30  # bytes of a zip's member before its name


class ArraySource(ABC):
    """Arrays by name.

    Attributes:
        place: Where they are.
        notes: What there is to say of what was read.
    """

    def __init__(self, place: Path) -> None:
        self.place = place
        self.notes: list[str] = []

    @abstractmethod
    def has(self, name: str) -> bool:
        """Return whether there is an array of a name."""

    @abstractmethod
    def names(self) -> list[str]:
        """Return the names of all arrays."""

    @abstractmethod
    def _open(self, name: str) -> Array:
        """Return an array, mapped where it can be."""

    def unknown(self, name: str) -> str:
        """Say that there is no array of a name."""
        if not (known := self.names()):
            return (
                f"{self.place} has no arrays; name an .npz file or a folder of .npy files with "
                "dataset.path, or files with dataset.x and dataset.y"
            )
        return f"{self.place} has no array {name!r}; {did_you_mean(name, known)}it has {known}"

    def read(self, name: str) -> Array:
        """Return an array: mapped to its file, if it is large and not compressed.

        Raises:
            ValueError: There is none of the name, or it holds Python's objects.
        """
        if not self.has(name):
            raise ValueError(self.unknown(name))
        try:
            array = self._open(name)
        except ValueError as error:  # NumPy says so of pickled objects, and of no array
            raise ValueError(
                f"the array {name!r} of {self.place} cannot be read ({error}): save numbers or "
                "texts of one length, with .astype"
            ) from error
        if not array.dtype.isnative:
            return array.astype(array.dtype.newbyteorder("="))
        return np.array(array) if array.nbytes <= _IN_MEMORY else array


def open_arrays(path: str | None) -> ArraySource:
    """Open what a configuration's `path` names.

    Args:
        path: An `.npz` file; a folder of `.npy` files, each named without its ending; or None for
            files that are named one by one, relative to the working directory.

    Raises:
        FileNotFoundError: There is no such file or folder.
        ValueError: The file is no `.npz` archive.
    """
    if path is None:
        return _Folder(Path.cwd())
    place = Path(str(path)).expanduser().resolve()
    if place.is_dir():
        return _Folder(place)
    if not place.is_file():
        raise FileNotFoundError(
            f"path must be an .npz file or a folder of .npy files; there is nothing at {place}"
        )
    if not zipfile.is_zipfile(place):
        advice = " (name .npy files with dataset.x and dataset.y)" * (place.suffix == ".npy")
        raise ValueError(f"path must be an .npz file, and {place} is no such archive{advice}")
    return _Archive(place)


class _Folder(ArraySource):
    def has(self, name: str) -> bool:
        return self._file(name).is_file()

    def names(self) -> list[str]:
        return sorted(file.stem for file in self.place.glob("*.npy"))

    def _file(self, name: str) -> Path:
        file = self.place / Path(name).expanduser()
        return file if file.suffix == ".npy" else file.with_name(f"{file.name}.npy")

    def _open(self, name: str) -> Array:
        array: Array = np.load(self._file(name), mmap_mode="r", allow_pickle=False)
        return array


class _Archive(ArraySource):
    def __init__(self, place: Path) -> None:
        super().__init__(place)
        with zipfile.ZipFile(place) as archive:
            members = {info.filename: info for info in archive.infolist()}
        self._members = {
            name.removesuffix(".npy"): info
            for name, info in members.items()
            if name.endswith(".npy")
        }

    def has(self, name: str) -> bool:
        return name in self._members

    def names(self) -> list[str]:
        return sorted(self._members)

    def _open(self, name: str) -> Array:
        info = self._members[name]
        stored_plainly = info.compress_type == zipfile.ZIP_STORED
        mapped = _mapped(self.place, info) if stored_plainly else None
        if mapped is not None:
            return mapped
        with np.load(self.place, allow_pickle=False) as stored:
            array: Array = stored[name]
        if array.nbytes > _IN_MEMORY:
            self.notes.append(
                f"{name} is compressed in {self.place} and takes {array.nbytes / 1e6:,.0f} MB of "
                "memory: numpy.savez, without _compressed, writes what is read where it lies"
            )
        return array


def _mapped(path: Path, info: zipfile.ZipInfo) -> Array | None:
    """Map a member of an archive that is stored as it is; None if it must be read.

    `numpy.load` maps no archives. What stands before the array's numbers are the member's local
    header, whose length differs from the central one's, and NumPy's own.
    """
    with path.open("rb") as file:
        file.seek(info.header_offset)
        name_length, extra_length = struct.unpack("<HH", file.read(_LOCAL_HEADER)[26:30])
        file.seek(info.header_offset + _LOCAL_HEADER + name_length + extra_length)
        readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
        version = npy.read_magic(file)
        if version not in readers:
            return None
        shape, fortran_order, dtype = readers[version](file)
        if dtype.hasobject or not all(shape):
            return None
        order: Literal["F", "C"] = "F" if fortran_order else "C"
        array: Array = np.memmap(
            path, dtype=dtype, mode="r", offset=file.tell(), shape=shape, order=order
        )
        return array
