"""files."""

from .save_load import load_pulse, save_pulse
