"""spins."""

from .generators import Generator, evaluate, observable, state
from .operators import (
    basis_matrix,
    commutation_superoperator,
    commutator,
    product_basis,
    spin_operator,
)
from .systems import Liouvillian, SpinSystem, hamiltonian, liouvillian
