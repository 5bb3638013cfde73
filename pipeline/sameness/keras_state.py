"""What of the state of Keras's objects a training does not depend on, and what is told otherwise.

All other attributes count, also those that a user or a later Keras adds: at worst something is not
reused that could be.
"""

import functools
import types
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from pipeline.sameness.functions import is_keras_own
from pipeline.sameness.unreadable import UnreadableError

_BOOKKEEPING = frozenset(
    [
        "_tracker",
        "_lock",
        "_auto_config",
        "_tracked",
        "build",
        "quantize",
        "_called",
        "_losses",
        "_loss_ids",
        "_losses_override",
        "_call_signature",
        "call_signature_parameters",
        "_call_has_training_arg",
        "_call_has_mask_arg",
        "_call_context_args",
        "_call_has_context_arg",
        "_build_shapes_dict",
        "_build_input_shape",
        "_input_spec",
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
        "train_function",
        "test_function",
        "predict_function",
        "history",
        "stop_training",
        "stop_evaluating",
        "stop_predicting",
        "_eval_epoch_iterator",
        "_compile_config",
        "_compiled_trainable_state",
        "steps_per_execution",
        "_distribute_strategy",
    ]
)
"""Of models: what the last training left, what was given to `compile` (its effect is elsewhere),
the number of steps a call, which changes no result, and the devices."""
_OPTIMIZER = frozenset(
    [
        "_trainable_variables_indices",
        "_exclude_from_weight_decay",
        "_exclude_from_weight_decay_cache",
        "_distribution_strategy",
    ]
)
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
    if issubclass(kind, keras.optimizers.Optimizer):
        ignored |= _BOOKKEEPING | _OPTIMIZER
    if issubclass(kind, keras.Metric | keras.Loss):
        ignored |= _BOOKKEEPING
    if issubclass(kind, keras.random.SeedGenerator):
        ignored |= {"name", "backend", "_initial_seed"}  # the seed is in its variable
    if not names and kind.__module__.startswith("keras."):
        ignored |= _NAMES
    return ignored


def users_function(operation: keras.Operation) -> str | None:
    """Return the name of a function among an operation's attributes that is not Keras's own."""
    ignored = beside_the_point(operation.__class__, names=True)
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
    held = (one for one in vars(value).values() if callable(one))
    modules = (getattr(one, "__module__", None) or type(one).__module__ for one in held)
    return not all(name.startswith(("keras.", "pipeline.")) for name in (module, *modules))


def read_special(reader: Any, value: Any, state: Mapping[str, Any]) -> bool:
    """Note what an object's attributes do not tell; return whether that was all.

    Args:
        reader: A `Reader`.
        value: Any object.
        state: Its attributes.

    Raises:
        UnreadableError: It is a tensor without a value, of a graph that is not read.
    """
    if isinstance(value, keras.KerasTensor):
        _read_symbol(reader, value)
        return True
    if isinstance(value, keras.initializers.Initializer):
        drawn = "_init_seed" in state and state["_init_seed"] is None
        reader.read_state(state, frozenset({"seed"}) if drawn else frozenset())
        return True
    if isinstance(value, _LOOKUPS):
        _read_lookup(reader, value, state)
        return True
    if isinstance(value, keras.Model) and "_nodes_by_depth" in state:
        _read_graph(reader, value)
    if isinstance(value, keras.optimizers.Optimizer):
        _read_excluded(reader, value, state)
    return False


def read_variable(reader: Any, variable: keras.Variable) -> None:
    """Note a variable's settings, and its value unless whoever asks takes care of that."""
    reader.note(f"variable {variable.shape} {variable.path if reader.names else ''}")
    reader.read_state(vars(variable), _VARIABLE)
    if id(variable) not in reader.values_apart:
        reader.read_array(np.asarray(keras.ops.convert_to_numpy(variable)))


def _read_symbol(reader: Any, tensor: Any) -> None:
    """Note a tensor without a value; where it comes from is noted with the graph it is in."""
    history = getattr(tensor, "_keras_history", None)
    if history is None:
        raise UnreadableError("a tensor without a value comes from nowhere")
    reader.note(f"symbol {tensor.shape} {tensor.dtype} {tensor.sparse} {tensor.ragged}")
    reader.read(history.operation)
    reader.note(f"{history.node_index if reader.names else ''} {history.tensor_index}")


def _read_graph(reader: Any, model: keras.Model) -> None:
    """Note the calls of a model's graph, whose tensors are numbered as they appear."""
    numbers: dict[int, int] = {}

    def number(value: Any) -> Any:
        if not isinstance(value, keras.KerasTensor):
            return value
        return f"#{numbers.setdefault(id(value), len(numbers))}"

    def numbered(values: Any) -> Any:
        return keras.tree.map_structure(number, values)

    for depth in sorted(model._nodes_by_depth, reverse=True):
        for node in model._nodes_by_depth[depth]:
            reader.read(node.operation)
            reader.read(numbered((node.arguments.args, node.arguments.kwargs)))
            reader.read([(number(one), one.shape, one.dtype) for one in node.outputs])
    reader.read(numbered((model._inputs_struct, model._outputs_struct)))


def _read_lookup(reader: Any, layer: Any, state: Mapping[str, Any]) -> None:
    """Note a layer that looks words up; its vocabulary is in a table of TensorFlow's."""
    tables = frozenset({"lookup_table", "token_counts"})
    ignored = beside_the_point(layer.__class__, names=reader.names) | tables
    reader.read_state(state, ignored)
    reader.read(list(layer.get_vocabulary()))


def _read_excluded(reader: Any, optimizer: Any, state: Mapping[str, Any]) -> None:
    """Note which variables do not decay; Keras keeps them by names that are new in every model."""
    excluded = state.get("_exclude_from_weight_decay")
    if excluded:
        variables = optimizer._trainable_variables
        reader.note("not decayed")
        reader.read([optimizer._var_key(variable) in excluded for variable in variables])
        if not optimizer.built:
            raise UnreadableError("an optimizer excludes variables of another model from decay")


_LOOKUPS = (keras.layers.StringLookup, keras.layers.IntegerLookup)
