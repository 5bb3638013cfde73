"""What is said of a training that failed."""

import keras
import numpy as np
import pytest

from pipeline.training.failures import sentence


def raised(function, *args, **kwargs) -> Exception:
    with pytest.raises(Exception) as error:  # noqa: PT011
        function(*args, **kwargs)
    return error.value


def test_what_keras_expected_and_received():
    model = keras.Sequential([keras.Input((12,)), keras.layers.Dense(1)])
    told = sentence(raised(model, np.zeros((2, 13), "float32")))
    assert "expected axis -1 of input shape to have value 12" in told
    assert "(2, 13)" in told
    assert "rguments received" not in told
    assert "\n" not in told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("no luck\ntoday", "no luck today"),
        (
            "Shapes differ.\n\nExpected: (3,)\nReceived: (4,)\nmore",
            "Shapes differ. Expected: (3,) Received: (4,)",
        ),
        ("a\nCall arguments received by layer 'b':\n  • x=1", "a"),
        ("Arguments received by b:\n  • x=1", "Arguments received by b: • x=1"),
        ("", "no message"),
    ],
)
def test_the_lines_that_matter(text, told):
    assert sentence(ValueError(text)) == f"ValueError: {told}"
