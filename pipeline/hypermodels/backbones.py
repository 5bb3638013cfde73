"""Trained image networks that other models start from: loading, cutting, preprocessing."""

import difflib
import random
import re
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import keras

from pipeline.datasets.downloads import is_download_failure

PREPROCESSINGS = ("tf", "torch", "caffe", "raw", "unit")
_FILE_SUFFIXES = (".keras", ".h5", ".hdf5")
_PREPROCESSING_OF_MODULE = {
    "convnext": "raw",
    "densenet": "torch",
    "efficientnet": "raw",
    "efficientnet_v2": "raw",
    "inception_resnet_v2": "tf",
    "inception_v3": "tf",
    "mobilenet": "tf",
    "mobilenet_v2": "tf",
    "mobilenet_v3": "raw",
    "nasnet": "tf",
    "resnet": "caffe",
    "resnet_v2": "tf",
    "vgg16": "caffe",
    "vgg19": "caffe",
    "xception": "tf",
}


def is_file(backbone: str) -> bool:
    """Return whether a backbone's name is a file's, not that of a `keras.applications` class."""
    return backbone.endswith(_FILE_SUFFIXES)


def load(
    backbone: str, *, weights: str | None, image_size: tuple[int, int], seed: int
) -> keras.Model:
    """Load a network, without the classifier if it is one of `keras.applications`.

    Args:
        backbone: A class of `keras.applications`, or the path of a `.keras` or `.h5` file.
        weights: `imagenet`, a file to load weights from, or None for the weights that it has:
            those in its file, or those that a class draws.
        image_size: Height and width of the images it will be given.
        seed: What a class draws its weights from; the same seed gives the same weights in every
            process, and the caller's random numbers go on undisturbed.

    Returns:
        The network with all its weights frozen, and without dropout.

    Raises:
        ValueError: There is no such class, the network cannot take such images, or the weights
            do not fit it.
        ConnectionError: The `imagenet` weights are not in Keras' cache and cannot be downloaded.
        FileNotFoundError: The backbone's or the weights' file does not exist.
    """
    path = None if weights in (None, "imagenet") else _existing("weights", str(weights))
    if is_file(backbone):
        model = _load_file(backbone, weights, image_size)
    else:
        imagenet = "imagenet" if weights == "imagenet" else None
        model = _construct(backbone, imagenet, image_size, seed)
    if path is not None:
        _load_weights(model, path, backbone)
    model.trainable = False
    _switch_dropout_off(model)
    return model


def _switch_dropout_off(model: keras.Model) -> None:
    """Make a network give the same features in training as at inference.

    Keras 3 ignores `training=False` in a call when the model around it is trained, so that the
    dropped blocks of EfficientNet and its like would come and go in a frozen backbone.
    """
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0


def cut(model: keras.Model, layer: str | None) -> keras.Model:
    """Return the part of a network up to a layer.

    Args:
        model: A network with one input; the part shares its layers.
        layer: The layer's name; None for the network's last layer.

    Returns:
        A frozen model named `backbone`. It costs milliseconds: the layers are not copied.

    Raises:
        ValueError: There is no such layer.
    """
    names = [other.name for other in model.layers]
    if layer is not None and layer not in names:
        raise ValueError(
            f"the backbone has no layer {layer!r}: set cut_layer to null for its last, "
            f"{names[-1]!r}, or {_suggest(layer, names)}"
        )
    output = model.outputs[0] if layer is None else model.get_layer(layer).output
    part = keras.Model(model.inputs[0], output, name="backbone")
    part.trainable = False
    return part


def preprocessing_of(backbone: str) -> str:
    """Return how a `keras.applications` class wants its images (one of `PREPROCESSINGS`).

    Raises:
        ValueError: The backbone is a file, or a class that this pipeline does not know.
    """
    module = None if is_file(backbone) else _application(backbone).__module__.rpartition(".")[2]
    if module not in _PREPROCESSING_OF_MODULE:
        raise ValueError(
            f"preprocessing must be given for {backbone}: tf (pixels from -1 to 1), torch or "
            "caffe (ImageNet's statistics), raw (0 to 255) or unit (0 to 1)"
        )
    return _PREPROCESSING_OF_MODULE[module]


def preprocess(images: Any, preprocessing: str) -> Any:
    """Bring images to the numbers that a network was trained on.

    Does what the `preprocess_input` functions of `keras.applications` do, with layers that a saved
    model carries along.

    Args:
        images: Symbolic images, `(batch, height, width, channels)`, RGB, from 0 to 1.
        preprocessing: `tf`: from -1 to 1. `torch`: standardised with ImageNet's mean and
            deviation. `caffe`: BGR, from 0 to 255, without ImageNet's mean. `raw`: from 0 to 255.
            `unit`: as they are.

    Returns:
        The preprocessed images, of the same shape.
    """
    layers = keras.layers
    match preprocessing:
        case "tf":
            return layers.Rescaling(2.0, offset=-1.0, dtype="float32", name="tf")(images)
        case "torch":
            mean, deviation = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
            variance = [value**2 for value in deviation]
            return layers.Normalization(
                mean=mean, variance=variance, dtype="float32", name="torch"
            )(images)
        case "caffe":
            offset = [-103.939, -116.779, -123.68]
            blue_first = keras.ops.flip(images, axis=-1)
            return layers.Rescaling(255.0, offset=offset, dtype="float32", name="caffe")(blue_first)
        case "raw":
            return layers.Rescaling(255.0, dtype="float32", name="raw")(images)
        case _:
            return images


def _construct(
    backbone: str, weights: str | None, image_size: tuple[int, int], seed: int
) -> keras.Model:
    application = _application(backbone)
    state = random.getstate()
    # Keras draws the seeds of initializers that have none from Python's generator.
    random.seed(seed)
    _restart_layer_names()
    try:
        return application(include_top=False, weights=weights, input_shape=(*image_size, 3))
    except ValueError as error:
        raise ValueError(_explain(backbone, image_size, error)) from error
    except Exception as error:
        if not is_download_failure(error):
            raise
        raise ConnectionError(
            f"the imagenet weights of {backbone} have to be downloaded once and that failed "
            f"({error}): connect to the network, or set weights to null (random) or to the path "
            "of a file that has them"
        ) from error
    finally:
        random.setstate(state)


def _restart_layer_names() -> None:
    """Make Keras name layers as in a fresh process, so that `conv2d_42` is always the same one."""
    policy = keras.config.dtype_policy()
    keras.backend.clear_session()
    keras.config.set_dtype_policy(policy)


def _application(backbone: str) -> Any:
    names = [name for name in dir(keras.applications) if name[0].isupper()]
    if backbone not in names:
        raise ValueError(
            f"keras.applications has no backbone {backbone!r}: {_suggest(backbone, names)}, "
            "or the path of a .keras or .h5 file"
        )
    return getattr(keras.applications, backbone)


def _explain(backbone: str, image_size: tuple[int, int], error: ValueError) -> str:
    smallest = re.search(r"at least (\d+)x(\d+)", str(error))
    if smallest is None:
        return f"{backbone} cannot be made for images of {_size(image_size)}: {_first_line(error)}"
    height, width = smallest.groups()
    return (
        f"{backbone} takes images of at least {height}x{width} pixels, received "
        f"{_size(image_size)}: set image_size, for example to [{height},{width}]"
    )


def _load_file(backbone: str, weights: str | None, image_size: tuple[int, int]) -> keras.Model:
    path = _existing("backbone", backbone)
    if weights == "imagenet":
        raise ValueError(
            f"weights must be null or a path if the backbone is a file, received imagenet: "
            f"{backbone} has weights of its own"
        )
    try:
        model = keras.models.load_model(path, compile=False)
    except (ValueError, TypeError, OSError) as error:
        raise ValueError(f"{backbone} is no Keras model to load: {_first_line(error)}") from error
    shapes = [tuple(tensor.shape) for tensor in model.inputs or ()]
    if len(shapes) != 1 or len(shapes[0]) != 4:
        raise ValueError(
            "a backbone must have one input, of images (height, width, channels); "
            f"{backbone} has inputs of shape {[shape[1:] for shape in shapes]}"
        )
    expected = shapes[0][1:3]
    if any(size not in (None, given) for size, given in zip(expected, image_size, strict=True)):
        raise ValueError(
            f"{backbone} takes images of {_size(expected)} pixels, received {_size(image_size)}: "
            f"set image_size to [{expected[0]},{expected[1]}]"
        )
    return model


def _load_weights(model: keras.Model, path: Path, backbone: str) -> None:
    try:
        with warnings.catch_warnings():
            # Keras only warns of layers that it finds no weights for.
            warnings.simplefilter("error", UserWarning)
            model.load_weights(path)
    except (ValueError, OSError, UserWarning) as error:
        what = backbone if is_file(backbone) else f"{backbone} without its classifier"
        raise ValueError(
            f"the weights of {path} do not fit {what}: {_first_line(error)}"
        ) from error


def _existing(name: str, value: str) -> Path:
    path = Path(value)
    if not path.is_file():
        allowed = "imagenet, null or an existing file" if name == "weights" else "an existing file"
        raise FileNotFoundError(f"{name} must be {allowed}, received {value!r}")
    return path


def _suggest(name: str, names: Iterable[str]) -> str:
    """Return the names that are meant, or all of them if there are not too many."""
    by_lower = {known.lower(): known for known in names}
    close = difflib.get_close_matches(name.lower(), by_lower, n=5, cutoff=0.5)
    known = [by_lower[match] for match in close] or list(names)
    shown = known if len(known) <= 50 else [*known[:5], "…", *known[-10:]]
    return "use " + ", ".join(shown)


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]


def _size(shape: tuple[int | None, ...]) -> str:
    return "x".join(str(size) for size in shape)
