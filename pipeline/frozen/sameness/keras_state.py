"""What of the state of Keras's objects a training does not depend on, and what is told otherwise.

All other attributes count, also those that a user or a later Keras adds: at worst something is not
reused that could be.
"""

import functools
import re
import types
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from pipeline.frozen.model_graph import nodes, structures
from pipeline.frozen.sameness.classes import is_librarys_code
from pipeline.frozen.sameness.functions import is_keras_own
from pipeline.frozen.sameness.unreadable import UnreadableError

_BOOKKEEPING = frozenset(
    [
        "_tracker",
        "_lock",
        "_auto_config",
        "_tracked",
        "_called",
        "_losses",
        "_loss_ids",
        "_losses_override",
        "_call_signature",
        "call_signature_parameters",
        "_build_shapes_dict",
        "_build_input_shape",
        "_parent_path",
        "_path",
        "_inbound_nodes",
        "_outbound_nodes",
        "_saved_model_inputs_spec",
        "_saved_model_arg_spec",
        "_self_setattr_tracking",
        "_self_unconditional_checkpoint_dependencies",
        "_self_unconditional_dependency_names",
        "_self_unconditional_deferred_dependencies",
        "_self_update_uid",
        "_self_name_based_restores",
        "_self_saveable_object_factories",
    ]
)
"""Of every layer, model and optimizer: what Keras and TensorFlow need to save and to track it."""
_GRAPH = frozenset(
    [
        "_nodes",
        "_nodes_by_depth",
        "_operations_by_depth",
        "_inputs",
        "_outputs",
        "_inputs_struct",
        "_outputs_struct",
        "_input_tensor",
    ]
)
"""Of models: tensors without values, which `_read_graph` notes."""
_TRAINED = frozenset(
    [
        "history",
        "stop_training",
        "stop_evaluating",
        "stop_predicting",
        "_eval_epoch_iterator",
        "_compile_config",
        "steps_per_execution",
        "_distribute_strategy",
    ]
)
"""Of models: what the last training left, what was given to `compile` (its effect is elsewhere),
the number of steps a call, which changes no result, and the devices."""
_MADE = ("build", "quantize", "train_function", "test_function", "predict_function")
"""Functions that Keras sets on an instance; others that somebody has set in their place count."""
_OPTIMIZER = frozenset(
    [
        "_trainable_variables_indices",
        "_exclude_from_weight_decay",
        "_exclude_from_weight_decay_cache",
        "_distribution_strategy",
    ]
)
_MASKS = frozenset({"_dropout_mask", "_recurrent_dropout_mask"})
"""Of cells of recurrent layers: what they drop in the running batch; each call begins without."""
_NUMBERED = re.compile(r"keras_tensor(_\d+)?(CLONE)?$")
"""Names that Keras gives, other ones in every process."""
_LOOKUPS = (keras.layers.StringLookup, keras.layers.IntegerLookup)
_TABLES = frozenset({"lookup_table", "token_counts"})
"""Of layers that look words up: TensorFlow's tables, of which `get_vocabulary` tells."""
_NAMES = frozenset({"name", "output_names"})
_VARIABLE = _BOOKKEEPING | {"_value", "_initializer", "_name", "_path", "_shape", "_ndim"}


def settings() -> dict[str, Any]:
    """Return what Keras has set for all models, and reads while it traces one."""
    config = keras.config
    return {
        "floatx": config.floatx(),
        "epsilon": config.epsilon(),
        "image_data_format": config.image_data_format(),
        "policy": config.dtype_policy(),
        "flash attention": config.is_flash_attention_enabled(),
    }


@functools.cache
def beside_the_point(kind: type, *, names: bool) -> frozenset[str]:
    """Return the attributes of a class's instances that do not count.

    Args:
        kind: A class.
        names: Whether the names of Keras's objects count.
    """
    ignored: frozenset[str] = frozenset()
    if issubclass(kind, keras.Operation):
        ignored |= _BOOKKEEPING
    if issubclass(kind, keras.Model):
        ignored |= _TRAINED | _GRAPH
    if issubclass(kind, keras.layers.InputLayer):
        ignored |= _GRAPH
    if issubclass(kind, _LOOKUPS):
        ignored |= _TABLES
    if issubclass(kind, keras.optimizers.Optimizer):
        ignored |= _BOOKKEEPING | _OPTIMIZER
    if issubclass(kind, keras.Metric | keras.Loss):
        ignored |= _BOOKKEEPING
    if issubclass(kind, keras.layers.LSTMCell | keras.layers.GRUCell | keras.layers.SimpleRNNCell):
        ignored |= _MASKS
    if issubclass(kind, keras.random.SeedGenerator):
        ignored |= {"name", "backend", "_initial_seed"}  # the seed is in its variable
    if not names and kind.__module__.startswith("keras."):
        ignored |= _NAMES
    return ignored


def made_by_keras(state: Mapping[str, Any]) -> frozenset[str]:
    """Return which of an instance's attributes are functions that Keras makes of its methods."""
    made = ((name, state[name]) for name in _MADE if name in state)
    return frozenset(name for name, value in made if value is None or _is_librarys(value))


def _is_librarys(value: Any) -> bool:
    return type(value) is types.FunctionType and is_librarys_code(value.__code__)


def overridden(value: Any) -> bool:
    """Whether somebody has put something in the place of a method, on an instance alone."""
    others = vars(value).keys() - made_by_keras(vars(value)) - {"loss"}  # which `compile` sets
    return any(name in _MADE or callable(getattr(type(value), name, None)) for name in others)


def users_function(operation: keras.Operation) -> str | None:
    """Return the name of a function among an operation's attributes that is not Keras's own."""
    kind: type = type(operation)
    ignored = beside_the_point(kind, names=True) | made_by_keras(vars(operation))
    for name, value in vars(operation).items():
        if (
            name not in ignored
            and isinstance(value, types.FunctionType)
            and not is_keras_own(value)
        ):
            return value.__qualname__
    return None


def users_code(value: Any) -> bool:
    """Whether an object may run code of the user's: its class, or a function it holds.

    Args:
        value: Such as a callback.
    """
    module = type(value).__module__
    if module.startswith("pipeline."):
        return False
    held = [one for one in vars(value).values() if callable(one)]
    return not module.startswith("keras.") or not all(map(_is_ours_or_keras, held))


def _is_ours_or_keras(held: Any) -> bool:
    module = getattr(held, "__module__", None) or type(held).__module__
    own = type(held) is not types.FunctionType or _is_librarys(held)
    return module.startswith("pipeline.") or (module.startswith("keras.") and own)


def read_special(reader: Any, value: Any, state: Mapping[str, Any]) -> bool:
    """Note what an object's attributes do not tell; return whether that was all.

    Args:
        reader: A `Reader`.
        value: Any object.
        state: Its attributes.

    Raises:
        UnreadableError: It is a tensor without a value, or is not the same in every trace.
    """
    if (reason := _reason(value, state)) is not None:
        raise UnreadableError(reason)
    if isinstance(value, keras.initializers.Initializer):
        drawn = "_init_seed" in state and state["_init_seed"] is None
        reader.read_state(state, frozenset({"seed"}) if drawn else frozenset())
        return True
    if isinstance(value, _LOOKUPS):
        reader.read(list(value.get_vocabulary()))
    if isinstance(state.get("_dtype_policy"), keras.dtype_policies.DTypePolicyMap):
        reader.read((value.compute_dtype, value.variable_dtype, value.quantization_mode))
    if isinstance(value, keras.Model) and "_nodes_by_depth" in state:
        _read_graph(reader, value)
    if isinstance(value, keras.optimizers.Optimizer):
        _read_excluded(reader, value, state)
    if isinstance(value, keras.Loss | keras.Metric):
        _read_registered(reader, state)
    return False


def _reason(value: Any, state: Mapping[str, Any]) -> str | None:
    """Say why an object is not the same in every trace or epoch; None if it is."""
    if isinstance(value, keras.KerasTensor):
        return "a tensor without a value is kept"
    if isinstance(value, keras.layers.AugMix):
        # Keras 3.15 draws its operations from Python's generator, once in a trace.
        return "an AugMix layer is another one in every trace"
    if isinstance(value, keras.Metric) and "reset_state" in state:
        return "a metric begins an epoch in a way of its own"
    operation = isinstance(value, keras.Operation) and not isinstance(value, keras.Layer)
    if operation and "seed" in state:
        return f"the operation {value.name} draws random numbers"
    return None


def read_variable(reader: Any, variable: keras.Variable) -> None:
    """Note a variable's settings, and its value unless whoever asks takes care of that."""
    reader.note(f"variable {variable.shape} {variable.path if reader.names else ''}")
    reader.read_state(vars(variable), _VARIABLE)
    if id(variable) not in reader.values_apart:
        reader.read_array(np.asarray(keras.ops.convert_to_numpy(variable)))


def _read_graph(reader: Any, model: keras.Model) -> None:
    """Note the calls of a model's graph, whose tensors are numbered as they appear."""
    numbers: dict[int, int] = {}

    def number(value: Any) -> Any:
        if not isinstance(value, keras.KerasTensor):
            return value
        return f"#{numbers.setdefault(id(value), len(numbers))}"

    def numbered(values: Any) -> Any:
        return keras.tree.map_structure(number, values)

    for node in nodes(model):
        reader.read(node.operation)
        reader.read(numbered((node.arguments.args, node.arguments.kwargs)))
        reader.read([(number(one), one.shape, one.dtype) for one in node.outputs])
    inputs, outputs = structures(model)
    reader.read(numbered((inputs, outputs)))
    # Of inputs in a dictionary, Keras takes those that are named as the model's.
    names = [tensor.name for tensor in keras.tree.flatten(inputs)]
    reader.read([None if _NUMBERED.match(name) else name for name in names])


def _read_registered(reader: Any, state: Mapping[str, Any]) -> None:
    """Note what strings given to `compile` stand for, if they are a user's; Keras looks later."""
    for name in ("_user_loss", "_user_metrics", "_user_weighted_metrics"):
        for one in keras.tree.flatten(state.get(name)):
            if isinstance(one, str):
                reader.read(keras.saving.get_registered_object(one))


def _read_excluded(reader: Any, optimizer: Any, state: Mapping[str, Any]) -> None:
    """Note which variables do not decay; Keras keeps them by names that are new in every model."""
    excluded = state.get("_exclude_from_weight_decay")
    if excluded:
        variables = optimizer._trainable_variables
        reader.note("not decayed")
        reader.read([optimizer._var_key(variable) in excluded for variable in variables])
        if not optimizer.built:
            raise UnreadableError("an optimizer excludes variables of another model from decay")
