"""Which of the user's modules a configuration reaches: all that count, and no others."""

import importlib
import sys
import types

import pytest

from pipeline.configuration.config import Config
from pipeline.search.identity import users_modules
from pipeline.search.main_code import main_code
from pipeline.search.own_modules import own_modules


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes modules into a folder that is the working directory; they are forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    before = {*sys.modules}

    def write(files, folder=tmp_path):
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(content)
        importlib.invalidate_caches()

    yield write
    for name in {*sys.modules} - before:
        del sys.modules[name]


def reached(name, folder):
    return [*own_modules([name], [folder])]


PACKAGE = {
    "mine/__init__.py": "",
    "mine/models.py": "from . import blocks\nfrom .parts.heads import Head\nimport numpy",
    "mine/blocks.py": "def far():\n    from ..nowhere import far",
    "mine/parts/__init__.py": "from mine import names",
    "mine/parts/heads.py": "class Head: pass",
    "mine/names.py": "",
    "mine/alone.py": "",
    "other.py": "import mine.models",
}
OF_PACKAGE = ["mine", "mine.blocks", "mine.models", "mine.names", "mine.parts", "mine.parts.heads"]
CASES = {
    "a package": (PACKAGE, "mine.models.build", OF_PACKAGE),
    "a name that a package has of its module": (
        {"mine/__init__.py": "from .models import build", "mine/models.py": ""},
        "mine.build",
        ["mine", "mine.models"],
    ),
    "a base class": (
        {"mine.py": "from base import Base", "base.py": ""},
        "mine.A",
        ["base", "mine"],
    ),
    "in functions and branches": (
        {
            "mine.py": "def build(hp):\n    try:\n        import one as two\n    except E:\n"
            "        with a: import three\n    match b:\n        case 1:\n            import four",
            **dict.fromkeys(["one.py", "three.py", "four.py"], ""),
        },
        "mine.build",
        ["four", "mine", "one", "three"],
    ),
    "packages without an __init__": (
        {"space/mine.py": "import space.deep.other", "space/deep/other.py": ""},
        "space.mine.build",
        ["space.deep.other", "space.mine"],
    ),
    "a circle": ({"a.py": "import b", "b.py": "import a"}, "a.build", ["a", "b"]),
    "a text": (
        {"mine.py": "import importlib\nx = importlib.import_module('other')", "other.py": ""},
        "mine.build",
        ["mine", "other"],
    ),
    "a text that is computed": (
        {
            "mine.py": "from importlib import import_module\nimport_module(f'zoo.{name}')",
            "zoo/a.py": "",
            "zoo/in/__init__.py": "",
            "zoo/in/b.py": "",
            "zoology.py": "",
        },
        "mine.build",
        ["mine", "zoo.a", "zoo.in", "zoo.in.b"],
    ),
    "a package that imports what it has": (
        {
            "zoo/__init__.py": "for m in modules: importlib.import_module('.' + m, __name__)",
            "zoo/a.py": "",
            "zoo/b.py": "",
        },
        "zoo.build",
        ["zoo", "zoo.a", "zoo.b"],
    ),
    "the names of a package": (
        {"zoo/__init__.py": "__all__ = ['a']", "zoo/a.py": "", "zoo/b.py": "", "c.py": ""}
        | {"mine.py": "from zoo import *"},
        "mine.build",
        ["mine", "zoo", "zoo.a"],
    ),
    "one that cannot be imported": (
        {"mine.py": "def f(): import broken", "broken.py": "def"},
        "mine.f",
        ["broken", "mine"],
    ),
    "what is installed in the folder": (
        {
            "mine.py": "import sys\nsys.path.append('x')\nimport installed, keras",
            ".venv/lib/python3/site-packages/installed.py": "",
        },
        "mine.build",
        ["mine"],
    ),
    "a library's": ({"mine.py": ""}, "keras.callbacks.EarlyStopping", []),
    "ours": ({"mine.py": ""}, "pipeline.hypermodels.MLP", []),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_reached(case, write, tmp_path, monkeypatch):
    files, name, expected = CASES[case]
    write(files)
    monkeypatch.syspath_prepend(tmp_path / ".venv/lib/python3/site-packages")
    assert reached(name, tmp_path) == expected


def test_every_file_that_is_reached_counts_and_no_other(write, tmp_path):
    write(PACKAGE)
    before = own_modules(["mine.models.build"], [tmp_path])
    importlib.import_module("other")  # with all that the process has imported else
    importlib.import_module("mine.alone")
    assert own_modules(["mine.models.build"], [tmp_path]) == before
    for name, content in PACKAGE.items():
        module = name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        write({name: f"{content}\n# changed"})
        now = own_modules(["mine.models.build"], [tmp_path])
        changed = [one for one in now if now[one] != before[one]]
        assert changed == ([module] if module in OF_PACKAGE else [])
        write({name: content})


def test_a_folder_that_is_reached_by_a_link(write, tmp_path, monkeypatch):
    write({"real/mine.py": "import other", "elsewhere.py": ""})
    (tmp_path / "linked").symlink_to(tmp_path / "real")
    write({"other.py": ""}, tmp_path / "real")
    monkeypatch.syspath_prepend(tmp_path / "linked")
    assert reached("mine.build", tmp_path / "real") == ["mine", "other"]


@pytest.mark.parametrize(
    "nodes",
    [
        {"model": {"_target_": "mine.build"}},
        {"dataset": {"_target_": "mine.load"}},
        {"strategy": {"_target_": "mine.Oracle"}},
        {"callbacks": {"one": {"_target_": "mine.Diary"}}},
        {"model": {"_target_": "keras_tuner.X", "parts": [{"_target_": "mine.part"}]}},
        {"model": {"loss": {"_target_": "hydra.utils.get_method", "path": "mine.loss"}}},
    ],
)
def test_every_target_counts(nodes, write, tmp_path):
    write({"mine.py": "import helpers", "helpers.py": ""})
    assert [*users_modules(Config(**nodes))] == ["helpers", "mine"]


def test_modules_in_the_folder_of_the_groups(write, tmp_path, monkeypatch):
    folder = tmp_path / "conf"
    write({"mine.py": ""}, folder)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.syspath_prepend(folder)
    config = Config(model={"_target_": "mine.build"})
    assert [*users_modules(config, folder)] == ["mine"]
    assert users_modules(config) == {}


NOTEBOOK = """
import functools

import helpers
import pack
from helpers import scaled

UNITS = 8
SIZES = {"a": [1, 2]}
UNUSED = 1


def decorated(function):
    @functools.wraps(function)
    def inner(*args):
        return function(*args)
    return inner


@decorated
def head(hp):
    return UNITS


class Base:
    rate = 0.5

    @property
    def twice(self):
        return 2 * self.rate


class Model(Base):
    def build(self, hp):
        from lazy import layer
        return [head(hp) for _ in SIZES if hp in {"x", "y"}], pack.part.one, scaled


def unused():
    return 1
"""


def main_of(code, monkeypatch):
    module = types.ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", module)
    exec(compile(code, "<cell>", "exec"), vars(module))
    return main_code(["__main__.Model", "keras.Model"])


HELPERS = {
    "helpers.py": "def scaled(): pass",
    "lazy.py": "",
    "pack/__init__.py": "from . import part",
    "pack/part.py": "one = 1",
}


@pytest.mark.parametrize(
    ("old", "new", "counts"),
    [
        ("UNITS = 8", "UNITS = 9", True),
        ("[1, 2]", "[1, 3]", True),
        ("rate = 0.5", "rate = 0.6", True),
        ("2 * self", "3 * self", True),
        ("return function(", "return 1 + function(", True),
        ("return UNITS", "return UNITS + 1", True),
        ("import layer", "import layers", True),
        ('"y"', '"z"', True),
        ("UNUSED = 1", "UNUSED = 2", False),
        ("def unused():\n    return 1", "def unused():\n    return 2", False),
        ("return UNITS", "return UNITS  # as before", False),
    ],
)
def test_of_a_notebook_counts_what_is_reached(old, new, counts, write, tmp_path, monkeypatch):
    write(HELPERS)
    assert NOTEBOOK.count(old) == 1
    digest, _ = main_of(NOTEBOOK, monkeypatch)
    changed, _ = main_of(NOTEBOOK.replace(old, new), monkeypatch)
    assert (digest != changed) is counts


def test_modules_that_a_notebook_uses(write, tmp_path, monkeypatch):
    write(HELPERS)
    main_of(NOTEBOOK, monkeypatch)
    found = users_modules(Config(model={"_target_": "__main__.Model"}))
    assert [*found] == ["__main__", "helpers", "lazy", "pack", "pack.part"]


def test_nothing_of_main_is_reached():
    assert main_code(["mine.build", "keras.Model"]) == (None, set())
