from urllib.error import URLError

import keras
import numpy as np
import pytest
from keras.src.backend import config as keras_backend

from pipeline.datasets.downloads import CLASSES, download


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "cifar10"])
def test_pixels_and_labels_have_one_form(monkeypatch, name):
    shape = (32, 32, 3) if name == "cifar10" else (28, 28)
    labels = np.arange(10, dtype=np.uint8)
    loaded = np.full((10, *shape), 255, np.uint8), labels[:, None] if len(shape) == 3 else labels
    monkeypatch.setattr(getattr(keras.datasets, name), "load_data", lambda: (loaded, loaded))
    train, test = download(name)
    for split in (train, test):
        assert split.x.shape == (10, *shape, 1)[:4]
        assert (split.x.dtype, split.x.max()) == (np.float32, 255)
        assert (split.y.tolist(), split.y.dtype) == (list(range(10)), np.int64)
    assert len(CLASSES[name]) == 10


@pytest.mark.parametrize(
    ("name", "cached"),
    [
        ("mnist", "mnist.npz"),
        ("fashion_mnist", "fashion-mnist"),
        ("cifar10", "cifar-10-batches-py-target_archive"),
    ],
)
def test_without_a_network_one_sentence_says_what_to_do(monkeypatch, tmp_path, name, cached):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(keras_backend, "_KERAS_DIR", str(tmp_path))  # read at Keras' import
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nothing listens there
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(ConnectionError) as error:
        download(name)
    sentence = str(error.value)
    assert sentence.startswith(f"{name} has to be downloaded once and that failed (URL fetch")
    assert str(tmp_path / "datasets" / cached) in sentence
    assert "digits, breast_cancer, wine, diabetes" in sentence


def test_a_connection_that_breaks_is_the_same_failure(monkeypatch):
    def broken():
        raise ConnectionResetError("reset by peer")

    monkeypatch.setattr(keras.datasets.mnist, "load_data", broken)
    with pytest.raises(ConnectionError, match=r"mnist has to be downloaded .*\(reset by peer\)"):
        download("mnist")


def test_a_failure_is_told_by_what_urllib_raised_not_by_keras_words(monkeypatch):
    def reworded():
        try:
            raise URLError("no route to host")
        except URLError:
            raise Exception("cannot fetch it") from None

    monkeypatch.setattr(keras.datasets.mnist, "load_data", reworded)
    with pytest.raises(ConnectionError, match=r"mnist has to be downloaded .*cannot fetch it"):
        download("mnist")

    def other():
        raise RuntimeError("URL fetch failure is what this only talks about")

    monkeypatch.setattr(keras.datasets.mnist, "load_data", other)
    with pytest.raises(RuntimeError, match="only talks about"):
        download("mnist")


def test_other_failures_are_not_taken_for_it(monkeypatch):
    def damaged():
        raise ValueError("Incomplete or corrupted file detected.")

    monkeypatch.setattr(keras.datasets.mnist, "load_data", damaged)
    with pytest.raises(ValueError, match="corrupted"):
        download("mnist")
