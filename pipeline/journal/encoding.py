"""Records as lines of JSON."""

import dataclasses
import json
import math
from typing import Any

from pipeline.journal.callbacks import (
    EpochEnd,
    EvaluationEnd,
    Record,
    SearchBegin,
    SearchEnd,
    Status,
    TrialBegin,
    TrialEnd,
)

_KINDS: dict[str, type[Record]] = {
    "search_begin": SearchBegin,
    "trial_begin": TrialBegin,
    "epoch_end": EpochEnd,
    "trial_end": TrialEnd,
    "search_end": SearchEnd,
    "evaluation_end": EvaluationEnd,
}
_KIND_NAMES = {record_type: kind for kind, record_type in _KINDS.items()}
_NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def encode(record: Record) -> str:
    """Return the record as one line of valid JSON (non-finite numbers become strings)."""
    fields = {"kind": _KIND_NAMES[type(record)], **dataclasses.asdict(record)}
    return json.dumps(_to_json(fields), allow_nan=False, separators=(",", ":"))


def decode(line: str) -> Record:
    """Return the record that `encode` made the line from.

    Args:
        line: One line of a journal.

    Returns:
        The record; fields that a newer version added are left out.

    Raises:
        ValueError: The line is not JSON, or is not of a known kind.
        TypeError: A field is missing.
    """
    fields = json.loads(line)
    kind = fields.pop("kind", None) if isinstance(fields, dict) else None
    if kind not in _KINDS:
        raise ValueError(f"expected a record of kind {', '.join(_KINDS)}; received {kind!r}")
    record_type = _KINDS[kind]
    known = {field.name for field in dataclasses.fields(record_type)}
    values = {name: value for name, value in fields.items() if name in known}
    for name in ("logs", "metrics", "baseline"):
        if name in values:
            values[name] = {key: _to_float(value) for key, value in values[name].items()}
    if record_type in (TrialEnd, SearchEnd):
        values["status"] = Status(values["status"])
    return record_type(**values)


def _to_json(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: _to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_to_json(item) for item in value]
    return value


def _to_float(value: float | str) -> float:
    return _NON_FINITE[value] if isinstance(value, str) else float(value)
