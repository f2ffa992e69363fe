# ruff: noqa: E402
"""No test opens a window or leaves a figure behind; and small matrices need one thread."""

import os

# Before NumPy is imported: on a busy machine the threads of BLAS only wait for each other.
for library in ("OPENBLAS", "OMP", "MKL"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest


@pytest.fixture
def rng():
    """The same random numbers for a test, whichever other tests run."""
    return np.random.default_rng(7)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")
