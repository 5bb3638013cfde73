"""For every layer that Keras exports, how it is made and what it is given."""

import inspect
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from keras import layers

ROWS = 5
NOT_MADE = {
    "FlaxLayer": "needs Flax",
    "InputSpec": "is no layer",
    "JaxLayer": "needs JAX",
    "Layer": "has no call",
    "TFSMLayer": "needs a model that was exported",
    "TorchModuleWrapper": "needs PyTorch",
    "Wrapper": "has no call",
}
NOT_CALLED = {
    "InputLayer": "is never called",
    "MaxNumBoundingBoxes": "changes boxes, which no model is given",
}


@dataclass(frozen=True)
class Case:
    """A layer's arguments, and what it is given.

    Attributes:
        shape: An example's; a list if the layer is given several inputs.
        given: What the numbers are: `floats`, `images` (0 to 255), `counts` (0 to 3) or `words`.
        arguments: Of the constructor; see `resolved`.
        spread: Whether several inputs are several arguments.
    """

    shape: Any
    given: str = "floats"
    arguments: dict[str, Any] = field(default_factory=dict)
    spread: bool = False

    def inputs(self, seed: int = 0) -> list[Any]:
        """Return the arguments of a call: examples that differ much in size."""
        if not isinstance(self.shape, list):
            return [examples(self.shape, self.given, seed)]
        inputs = [examples(shape, self.given, seed + i) for i, shape in enumerate(self.shape)]
        return inputs if self.spread else [inputs]


def resolved(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return arguments, and what nameless functions among them return in their place."""

    def value(one: Any) -> Any:
        return one() if getattr(one, "__name__", "") == "<lambda>" else one

    return {name: value(one) for name, one in arguments.items()}


def examples(shape: tuple[int, ...], given: str, seed: int) -> np.ndarray:
    """Return examples of very different sizes, so that one that leaks into another shows."""
    random = np.random.default_rng(seed)
    size = (ROWS, *shape)
    if given == "words":
        words = np.array(["a", "b", "c", "d", "a b", "c c d b a"], dtype=object)
        return words[random.integers(0, len(words), size)]
    if given == "counts":
        return random.integers(0, 4, size)
    scale = np.geomspace(1e-4, 1, ROWS).reshape(ROWS, *[1] * len(shape))
    if given == "images":
        return (random.uniform(0, 255, size) * scale).astype(np.float32)
    return (random.normal(size=size) * scale).astype(np.float32)


def exported() -> dict[str, type]:
    """Return the layers that Keras exports, each by the name that it calls itself."""
    return {one.__name__: one for one in vars(layers).values() if inspect.isclass(one)}


def _each(names: str, shape: Any, given: str = "floats", **arguments: Any) -> dict[str, Case]:
    spread = arguments.pop("spread", False)
    return {name: Case(shape, given, arguments, spread) for name in names.split()}


def _of_dimension(names: str, shapes: dict[int, Any], **arguments: Any) -> dict[str, Case]:
    return {
        name.replace("#", str(dimension)): case
        for dimension, shape in shapes.items()
        for name, case in _each(names, shape, **arguments).items()
    }


_GRIDS = {1: (6, 4), 2: (6, 6, 4), 3: (6, 6, 6, 4)}
_CLIPS = {1: (2, 6, 4), 2: (2, 6, 6, 4), 3: (2, 6, 6, 6, 4)}
_IMAGE = (16, 16, 3)
_POOLS = "AdaptiveAveragePooling#D AdaptiveMaxPooling#D"
_RANDOM_IMAGES = """AugMix CutMix MixUp RandAugment RandomElasticTransform RandomErasing
    RandomFlip RandomGaussianBlur RandomGrayscale RandomInvert RandomPerspective"""
_RANDOM_FACTORS = """RandomBrightness RandomColorDegeneration RandomContrast RandomHue
    RandomRotation RandomSaturation RandomSharpness"""
CASES: dict[str, Case] = {
    **_of_dimension("Conv#D Conv#DTranspose", _GRIDS, filters=2, kernel_size=3),
    **_of_dimension("SeparableConv#D", {1: _GRIDS[1], 2: _GRIDS[2]}, filters=2, kernel_size=3),
    **_of_dimension("DepthwiseConv#D", {1: _GRIDS[1], 2: _GRIDS[2]}, kernel_size=3),
    **_of_dimension("ConvLSTM#D", _CLIPS, filters=2, kernel_size=3),
    **_of_dimension("AveragePooling#D MaxPooling#D", _GRIDS, pool_size=2),
    **_of_dimension(_POOLS, _GRIDS, output_size=2),
    **_of_dimension("GlobalAveragePooling#D GlobalMaxPooling#D", _GRIDS),
    **_of_dimension("Cropping#D UpSampling#D ZeroPadding#D", _GRIDS),
    **_of_dimension("SpatialDropout#D", _GRIDS, rate=0.5),
    **_each("Add Average Concatenate Maximum Minimum Multiply Subtract", [(4,), (4,)]),
    **_each("ELU Flatten Identity LeakyReLU PReLU ReLU Softmax UnitNormalization", (4,)),
    **_each("ActivityRegularization BatchNormalization LayerNormalization Normalization", (4,)),
    **_each("RMSNormalization", (4,)),
    **_each("GroupNormalization", (4,), groups=2),
    **_each("AlphaDropout Dropout GaussianDropout", (4,), rate=0.5),
    **_each("GaussianNoise", (4,), stddev=0.5),
    **_each("GRU LSTM SimpleRNN", (4, 3), units=2),
    **_each("GRUCell LSTMCell SimpleRNNCell", (4, 3), units=2),
    **_each("StackedRNNCells", (4, 3), cells=lambda: [layers.GRUCell(2), layers.LSTMCell(2)]),
    **_each("RNN", (4, 3), cell=lambda: layers.GRUCell(2)),
    **_each("Bidirectional", (4, 3), layer=lambda: layers.LSTM(2)),
    **_each("TimeDistributed SpectralNormalization", (4, 3), layer=lambda: layers.Dense(2)),
    **_each("Pipeline", (4, 3), layers=lambda: [layers.Rescaling(2.0), layers.Rescaling(3.0)]),
    **_each("AdditiveAttention Attention", [(4, 3), (4, 3)]),
    **_each("MultiHeadAttention", [(4, 3), (4, 3)], num_heads=2, key_dim=2, spread=True),
    **_each(
        "GroupedQueryAttention",
        [(4, 3), (4, 3)],
        head_dim=2,
        num_query_heads=2,
        num_key_value_heads=1,
        spread=True,
    ),
    **_each("Activation", (4,), activation="tanh"),
    **_each("Dense", (4,), units=2),
    **_each("Dot", [(4,), (4,)], axes=1),
    **_each("EinsumDense", (4,), equation="ab,bc->ac", output_shape=2),
    "InputLayer": Case((4,), arguments={"shape": (4,)}),
    **_each("Lambda", (4,), function=keras.ops.tanh),
    **_each("Masking", (4, 3)),
    **_each("Permute", (4, 3), dims=(2, 1)),
    **_each("RepeatVector", (4,), n=2),
    **_each("Rescaling", (4,), scale=2.0),
    **_each("Reshape", (4,), target_shape=(2, 2)),
    **_each("MelSpectrogram", (64,), fft_length=16, sequence_stride=8, num_mel_bins=4),
    **_each("STFTSpectrogram", (64, 1), frame_length=16),
    **_each("Embedding ReversibleEmbedding", (3,), "counts", input_dim=4, output_dim=2),
    **_each("CategoryEncoding", (3,), "counts", num_tokens=4),
    **_each("Discretization", (3,), bin_boundaries=[0.0, 0.5]),
    **_each("HashedCrossing", [(1,), (1,)], "words", num_bins=4),
    **_each("Hashing", (3,), "words", num_bins=4),
    **_each("IntegerLookup", (3,), "counts", vocabulary=[1, 2, 3]),
    **_each("StringLookup", (3,), "words", vocabulary=["a", "b", "c"]),
    **_each("TextVectorization", (1,), "words", vocabulary=["a", "b", "c"]),
    **_each("CenterCrop Resizing", _IMAGE, "images", height=4, width=4),
    **_each("AutoContrast Equalization", _IMAGE, "images"),
    **_each("ContrastLimitedAdaptiveHistogramEqualization", _IMAGE, "images"),
    **_each("MaxNumBoundingBoxes", _IMAGE, "images", max_number=2),
    **_each(_RANDOM_IMAGES, _IMAGE, "images"),
    **_each(_RANDOM_FACTORS, _IMAGE, "images", factor=0.5),
    **_each("RandomCrop", _IMAGE, "images", height=4, width=4),
    **_each("RandomColorJitter", _IMAGE, "images", brightness_factor=0.25, hue_factor=0.25),
    **_each("RandomPosterization", _IMAGE, "images", factor=5),
    **_each("RandomShear", _IMAGE, "images", x_factor=0.5),
    **_each("RandomTranslation", _IMAGE, "images", height_factor=0.5, width_factor=0.5),
    **_each("RandomZoom", _IMAGE, "images", height_factor=0.5),
    **_each("Solarization", _IMAGE, "images", threshold_factor=0.5),
}


def made(name: str, **others: Any) -> Any:
    """Return a new layer."""
    return exported()[name](**resolved(CASES[name].arguments | others))


def callable_(layer: Any) -> Any:
    """Return what is called of a layer: cells are called by a layer."""
    return layers.RNN(layer) if type(layer).__name__.endswith(("Cell", "Cells")) else layer
