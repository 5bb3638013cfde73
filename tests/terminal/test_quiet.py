"""What TensorFlow writes when it is loaded does not reach the terminal."""

import os

from pipeline.terminal.quiet import without_startup_noise

NOISE = """WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
I0000 00:00:1796065212.302974 18270 port.cc:153] oneDNN custom operations are on.
E0000 00:00:1796065212.302974 18270 cuda_dnn.cc:8310] Unable to register cuDNN factory
E0000 00:00:1796065212.302974 18270 cuda_blas.cc:1418] Unable to register cuBLAS factory
"""
ERROR = "E0000 00:00:1796065212.302974 18270 cuda_executor.cc:1228] INTERNAL: CUDA Runtime error\n"


def test_noise_is_dropped_and_an_error_is_not(capfd):
    with without_startup_noise():
        os.write(2, f"{NOISE}{ERROR}".encode())
    assert capfd.readouterr().err == ERROR
