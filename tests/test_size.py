"""Small is a feature: the library stays within its budgets, which ``make size`` prints."""

import pytest
from size import measures

FOUND = measures()


@pytest.mark.parametrize("name", FOUND)
def test_the_library_stays_within_its_budget(name):
    value, budget = FOUND[name]
    assert value <= budget
