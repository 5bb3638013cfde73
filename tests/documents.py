"""What the documents tell to write and to run, in order; and a reader who does so."""

import contextlib
import io
import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser

from tests.commands import Command
from tests.processes import ENVIRONMENT, arguments_of

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PATH = re.compile(r"# (\S+\.(?:py|yaml))\n")


@dataclass(frozen=True)
class File:
    """A file whose first line names it."""

    path: str
    content: str

    def write(self, folder: Path) -> None:
        path = folder / self.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.content, encoding="utf-8")


@dataclass(frozen=True)
class Shell:
    """A command line."""

    line: str


@dataclass(frozen=True)
class Python:
    """Code without a file, as in a notebook."""

    code: str


@dataclass(frozen=True)
class Output:
    """What the step before writes: some of its lines, with other numbers."""

    lines: tuple[str, ...]


Step = File | Shell | Python | Output


def steps(text: str) -> Iterator[Step]:
    """Yield the steps of a document from its blocks of `sh`, `python`, `yaml` and `text`."""
    for language, content in _BLOCK.findall(text):
        if language in ("python", "yaml") and (named := _PATH.match(content)):
            yield File(named[1], content[named.end() :])
        elif language == "sh":
            yield from map(Shell, content.replace("\\\n", " ").splitlines())
        elif language == "python":
            yield Python(content)
        elif language == "text":
            yield Output(tuple(line for line in map(_shape, content.splitlines()) if line))
        else:
            raise ValueError(f"nothing can be done with a block of {language}")


def jobs(command: str) -> list[tuple[list[str], str | None]]:
    """Return the overrides of each search that a command runs, and its folder of groups."""
    options = get_args_parser().parse_args(shlex.split(command)[3:])
    if not options.multirun:
        return [(options.overrides, options.config_dir)]
    parsed = OverridesParser.create().parse_overrides(options.overrides)
    (batch,) = BasicSweeper.split_arguments(parsed, max_batch_size=None)
    return [(overrides, options.config_dir) for overrides in batch]


class Reader:
    """Follows a document in an empty folder.

    Args:
        folder: Where files are written and commands are run.
        command: Runs those of the pipeline in this process, which has imported Keras.
    """

    def __init__(self, folder: Path, command: Command) -> None:
        self._folder = folder
        self._command = command
        self._names: dict[str, object] = {"__name__": "__main__"}
        self._written: list[str] = []
        self._reports = True  # of searches

    def read(self, text: str) -> None:
        """Follow all steps of a document; a search whose report it never shows makes none."""
        told = list(steps(text))
        for number, step in enumerate(told, 1):
            self._reports = any("report.html" in str(later) for later in told[number:])
            self._follow(step)

    def _follow(self, step: Step) -> None:
        """Do what a step says; raises if it fails."""
        match step:
            case File():
                step.write(self._folder)
            case Shell():
                self._written = self._run(step.line).splitlines()
            case Python():
                with contextlib.redirect_stdout(io.StringIO()) as out:
                    exec(compile(step.code, "<document>", "exec"), self._names)
                self._written = out.getvalue().splitlines()
            case Output():
                shapes = {_shape(line) for line in self._written}
                missing = [line for line in step.lines if not _is_among(line, shapes)]
                assert not missing, "\n".join([*missing, "is not in", *self._written])

    def _run(self, line: str) -> str:
        python, option, module, *arguments = [*self._words(line), "", "", ""]
        if (python, option) == ("python", "-m") and module.partition(".")[0] == "pipeline":
            given = [word for word in arguments if word]
            if module == "pipeline" and not self._reports:
                given = arguments_of(shlex.join(given))
            ended = self._command.run(module, given)
            code, out, err = ended.code, ended.out, ended.err
        else:
            done = self._bash(line)
            code, out, err = done.returncode, done.stdout, done.stderr
        assert (code, err) == (0, ""), f"{line}\n{out}{err}"
        return out

    def _words(self, line: str) -> list[str]:
        """Return a command's words as the shell makes them of quotes and patterns."""
        return self._bash(f"printf '%s\\0' {line}").stdout.split("\0")[:-1]

    def _bash(self, line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", line],
            cwd=self._folder,
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
        )


def _shape(line: str) -> str:
    """Return a line without its numbers, identifiers and widths."""
    line = re.sub(r"\d{8}-\d{6}-[0-9a-f]{4}", "0", line)
    return " ".join(re.sub(r"\d+(\.\d+)?(e-\d+)?", "0", line).split())


def _is_among(line: str, shapes: set[str]) -> bool:
    """Whether it is there; after dots, and where a terminal cuts lines (`…`), all may follow."""
    beginning, dots, _ = line.replace("…", "...").partition("...")
    return any(shape.startswith(beginning) for shape in shapes) if dots else line in shapes
