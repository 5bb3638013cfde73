"""The pages of docs/: all that they tell to write and to run works in an empty folder."""

import re
from pathlib import Path

import pytest

from tests.documents import Reader, Shell, steps

ROOT = Path(__file__).parents[1]
PAGES = {page.stem: page.read_text(encoding="utf-8") for page in ROOT.glob("docs/*.md")}


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_page_can_be_followed(name, tmp_path, command):
    reader = Reader(tmp_path, command)
    for step in steps(PAGES[name]):
        reader.follow(step)


def test_there_are_six_pages_with_commands():
    commands = {n: [s for s in steps(text) if isinstance(s, Shell)] for n, text in PAGES.items()}
    assert len(commands) == 6
    assert all(commands.values())


@pytest.mark.parametrize("name", ["README", *sorted(PAGES)])
def test_links_lead_somewhere(name):
    page = ROOT / "README.md" if name == "README" else ROOT / "docs" / f"{name}.md"
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))
    assert targets
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_the_map_of_the_code_is_complete():
    told = dict(re.findall(r"^- `(\w+)`: (.*(?:\n  .*)*)", PAGES["how-it-works"], re.MULTILINE))
    package = ROOT / "pipeline"
    modules = {path.stem for path in package.glob("*.py")} - {"__init__"}
    packages = {path.parent.name for path in package.glob("*/__init__.py")}
    assert sorted(told) == sorted(modules | packages)
    for name in packages:
        parts = {path.stem for path in (package / name).glob("*.py")} - {"__init__"}
        assert parts - {*re.findall(r"`(\w+)`", told[name])} == set()
