"""teaching."""

from .exercises import check_answer
from .formula_sliders import explore_formula
from .sliders import explore
