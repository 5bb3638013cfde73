"""What a module's source imports, as far as it can be read there."""

import ast
import functools
from collections.abc import Iterator

ALL = ".*"
"""Behind a package's name: all modules in it."""
_STATEMENTS = ("body", "orelse", "finalbody", "handlers", "cases")
_CALLS = ("import_module", "__import__")


@functools.cache
def imports_of(content: bytes, name: str, is_package: bool) -> tuple[str, ...]:
    """Return the names of all that a module may import; not every one need be a module.

    What is given to `importlib.import_module` is read where it is a text. Where it is computed,
    all modules count of the package that the text begins with, or else of the module's own: so a
    package that imports whatever it has in its folder has them all. A package's `__all__` may
    name modules too.

    Args:
        content: The module's file.
        name: Its name.
        is_package: Whether it is a package's `__init__`.

    Returns:
        Dotted names; one that ends with `ALL` stands for a package's modules. None if the file
        is not Python.
    """
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError):  # nothing has imported it, then
        return ()
    package = name if is_package else name.rpartition(".")[0]
    names = [*_stated(tree, package)]
    if is_package:
        names += [f"{name}.{one}" for one in _listed(tree)]
    if any(call.encode() in content for call in _CALLS):
        names += _called(tree, package)
    return tuple(dict.fromkeys(names))


def _stated(node: ast.AST, package: str) -> Iterator[str]:
    """Yield what import statements name, at any depth; no expression has one."""
    for field in _STATEMENTS:
        for statement in getattr(node, field, ()):
            if isinstance(statement, ast.Import):
                yield from (alias.name for alias in statement.names)
            elif isinstance(statement, ast.ImportFrom):
                base = _absolute("." * statement.level + (statement.module or ""), package)
                yield base
                yield from (f"{base}.{one.name}" for one in statement.names if one.name != "*")
            else:
                yield from _stated(statement, package)


def _listed(tree: ast.Module) -> Iterator[str]:
    """Yield the texts of `__all__`."""
    for statement in tree.body:
        if isinstance(statement, ast.Assign | ast.AugAssign | ast.AnnAssign) and statement.value:
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
                yield from (
                    part.value
                    for part in ast.walk(statement.value)
                    if isinstance(part, ast.Constant) and isinstance(part.value, str)
                )


def _called(tree: ast.Module, package: str) -> Iterator[str]:
    """Yield what calls of `import_module` name."""
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call) or not call.args:
            continue
        if getattr(call.func, "attr", getattr(call.func, "id", None)) not in _CALLS:
            continue
        name = call.args[0]
        if isinstance(name, ast.Constant) and isinstance(name.value, str):
            yield _absolute(name.value, package)
            continue
        begins = _beginning(name)
        stem = begins[: begins.rfind(".") + 1]
        whole = _absolute(stem[:-1] if stem.strip(".") else stem, package) or package
        if whole:
            yield whole + ALL


def _beginning(name: ast.expr) -> str:
    """Return the text that a computed one begins with, if that can be read."""
    while isinstance(name, ast.BinOp):
        name = name.left
    first = name.values[0] if isinstance(name, ast.JoinedStr) and name.values else name
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else ""


def _absolute(name: str, package: str) -> str:
    """Return a name without the dots before it, which lead up from a package."""
    relative = name.lstrip(".")
    level = len(name) - len(relative)
    if level == 0:
        return relative
    parts = package.split(".")
    return ".".join([*parts[: len(parts) - level + 1], *filter(None, [relative])])
