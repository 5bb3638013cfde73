#!/usr/bin/env bash
# A frozen `SpectralNormalization` changes with every step of the training, and with it what the model predicts.
#
# Keras 3.15.1: the layer divides its layer's kernel by its norm in every call with `training=True`, and writes the
# result into the kernel, whether it is trainable or not. Of a network with such layers that is frozen and used as a
# backbone, weights and features are others after the training than before.
# Seen: the frozen kernel's largest singular value is 1.26 before an epoch and 1.14 after it; the kernel of a frozen
# Dense stays as it was.
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet keras==3.15.1 tensorflow==2.21.0
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" - <<'PYTHON'
import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(0)
x = np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32)


def features_and_kernel(layer):
    layer.trainable = False
    model = keras.Sequential([keras.Input((3,)), layer, layers.Dense(1)])
    model.compile("sgd", "mse")
    assert len(model.trainable_variables) == 2  # those of the last layer
    seen = []
    for _ in range(2):
        kernel = next(weight for weight in layer.weights if weight.path.endswith("kernel"))
        seen.append(tuple(map(keras.ops.convert_to_numpy, (layer(x, training=False), kernel))))
        model.fit(x, x[:, :1], verbose=0)
    return seen


(features, kernel), (later_features, later_kernel) = features_and_kernel(
    layers.SpectralNormalization(layers.Dense(4))
)
norms = tuple(np.linalg.norm(one, 2) for one in (kernel, later_kernel))
print("largest singular value of the frozen kernel: %.2f before an epoch, %.2f after it" % norms)
print("the features change by %.2f at most" % np.abs(features - later_features).max())
assert abs(norms[0] - norms[1]) > 0.1 and not np.allclose(features, later_features)

(features, kernel), (later_features, later_kernel) = features_and_kernel(layers.Dense(4))
assert np.array_equal(kernel, later_kernel) and np.array_equal(features, later_features)
PYTHON
