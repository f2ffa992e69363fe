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
from hypothesis import HealthCheck, settings

# Property tests draw the same examples every time, for a change is judged by what it changes, and
# however busy the machine is; "pytest --hypothesis-profile=long" draws others, and many more.
ALWAYS = {
    "deadline": None, "database": None, "print_blob": True,
    "suppress_health_check": [HealthCheck.too_slow],
}  # fmt: skip
settings.register_profile("short", derandomize=True, max_examples=35, **ALWAYS)
settings.register_profile("long", derandomize=False, max_examples=1000, **ALWAYS)
settings.load_profile("short")


@pytest.fixture
def rng():
    """The same random numbers for a test, whichever other tests run."""
    return np.random.default_rng(7)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")
