"""Many kinds of models give what plain Keras gives, and are as fast as they can be."""

import keras
import keras_tuner
import pytest

from pipeline.frozen.features import Features
from pipeline.journal.array_store import ArrayStore
from pipeline.training.stopping import never
from pipeline.training.throughput import Throughput, validation_batch_size
from pipeline.training.trainer import Execution, Trainer
from pipeline.training.verification import Verification
from tests.training.zoo import DATA, ZOO

BATCH = 8


class Built(keras_tuner.HyperModel):
    """Builds an animal of the zoo."""

    def __init__(self, build):
        super().__init__()
        self._build_of_a_rate = build

    def build(self, hp):
        return self._build_of_a_rate(hp.values["rate"])


@pytest.mark.sampled("dropout", "spectral normalization", "a user's layer")
@pytest.mark.parametrize("name", ZOO)
def test_is_trained_as_plain_keras_trains_it(name):
    animal, validations, steppings = ZOO[name], [], []

    def validation(*arguments):
        validations.append(validation_batch_size(*arguments))
        return validations[-1]

    def stepping(optimizer):
        inner = getattr(optimizer, "inner_optimizer", optimizer)
        steppings.append(inner)
        return Throughput().stepping(optimizer)

    dataset = DATA[animal.data]
    features = Features(dataset, ArrayStore(None, 0), 10**7, False, lambda *_: None, lambda _: None)
    trainer = Trainer(
        Built(animal.build),
        dataset,
        keras_tuner.Objective("val_loss", "min"),
        BATCH,
        callbacks=animal.callbacks,
        features=features,
        throughput=Throughput(validation=validation, stepping=stepping),
    )
    verification, results = Verification(trainer, 2), []
    for seed, rate in enumerate((0.02, 0.005)):
        hyperparameters = keras_tuner.HyperParameters()
        hyperparameters.values = {"rate": rate}
        execution = Execution(hyperparameters, seed, 0, animal.epochs)
        results.append(verification.train(str(seed), execution, lambda *_: None, never))
    fast = {
        "trace": trainer.traces.reuses > 0,
        "features": len(features._memory) > 0,
        "validation": max(validations) > BATCH,
        "adam": any(_steps_as_adam(one) for one in steppings),
    }
    assert [what for what, at_work in fast.items() if at_work] == sorted(
        animal.fast.split(), key=list(fast).index
    )


def _steps_as_adam(optimizer):
    own = type(optimizer).update_step is keras.optimizers.Adam.update_step
    return own and not optimizer.amsgrad
