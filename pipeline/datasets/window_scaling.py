"""How windows of a series become numbers, inside the model."""

from dataclasses import dataclass
from typing import Any

from pipeline.datasets.preprocessing import Standardization


@dataclass(frozen=True)
class WindowScaling:
    """Standardises the steps of windows, and knows which inputs are the targets' past.

    Attributes:
        standardization: Of each input; its shape is that of a window, `(steps, inputs)`.
        targets: For each target, its place among the inputs; empty if one of them is no input.
    """

    standardization: Standardization
    targets: tuple[int, ...]

    def inputs(self) -> tuple[Any, Any]:
        """Return an input of raw windows and the standardised ones, both `(steps, inputs)`."""
        return self.standardization.inputs()
