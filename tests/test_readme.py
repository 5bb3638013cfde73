"""The README: its commands and its code are run as they stand."""

import re
from pathlib import Path

import keras_tuner
import pytest

from pipeline.configuration.composition import compose_config
from pipeline.search.components import make_dataset, make_hypermodel, make_oracle, make_space
from tests.documents import File, Shell, jobs, steps
from tests.processes import NO_REPORT
from tests.screen import Terminal

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
STEPS = list(steps(README))
FILES = [step for step in STEPS if isinstance(step, File)]
LINES = [step.line for step in STEPS if isinstance(step, Shell)]
COMMANDS = [line for line in LINES if line.startswith("python -m pipeline ")]
CI = (ROOT / ".ci" / "run").read_text(encoding="utf-8")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A folder with the files that the README tells to write."""
    for file in FILES:
        file.write(tmp_path)
    return tmp_path


def test_there_are_commands_and_files():
    assert len(COMMANDS) >= 4
    assert {file.path for file in FILES} == {"mine.py", "my_conf/model/mine.yaml"}


@pytest.mark.parametrize("line", COMMANDS)
def test_every_search_of_every_command_composes(line, directory, monkeypatch):
    monkeypatch.chdir(directory)
    for overrides, config_dir in jobs(line):
        composed = compose_config(overrides, config_dir)
        for item in overrides:
            key, _, value = item.partition("=")
            if key in ("strategy", "dataset", "model"):
                assert getattr(composed.choices, key) == value


def test_a_sweep_is_several_searches():
    (sweep,) = (line for line in COMMANDS if " -m " in line.partition("pipeline")[2])
    assert len(jobs(sweep)) == 4


def test_your_own_model_runs(directory, command):
    line = next(line for line in COMMANDS if "--config-dir" in line).partition("pipeline ")[2]
    small = "strategy.max_trials=1 training.epochs=1 tracking.registered_model=null"
    ended = command(f"{line} {small}")
    assert (ended.code, ended.err) == (0, "")
    assert "units=" in ended.out


def shape(line: str) -> str:
    """Return what stays the same of a terminal's line, whatever the numbers and values."""
    line = re.sub(r"\d{8}-\d{6}-[0-9a-f]{4}", "0", re.sub(r"=[^\s…]*", "=0", line))
    line = re.sub(r"\d+(\.\d+)?(e-\d+)?", "0", re.sub(r"[━╸╺]+|[▁-█]+|─+", "-", line))
    return " ".join(line.split())


def test_the_output_is_what_the_first_command_shows_on_a_terminal(tmp_path, store):
    """Of a search that is shorter and makes no report; forked, it has Keras loaded already."""
    short = ("strategy=hyperband", "training.epochs=3", NO_REPORT)
    terminal = Terminal(*short, directory=tmp_path, rows=100, forked=True)
    try:
        assert terminal.end() == 0
    finally:
        terminal.close()
    seen = {shape(line) for look in terminal.looks for line in look}
    for look in terminal.looks:  # lines that the terminal has folded
        for rows in (2, 3):
            folded = zip(*(look[start:] for start in range(rows)), strict=False)
            seen |= {shape(gap.join(parts)) for parts in folded for gap in ("", " ")}
    seen.add("Loading TensorFlow and Keras for hyperband on digits with mlp")
    seen.add("Report: outputs/searches/digits-mlp-hyperband-0/report.html")
    blocks = re.findall(r"^```text\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    told = [line for block in blocks for line in block.splitlines() if line]
    assert len(told) > 30
    missing = [line for line in told if not is_among(shape(line), seen)]
    assert not missing, "\n".join([*missing, "is not in", *terminal.lines()])


def is_among(line: str, seen: set[str]) -> bool:
    """Whether a line was seen, as far as neither was cut."""
    if "…" not in line:
        return line in seen
    cut = line.partition("…")[0]
    begins = (other.partition("…")[0] for other in seen if "…" in other)
    return any(cut.startswith(other) or other.startswith(cut) for other in begins)


def test_the_output_has_as_many_trials_as_the_first_command():
    config = compose_config(["strategy=hyperband"])
    hypermodel = make_hypermodel(config.model, make_dataset(config.dataset), config.seed)
    objective = keras_tuner.Objective(config.objective.name, config.objective.direction.value)
    oracle = make_oracle(
        config.strategy,
        make_space(hypermodel, {}, config.compile, config.strategy).explored,
        objective,
        seed=config.seed,
        max_attempts=1,
    )
    trials, epochs = oracle.total_trials, oracle.total_epochs(config.training.epochs)
    assert f"{trials} trials  {epochs} epochs at most\n" in README
    assert f"search COMPLETED  {trials} trials completed" in README
    assert f"trial {trials - 1:04}  COMPLETED" in README


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
