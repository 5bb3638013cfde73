"""What of a machine decides how the numbers of a training are rounded."""

import os
import platform
from pathlib import Path

import tensorflow as tf

_VARIABLES = ("TF_DETERMINISTIC_OPS", "TF_ENABLE_ONEDNN_OPTS", "XLA_FLAGS")


def machine() -> dict[str, str]:
    """Return the processor, the cores that this process may use, and the accelerators.

    Sums are taken in an order that depends on them, and floating-point sums depend on their order.

    Returns:
        Each in words, with the variables of TensorFlow that decide on it and are set.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    devices = [one for one in tf.config.get_visible_devices() if one.device_type != "CPU"]
    details = (tf.config.experimental.get_device_details(one) for one in devices)
    names = [
        told.get("device_name", one.device_type) for one, told in zip(devices, details, strict=True)
    ]
    variables = {name: os.environ[name] for name in _VARIABLES if name in os.environ}
    known = {"processor": _processor(), "cores": str(cores), "accelerators": ", ".join(names)}
    return {**known, **variables}


def _processor() -> str:
    """Return its model's name where the system tells it, else its architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())
