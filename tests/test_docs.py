"""The pages of docs/: all that they tell to write and to run works in an empty folder."""

import re
from pathlib import Path

import pytest

from pipeline.configuration.composition import compose_config
from tests.documents import File, Reader, Shell, jobs, steps

ROOT = Path(__file__).parents[1]
PAGES = {page.stem: page.read_text(encoding="utf-8") for page in ROOT.glob("docs/*.md")}
LINKED = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "docs/decisions/README.md")),
    *sorted(ROOT.glob("docs/*.md")),
]


@pytest.mark.sampled("pruning", "resuming-and-servers", "how-it-works")
@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_page_can_be_followed(name, tmp_path, command, store):
    """But for MLflow's tables, which test_main.py has made, the folder is empty."""
    Reader(tmp_path, command).read(PAGES[name])


@pytest.mark.parametrize("name", sorted(PAGES))
def test_every_search_of_a_page_composes(name, tmp_path, monkeypatch):
    """Of pages that only `scripts/test` follows too."""
    monkeypatch.chdir(tmp_path)
    for step in steps(PAGES[name]):
        match step:
            case File():
                step.write(tmp_path)
            case Shell(line) if line.startswith("python -m pipeline "):
                for overrides, config_dir in jobs(line):
                    assert compose_config(overrides, config_dir)


def test_there_are_seven_pages_with_commands():
    commands = {n: [s for s in steps(text) if isinstance(s, Shell)] for n, text in PAGES.items()}
    assert len(commands) == 7
    assert all(commands.values())


@pytest.mark.parametrize("page", LINKED, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))
    assert targets
    assert [target for target in targets if not (page.parent / target).exists()] == []
