"""The layout of the code, and of the pages that tell of it: how large, and how complete."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PIPELINE = ROOT / "pipeline"
DECISIONS = ROOT / "docs" / "decisions"
PAGES = sorted(path for path in DECISIONS.glob("*.md") if path.name != "README.md")
INITS = sorted(PIPELINE.rglob("__init__.py"))


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_pipeline_has_few_entries():
    files = (path.relative_to(PIPELINE).parts for path in PIPELINE.rglob("*") if path.is_file())
    entries = {parts[0] for parts in files if "__pycache__" not in parts}
    assert len(entries) <= 24


def test_no_file_is_long():
    files = [path for path in PIPELINE.rglob("*") if path.suffix in {".py", ".html", ".css", ".js"}]
    assert files
    lengths = {relative(path): len(lines(path)) for path in files}
    assert {name: length for name, length in lengths.items() if length > 300} == {}


@pytest.mark.parametrize("path", INITS, ids=relative)
def test_a_package_says_in_five_lines_what_it_is(path):
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert docstring
    assert len([line for line in docstring.splitlines() if line.strip()]) <= 5


class TestMap:
    """The map of the code in docs/how-it-works.md: a paragraph for each package."""

    PAGE = (ROOT / "docs" / "how-it-works.md").read_text(encoding="utf-8")
    PARAGRAPHS = re.findall(r"^\*\*(`.+?`)\*\*: (.+?)\n(?:\n|\Z)", PAGE, re.MULTILINE | re.DOTALL)

    def test_it_has_every_package_in_the_order_of_the_layers(self):
        told = [name for head, _ in self.PARAGRAPHS for name in re.findall(r"`(\w+)`", head)]
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
        (contract,) = (
            one for one in project["tool"]["importlinter"]["contracts"] if one["type"] == "layers"
        )
        assert told == [name for layer in contract["layers"] for name in layer.split(" | ")]
        packages = {path.parent.name for path in PIPELINE.glob("*/__init__.py")}
        modules = {path.stem for path in PIPELINE.glob("*.py")} - {"__init__"}
        assert set(told) == packages | modules

    @pytest.mark.parametrize(("head", "text"), PARAGRAPHS, ids=[head for head, _ in PARAGRAPHS])
    def test_every_module_that_it_names_is_there(self, head, text):
        packages = [PIPELINE, *(PIPELINE / name for name in re.findall(r"`(\w+)`", head))]
        for name in re.findall(r"`([a-z_]+(?:\.[a-z_]+)*)`", text):
            paths = [folder.joinpath(*name.split(".")) for folder in packages]
            inside = [path for folder in packages[1:] for path in folder.rglob(f"{name}.py")]
            there = [path for path in paths if path.is_dir() or path.with_suffix(".py").is_file()]
            assert there or inside, f"there is no {name} in {head}"


class TestDecisions:
    """A page for each decision, and an index of all."""

    ROW = re.compile(r"- (\d{4}-\d\d-\d\d): \[(.+)\]\((.+)\)")

    @pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
    def test_a_page_has_its_title_its_date_and_its_name(self, path):
        title, gap, date, *text = lines(path)
        assert title.startswith("# ")
        assert gap == ""
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", date)
        assert any(text)
        words = re.findall(r"[a-z0-9]+", title.lower().replace("'", ""))
        assert path.stem.split("-") == words

    def test_the_index_has_every_page_and_no_other(self):
        rows = self.ROW.findall((DECISIONS / "README.md").read_text(encoding="utf-8"))
        pages = [(lines(path)[2], lines(path)[0].removeprefix("# "), path.name) for path in PAGES]
        assert sorted(rows) == sorted(pages)

    def test_the_index_is_in_order_of_date(self):
        text = lines(DECISIONS / "README.md")
        dates = [row.group(1) for line in text if (row := self.ROW.fullmatch(line))]
        assert dates == sorted(dates)
        assert len(text) - len(dates) <= 10


def test_contributing_is_short():
    assert len(lines(ROOT / "CONTRIBUTING.md")) <= 60
