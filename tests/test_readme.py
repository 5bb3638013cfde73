"""The README: its commands and its code are run as they stand."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.documents import File, Shell, steps

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
STEPS = list(steps(README))
FILES = {step.path: step.content for step in STEPS if isinstance(step, File)}
LINES = [step.line for step in STEPS if isinstance(step, Shell)]
COMMANDS = [line for line in LINES if line.startswith("python -m pipeline ")]
CI = (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def run(command: str, directory: Path) -> subprocess.CompletedProcess[str]:
    _, *arguments = shlex.split(command)
    return subprocess.run(
        [sys.executable, *arguments], cwd=directory, capture_output=True, text=True, check=False
    )


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A folder with the files that the README tells to write."""
    for path, content in FILES.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(content)
    return tmp_path


def test_there_are_commands_and_files():
    assert len(COMMANDS) >= 4
    assert set(FILES) == {"mine.py", "my_conf/model/mine.yaml"}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_composes(command, directory):
    result = run(f"{command.replace(' -m strategy', ' strategy')} --cfg job", directory)
    if "strategy=random,grid" in command:
        assert "strategy=random,grid" in result.stderr  # a sweep is told from a typing error
        return
    assert (result.returncode, result.stderr) == (0, "")


def test_your_own_model_runs(directory):
    command = next(command for command in COMMANDS if "--config-dir" in command)
    small = "strategy.max_trials=1 training.epochs=1 tracking.registered_model=null"
    result = run(f"{command} {small}", directory)
    assert (result.returncode, result.stderr) == (0, "")
    assert "units=" in result.stdout


def test_ci_installs_and_runs_what_the_readme_says():
    first, second = (line for line in LINES if line.startswith("python -m venv "))
    assert first.endswith(
        "pip install -c constraints.txt -e . && python -m pipeline strategy=hyperband"
    )
    assert second.endswith('pip install -c constraints.txt -e ".[test]" && pytest')
    for part in ("-c constraints.txt -e .\n", '-c constraints.txt -e ".[test]"'):
        assert part in CI
    assert "python -m pipeline strategy=hyperband" in CI


def test_the_picture_is_there():
    (path,) = re.findall(r"!\[.*?\]\((.*?)\)", README)
    assert (ROOT / path).stat().st_size > 10_000
