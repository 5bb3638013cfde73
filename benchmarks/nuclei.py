"""A small U-Net that marks the pixels of nuclei, as its user would write it."""

import keras
import keras_tuner


class Nuclei(keras_tuner.HyperModel):
    """Two levels of convolutions, of which the upper is also seen by what comes below."""

    def build(self, hp: keras_tuner.HyperParameters) -> keras.Model:
        """Return a compiled model of tiles with one channel and sides of multiples of 4."""
        filters = hp.Choice("filters", [8, 16])
        learning_rate = hp.Float("learning_rate", 1e-3, 1e-2, sampling="log")
        inputs = keras.Input((None, None, 1))
        upper = _convolved(_convolved(inputs, filters), filters)
        lower = _convolved(keras.layers.MaxPooling2D()(upper), 2 * filters)
        lowest = _convolved(keras.layers.MaxPooling2D()(lower), 4 * filters)
        features = keras.layers.concatenate([lower, keras.layers.UpSampling2D()(lowest)])
        features = _convolved(features, 2 * filters)
        features = keras.layers.concatenate([upper, keras.layers.UpSampling2D()(features)])
        outputs = keras.layers.Conv2D(1, 1, activation="sigmoid")(_convolved(features, filters))
        model = keras.Model(inputs, outputs)
        model.compile(
            optimizer=keras.optimizers.Adam(learning_rate),
            loss="binary_crossentropy",
            metrics=[keras.metrics.BinaryIoU(target_class_ids=[1], name="iou")],
        )
        return model


def _convolved(features: keras.KerasTensor, filters: int) -> keras.KerasTensor:
    return keras.layers.Conv2D(filters, 3, padding="same", activation="relu")(features)
