"""What images of any size and format are made into."""

from collections.abc import Sequence
from dataclasses import dataclass

_MODES = {"grayscale": "L", "rgb": "RGB", "rgba": "RGBA"}


@dataclass(frozen=True)
class ImageForm:
    """The one form of all images of a dataset.

    Attributes:
        image_size: Height and width in pixels.
        color_mode: `grayscale` (1 channel), `rgb` (3) or `rgba` (4).

    Raises:
        ValueError: There is no such size or mode.
    """

    image_size: Sequence[int]
    color_mode: str

    def __post_init__(self) -> None:
        match self.image_size:
            case [int(height), int(width)] if height > 0 and width > 0:
                object.__setattr__(self, "image_size", (height, width))
            case _:
                raise ValueError(
                    "image_size must be a height and a width in pixels, both integers above 0, for "
                    f"example [128, 128], received {self.image_size!r}"
                )
        if self.color_mode not in _MODES:
            raise ValueError(
                f"color_mode must be one of {list(_MODES)}, received {self.color_mode!r}"
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels."""
        height, width = self.image_size
        return height, width, len(self.pillow_mode)

    @property
    def pillow_mode(self) -> str:
        """What Pillow calls the colour mode: a letter a channel."""
        return _MODES[self.color_mode]
