"""Texts and what they are to be taken for: a folder with one sub-folder a class, or a table."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.configuration.names import stem
from pipeline.datasets.dataset import Dataset
from pipeline.datasets.description import describe_targets
from pipeline.datasets.rows import Array
from pipeline.datasets.splits import Partition
from pipeline.datasets.table_file import not_columns, open_table
from pipeline.datasets.table_targets import Targets, read_targets, read_weights
from pipeline.datasets.tasks import Task
from pipeline.datasets.text_encoding import TextEncoding
from pipeline.datasets.text_folder import read_texts, unread


def text(
    *,
    path: str,
    text: str | None,
    target: str | Sequence[str] | None,
    weight: str | None,
    task: Task | None,
    separator: str | None,
    max_tokens: int,
    length: int | None,
    standardize: str | None,
    split: str,
    validation_size: float,
    test_size: float,
    seed: int,
) -> Dataset:
    """Load texts with a class or a number each.

    Args:
        path: A folder with one sub-folder of `.txt` files a class; or a table, as `csv` takes it.
        text: The column of the texts; None for a folder.
        target: The column to predict, or several; None for a folder.
        weight: The column that says how much each row counts; None if all count alike.
        task: `classification`, `multilabel`, `regression`, or None to infer it from the target.
        separator: The character between two columns; None for what the file's name says.
        max_tokens: As in `TextEncoding.fit`, and so are the next three.
        length: Words that are taken of a text; None for as many as nearly all have.
        standardize: What is done to texts before, as `keras.layers.TextVectorization` names it.
        split: `whitespace` for words between spaces, or `character`.
        validation_size: Fraction of the texts to validate on.
        test_size: Fraction of the texts to test on.
        seed: Seed of the splits.

    Raises:
        FileNotFoundError: There is no such folder or file.
        ValueError: An argument or what was read cannot be used; the sentence says why.
    """
    partition = Partition({"validation_size": validation_size, "test_size": test_size}, seed)
    encode = functools.partial(
        TextEncoding.fit,
        max_tokens=max_tokens,
        length=length,
        standardize=standardize,
        split=split,
    )
    TextEncoding.check(**encode.keywords)  # before anything is read
    place = Path(str(path)).expanduser().resolve()
    if place.is_dir():
        _check_no_columns(place, {"text": text, "target": target, "weight": weight, "task": task})
        read = _read_folder(place)
    else:
        read = _read_table(place, text, target, weight, task, separator)
    task, y, classes = read.targets.task, read.targets.y, read.targets.classes
    train, validation, test = partition.apply(
        read.x,
        y,
        classes=classes if task == "classification" else (),
        sample_weight=read.weight,
    )
    encoding = encode(train.x)
    known = len(encoding.vocabulary)
    return Dataset(
        name=stem(place),
        task=task,
        train=train,
        validation=validation,
        test=test,
        classes=classes,
        source=str(place),
        preprocessing=encoding,
        targets=read.targets.names if task == "regression" else (),
        notes=(
            f"{len(read.x)} texts of {place}: {describe_targets(read.targets)}",
            f"words: {known} known from the training part, the first {encoding.length} of a text",
            *read.notes,
        ),
    )


@dataclass(frozen=True)
class _Texts:
    """All that was read.

    Attributes:
        x: `(n,)` Python strings.
        targets: What is to be predicted of each.
        weight: `(n,)` weights; None if all count alike.
        notes: What there is to say of how it was read.
    """

    x: Array
    targets: Targets
    weight: Array | None = None
    notes: tuple[str, ...] = ()


def _read_folder(path: Path) -> _Texts:
    x, y, classes = read_texts(path)
    return _Texts(x, Targets("classification", y, classes, ()), notes=unread(path))


def _read_table(
    path: Path,
    text: str | None,
    target: str | Sequence[str] | None,
    weight: str | None,
    task: Task | None,
    separator: str | None,
) -> _Texts:
    if text is None or target is None:
        raise ValueError(
            "path must be a folder with one sub-folder of texts a class, or a table whose columns "
            f"dataset.text and dataset.target name; received path={path}, text={text!r}, "
            f"target={target!r}"
        )
    file = open_table(path, separator)
    targets = [target] if isinstance(target, str) else [*target]
    weights = [] if weight is None else [weight]
    _check_columns(path, file.columns, {"text": [text], "target": targets, "weight": weights})
    table = file.read([text, *targets, *weights], as_text=[text])
    empty = int((table[text].str.strip() == "").sum())
    return _Texts(
        x=table[text].to_numpy(dtype=object),
        targets=read_targets(table[targets], task),
        weight=None if weight is None else read_weights(table[weight]),
        notes=(f"{empty} of the texts are empty",) if empty else (),
    )


def _check_columns(path: Path, known: Sequence[str], named: Mapping[str, Sequence[str]]) -> None:
    problems = not_columns(path, known, named)
    every = [name for names in named.values() for name in names]
    if twice := sorted({name for name in every if every.count(name) > 1}):
        problems.append(
            f"text, target and weight must be columns of their own, received {twice} twice"
        )
    if problems:
        raise ValueError("; ".join(problems))


def _check_no_columns(path: Path, settings: Mapping[str, object]) -> None:
    given = [f"{name}={value}" for name, value in settings.items() if value is not None]
    if given:
        raise ValueError(
            f"{', '.join(given)} is for a table, and {path} is a folder, whose sub-folders are the "
            "classes"
        )
