"""Sweeps that go on: the same command continues one that was interrupted."""

import hashlib
import json
import secrets
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from filelock import FileLock, Timeout
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from pipeline.configuration.config import ConfigError, Resume
from pipeline.configuration.overrides import decisive
from pipeline.configuration.secrets import kept_from_files
from pipeline.journal.files import replacing
from pipeline.sweep.jobs import read_jobs, withdraw

FILE_NAME = "sweep.json"
_LOCK = "lock"


@dataclass(frozen=True)
class Sweep:
    """What a sweep's folder tells of it.

    Attributes:
        identifier: Shared by its searches and its comparison.
        fingerprint: Digest of the overrides it was started with.
        time: When it started, in seconds since the epoch.
        ended: Whether all of its jobs have ended and were compared.
        swept: The keys of which it has several values, as in its overrides.
    """

    identifier: str
    fingerprint: str
    time: float
    ended: bool = False
    swept: list[str] = field(default_factory=list)

    def write(self, directory: Path) -> None:
        """Write it into the sweep's folder, at once or not at all."""
        with replacing(directory / FILE_NAME) as file:
            file.write(json.dumps(asdict(self)).encode() + b"\n")

    @classmethod
    def read(cls, directory: Path) -> "Sweep":
        """Read it from the sweep's folder."""
        path = directory / FILE_NAME
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise ConfigError(
                f"storage: {path} is damaged ({error}); remove it, or start a new sweep with "
                "resume=never"
            ) from error


@dataclass(frozen=True)
class Held:
    """The sweep that this process runs, and no other can.

    Attributes:
        directory: Its folder.
        sweep: What the folder tells of it.
        resume: What was asked for.
        lock: What keeps other processes away.
        is_new: Whether this process started it.
    """

    directory: Path
    sweep: Sweep
    resume: Resume
    lock: FileLock
    is_new: bool

    @property
    def has_begun(self) -> bool:
        """Whether a search of it began, in a job that has ended."""
        return any(job.directory for job in read_jobs(self.directory))


class Continuation(Callback):
    """Lets a multirun go on in the folder of an unfinished sweep of the same overrides.

    It stands before the callbacks that use the folder. What changed elsewhere, such as a file of
    `--config-dir`, is noticed by the searches: each has a fingerprint of its own.

    Attributes:
        held: The sweep that this process runs. The class has it, as launchers send copies of the
            callbacks to other processes.

    Example:
        hydra:
          callbacks:
            continuation:
              _target_: pipeline.sweep.continuation.Continuation
    """

    held: ClassVar[Held | None] = None

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:  # noqa: ARG002
        """Find the sweep or start one; what is wrong ends the command, which Hydra would go on."""
        kept_from_files(config)
        overrides = [*config.hydra.overrides.task, *config.hydra.overrides.hydra]
        new = Path(config.hydra.runtime.cwd, config.hydra.sweep.dir)
        try:
            held = hold(new, fingerprint(overrides), config.resume, _swept(config))
        except (ConfigError, OSError) as error:
            sys.stderr.write(f"error: {error}\n")
            raise SystemExit(2) from error
        Continuation.held = held
        path = str(held.directory)  # a job's own `storage` would lead it to another folder
        config.hydra.sweep.dir = path
        quoted = path.replace("'", "\\'")
        config.hydra.overrides.hydra.append(f"hydra.sweep.dir='{quoted}'")  # for the jobs
        if config.verbose and not held.is_new:
            sys.stdout.write(f"Continuing the sweep {held.sweep.identifier}\n")

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:  # noqa: ARG002
        """Note that the sweep has ended; a new one of which no search began leaves nothing."""
        held = Continuation.held
        if held is None:
            return
        if held.has_begun:
            replace(held.sweep, ended=True).write(held.directory)
        else:
            self.withdraw()

    @classmethod
    def withdraw(cls) -> None:
        """Remove what a new sweep of which no search began has left."""
        held = cls.held
        cls.release()
        if held is not None and held.is_new and not held.has_begun:
            for name in (FILE_NAME, _LOCK):
                (held.directory / name).unlink(missing_ok=True)
            withdraw(held.directory)

    @classmethod
    def release(cls) -> None:
        """Let other processes have the sweep."""
        if cls.held is not None:
            cls.held.lock.release()
            cls.held = None


def hold(new: Path, fingerprint: str, resume: Resume, swept: Sequence[str] = ()) -> Held:
    """Hold the newest sweep of a fingerprint if it is unfinished, or a new one.

    Args:
        new: The folder of a new sweep; earlier ones are beside it, or in it.
        fingerprint: That of the sweep that is about to start.
        resume: `auto` continues an unfinished sweep if there is one, `must` fails if there is none,
            `never` always starts a new one.
        swept: The keys of which a new sweep has several values.

    Returns:
        The sweep, held until its lock is released.

    Raises:
        ConfigError: Another process runs the sweep, its file is damaged, `resume=must` found none,
            or the folder cannot be written.
    """
    directory = None if resume is Resume.never else _newest(new.parent, fingerprint)
    if directory is not None and not Sweep.read(directory).ended:
        lock = _lock(directory)
        sweep = Sweep.read(directory)  # its last process may have ended it since our first look
        if not sweep.ended:
            return Held(directory, sweep, resume, lock, is_new=False)
        lock.release()
    if resume is Resume.must:
        raise ConfigError(
            f"resume=must found no unfinished sweep of these overrides in {new.parent}; "
            "allowed: resume=auto, which starts a new one"
        )
    try:
        new.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"{new} must be a folder that can be written: {error.strerror}"
        ) from error
    lock = _lock(new)
    # A folder that the user named may have had a sweep before.
    sweep = Sweep(f"{new.name}-{secrets.token_hex(2)}", fingerprint, time.time(), swept=[*swept])
    sweep.write(new)
    return Held(new, sweep, resume, lock, is_new=True)


def identifier(directory: Path) -> str:
    """Return what the searches of a sweep share, from the sweep's folder."""
    try:
        return Sweep.read(directory).identifier
    except FileNotFoundError:  # a multirun without `Continuation`
        return directory.name


def varied(directory: Path, overrides: Iterable[str]) -> list[str]:
    """Return those of a job's overrides that other jobs of its sweep have otherwise.

    Args:
        directory: The sweep's folder.
        overrides: The job's; where it is tracked is not among those returned.
    """
    try:
        swept = Sweep.read(directory).swept
    except FileNotFoundError:  # as above
        return []
    own = [one for one in overrides if not one.lstrip("+").startswith("tracking.")]
    return [one for one in own if one.partition("=")[0] in swept]


def fingerprint(overrides: Iterable[str]) -> str:
    """Return a digest of what decides a sweep; the overrides themselves may hold secrets."""
    return hashlib.sha256(json.dumps(decisive(overrides)).encode()).hexdigest()[:16]


def _swept(config: DictConfig) -> list[str]:
    """Return the keys of which a multirun has several values."""
    overrides = OverridesParser.create().parse_overrides(list(config.hydra.overrides.task))
    keys = [one.get_key_element() for one in overrides if one.is_sweep_override()]
    return [*keys, *(config.hydra.sweeper.get("params") or ())]


def _newest(folder: Path, fingerprint: str) -> Path | None:
    """Return the folder of the sweep of a fingerprint that started last."""
    sweeps = {path.parent: Sweep.read(path.parent) for path in folder.glob(f"*/{FILE_NAME}")}
    same = [path for path, sweep in sweeps.items() if sweep.fingerprint == fingerprint]
    return max(same, key=lambda path: sweeps[path].time, default=None)


def _lock(directory: Path) -> FileLock:
    lock = FileLock(directory / _LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise ConfigError(
            f"the sweep in {directory} is being run by another process; wait for it, or start one "
            "beside it with resume=never"
        ) from error
    return lock
