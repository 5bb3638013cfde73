"""The search space: what a hypermodel declares, and what the configuration makes of it."""

import keras
import keras_tuner
import pytest
from keras_tuner.engine import hyperparameters as kinds

from pipeline.hypermodels.discovery import discover
from pipeline.hypermodels.spaces import override


def tiny_model():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(loss="mse")
    return model


def nested(hp):
    model = hp.Choice("model", ["mlp", "cnn"])
    with hp.conditional_scope("model", ["cnn"]):
        if model == "cnn":
            pooling = hp.Boolean("pooling")
            with hp.conditional_scope("pooling", [True]):
                if pooling:
                    hp.Choice("size", [2, 3])
    with hp.conditional_scope("model", ["mlp"]):
        if model == "mlp":
            hp.Int("units", 4, 8)
    hp.Float("rate", 0, 1)
    return tiny_model()


def names(space):
    return [hp.name for hp in space.space]


class TestDiscover:
    def test_finds_every_conditional_scope(self):
        space = discover(nested)
        assert set(names(space)) == {"model", "units", "rate", "pooling", "size"}
        assert names(space).index("pooling") < names(space).index("size")

    def test_finds_the_same_in_the_same_order_every_time(self):
        assert discover(nested).get_config() == discover(nested).get_config()

    def test_takes_a_hypermodel(self):
        class Declared(keras_tuner.HyperModel):
            def declare_hyperparameters(self, hp):
                hp.Int("depth", 1, 3)

            def build(self, hp):
                hp.Int("units", 1, hp.get("depth"))
                return tiny_model()

        assert names(discover(Declared())) == ["depth", "units"]

    def test_ends_if_a_scope_cannot_be_entered(self):
        def build(hp):
            if hp.Choice("a", [1, 2]) == 1:
                with hp.conditional_scope("a", [2]):
                    hp.Int("never", 1, 2)
            return tiny_model()

        assert names(discover(build)) == ["a", "never"]

    def test_keeps_exclusive_scopes_that_share_a_name(self):
        def build(hp):
            kind = hp.Choice("kind", ["a", "b"])
            with hp.conditional_scope("kind", ["a"]):
                first = hp.Int("units", 1, 2)
            with hp.conditional_scope("kind", ["b"]):
                second = hp.Int("units", 5, 6)
            assert (first if kind == "a" else second) is not None
            return tiny_model()

        assert names(discover(build)) == ["kind", "units", "units"]

    def test_leaves_no_state_in_keras(self):
        discover(nested)
        assert keras.layers.Dense(1).name == "dense"

    def test_passes_on_what_the_build_raises(self):
        error = RuntimeError("the user's")

        def build(hp):
            raise error

        with pytest.raises(RuntimeError) as raised:
            discover(build)
        assert raised.value is error

    @pytest.mark.parametrize(
        ("hypermodel", "sentence"),
        [
            (lambda hp: None, "must return a keras.Model; it returned None of type NoneType"),
            (lambda hp: [tiny_model()], "must return a keras.Model; it returned .* of type list"),
            ("mlp", "must be a keras_tuner.HyperModel or a function build\\(hp\\); received 'mlp'"),
        ],
    )
    def test_refuses_what_is_no_hypermodel(self, hypermodel, sentence):
        with pytest.raises(TypeError, match=sentence):
            discover(hypermodel)


@pytest.fixture
def space():
    hp = keras_tuner.HyperParameters()
    hp.Choice("activation", ["relu", "tanh"], default="tanh")
    hp.Int("units", 32, 512, step=32, default=64)
    hp.Float("rate", 1e-4, 1e-2, sampling="log")
    hp.Boolean("bias", default=True)
    hp.Choice("kernel", [3, 5])
    hp.Choice("dropout", [0.25, 0.5])
    hp.Fixed("optimizer", "adam")
    hp.Fixed("momentum", 0.9)
    with hp.conditional_scope("activation", ["relu"]):
        hp.Float("slope", 0.0, 0.3, step=0.1)
    return hp


class TestOverride:
    @pytest.mark.parametrize(
        ("name", "value", "expected"),
        [
            ("units", 64, kinds.Fixed("units", 64)),
            ("units", 7, kinds.Fixed("units", 7)),
            ("rate", 1, kinds.Fixed("rate", 1.0)),
            ("bias", False, kinds.Fixed("bias", False)),
            ("activation", "gelu", kinds.Fixed("activation", "gelu")),
            ("optimizer", ["adam", "sgd"], kinds.Choice("optimizer", ["adam", "sgd"])),
            ("units", [16, 64], kinds.Choice("units", [16, 64], default=64)),
            ("units", [16, 8], kinds.Choice("units", [16, 8])),
            ("rate", [1, 0.5], kinds.Choice("rate", [1.0, 0.5])),
            ("bias", [False, True], kinds.Boolean("bias", default=True)),
            ("bias", [False], kinds.Fixed("bias", False)),
            ("units", {"max_value": 128}, kinds.Int("units", 32, 128, 32, default=64)),
            ("units", {"min_value": 128}, kinds.Int("units", 128, 512, 32)),
            ("units", {"step": None}, kinds.Int("units", 32, 512, default=64)),
            ("units", {"step": 2, "sampling": "log"}, kinds.Int("units", 32, 512, 2, "log", 64)),
            ("units", {"sampling": "log"}, kinds.Int("units", 32, 512, None, "log", 64)),
            ("rate", {"max_value": 1}, kinds.Float("rate", 1e-4, 1.0, None, "log", 1e-4)),
            ("rate", {"sampling": "linear"}, kinds.Float("rate", 1e-4, 1e-2, default=1e-4)),
            ("kernel", {"min_value": 3, "max_value": 7}, kinds.Int("kernel", 3, 7, default=3)),
            (
                "momentum",
                {"min_value": 0, "max_value": 0.9, "step": 0.1},
                kinds.Float("momentum", 0.0, 0.9, 0.1, default=0.9),
            ),
            ("batch_size", 16, kinds.Fixed("batch_size", 16)),
            ("epochs", [5, 10], kinds.Choice("epochs", [5, 10])),
            (
                "batch_size",
                {"min_value": 16, "max_value": 64, "step": 2, "sampling": "log"},
                kinds.Int("batch_size", 16, 64, 2, "log"),
            ),
        ],
    )
    def test_makes_of_a_hyperparameter(self, space, name, value, expected):
        result = override(space, {name: value})
        found = next(hp for hp in result.space if hp.name == name)
        assert type(found) is type(expected)
        left, right = found.get_config(), expected.get_config()
        assert (left.pop("default", None) or right.get("min_value")) == (
            right.pop("default", None) or right.get("min_value")
        )
        assert left == right
        assert type(found.default) is type(expected.default)

    def test_keeps_order_and_leaves_the_original_alone(self, space):
        before = space.get_config()
        result = override(space, {"epochs": 3, "rate": 0.1, "batch_size": [8, 16], "units": 8})
        assert names(result) == [*names(space), "batch_size", "epochs"]
        assert space.get_config() == before

    def test_keeps_conditions_so_that_the_build_finds_the_value(self, space):
        hp = override(space, {"slope": [0.5], "activation": ["tanh", "relu"]})
        hp.values = {"activation": "relu", "slope": 0.5}
        assert hp.Choice("activation", ["relu", "tanh"]) == "relu"
        with hp.conditional_scope("activation", ["relu"]):
            assert hp.Float("slope", 0.0, 0.3, step=0.1) == 0.5
        assert len(hp.space) == len(space.space)

    def test_a_parent_may_be_set_so_that_a_child_is_never_active(self, space):
        hp = override(space, {"activation": "tanh"})
        assert not hp.is_active("slope")

    def test_applies_to_every_scope_that_uses_the_name(self):
        hp = keras_tuner.HyperParameters()
        hp.Choice("kind", ["a", "b"])
        for kind in ("a", "b"):
            with hp.conditional_scope("kind", [kind]):
                hp.Int("units", 1, 9)
        result = override(hp, {"units": 5})
        assert [hp.default for hp in result.space if hp.name == "units"] == [5, 5]

    def test_what_may_be_negative_stays_so(self):
        hp = keras_tuner.HyperParameters()
        hp.Float("shift", -1.0, 1.0)
        assert override(hp, {"shift": -5}).get("shift") == -5.0

    def test_applies_nothing(self, space):
        assert override(space, {}).get_config()["space"] == space.get_config()["space"]

    @pytest.mark.parametrize(
        ("name", "value", "sentence"),
        [
            ("unit", 8, "hyperparameters.unit is unknown; known are units, activation, batch_size"),
            ("zzz", 8, "hyperparameters.zzz is unknown; known are activation, batch_size, bias"),
            ("units", "many", "hyperparameters.units must be an integer; received 'many'"),
            ("units", 8.0, "hyperparameters.units must be an integer; received 8.0"),
            ("units", True, "hyperparameters.units must be an integer; received True"),
            ("units", None, "hyperparameters.units must be an integer; received None"),
            ("units", [8, None], "hyperparameters.units must be an integer; received None"),
            ("units", [8, [9]], "hyperparameters.units must be an integer; received [9]"),
            ("rate", "fast", "hyperparameters.rate must be a number; received 'fast'"),
            ("rate", True, "hyperparameters.rate must be a number; received True"),
            ("rate", float("nan"), "hyperparameters.rate must be a number; received nan"),
            ("rate", float("inf"), "hyperparameters.rate must be a number; received inf"),
            ("rate", -0.1, "hyperparameters.rate must be above 0, like all"),
            ("rate", [0.1, 0], "hyperparameters.rate must be above 0, like all"),
            ("units", -8, "hyperparameters.units must be 0 or more, like all"),
            ("units", {"min_value": -8}, "units must be 0 or more, like all"),
            ("kernel", -3, "hyperparameters.kernel must be 0 or more, like all"),
            ("bias", 1, "hyperparameters.bias must be true or false; received 1"),
            ("activation", 1, "hyperparameters.activation must be text; received 1"),
            ("activation", ["relu", 1], "hyperparameters.activation must be text; received 1"),
            ("units", [], "hyperparameters.units must list at least one value; received []"),
            ("units", [8, 8], "hyperparameters.units must list each value once; received [8, 8]"),
            ("rate", [1, 1.0], "hyperparameters.rate must list each value once; received [1, 1.0]"),
            ("units", {}, "must have keys among min_value, max_value, step, sampling; received {}"),
            ("units", {"min": 1}, "hyperparameters.units must have keys among min_value, max_"),
            ("units", {"min_value": 1.5}, "units.min_value must be an integer; received 1.5"),
            ("units", {"max_value": None}, "units.max_value must be an integer; received None"),
            ("units", {"max_value": 8}, "units.min_value must not exceed max_value; received 32"),
            ("units", {"step": 0}, "units.step must be above 0 for linear sampling; received 0"),
            ("rate", {"step": 1}, "rate.step must be above 1 for log sampling; received 1.0"),
            ("rate", {"min_value": 0}, "rate.min_value must be above 0 for log sampling; it is 0"),
            ("rate", {"sampling": "cube"}, "must be one of linear, log, reverse_log; received 'cu"),
            ("rate", {"sampling": None}, "must be one of linear, log, reverse_log; received None"),
            ("activation", {"min_value": 1}, "activation takes a value or a list, not a range"),
            ("bias", {"min_value": 0}, "hyperparameters.bias takes a value or a list, not a range"),
            ("kernel", {"max_value": 7}, "kernel was declared without a range, so it needs min_va"),
            ("batch_size", {"max_value": 7}, "it needs min_value and max_value; received {'max_va"),
            ("batch_size", 0, "hyperparameters.batch_size must be a positive integer; received 0"),
            ("epochs", [-1], "hyperparameters.epochs must be a positive integer; received -1"),
            ("epochs", 1.5, "hyperparameters.epochs must be a positive integer; received 1.5"),
            ("epochs", {"min_value": 0, "max_value": 2}, "min_value must be a positive integer"),
        ],
    )
    def test_says_what_does_not_fit(self, space, name, value, sentence):
        with pytest.raises(ValueError) as raised:  # noqa: PT011 -- compared in full below
            override(space, {name: value})
        assert sentence in str(raised.value)
        assert "\n" not in str(raised.value)


def test_stated_defaults_are_known():
    def build(hp):
        hp.Float("rate", 0.1, 1.0, default=0.1)
        hp.Float("drop", 0.1, 1.0)
        hp.Int("units", 1, 9, 1, "linear", 4)
        hp.Int("layers", 1, 9)
        if hp.Choice("kind", ["a", "b"]) == "b":
            hp.Choice("other", [1, 2], default=2)
        hp.Boolean("off", default=False)
        hp.Boolean("on")
        with hp.conditional_scope("kind", ["b"]):
            hp.Int("size", 1, 9, default=3)
        return tiny_model()

    stated = discover(build).stated
    assert stated == {"rate": 0.1, "units": 4, "other": 2, "off": False, "size": 3}
