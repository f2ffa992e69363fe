r"""Spins: symbols that are printed, and the numbers that are read off them.

A :class:`SpinSystem` says what there is; :func:`hamiltonian` and :func:`liouvillian` write it down,
and :func:`evaluate` makes arrays of it.  Every operator has one definition, by symbols.

Glossary: *spin operator*, :math:`I_x, I_y, I_z` of one spin among several; *product basis*, their
products, in which a density operator is a real vector; *Hamiltonian*, the energy in rad/s, affine
in offsets, couplings and controls; *commutation superoperator*, the matrix of
:math:`\rho \mapsto [H, \rho]`; *Liouvillian*, the same in a basis that one chooses, and with
relaxation, so that :math:`\dot\rho = -iL\rho`; *generator*, :math:`A = -iL`; *drift*, the generator
with all controls off; *control operator*, its derivative by a control; *state*, a density operator
as a vector; *observable*, the vector of what is measured, or of a target; *member*, one offset and
one scale of the RF field; *channel*, a transmitter for one kind of spins, with two controls.
"""

from .generators import Generator, evaluate, observable, state
from .operators import (
    basis_matrix,
    commutation_superoperator,
    commutator,
    product_basis,
    spin_matrices,
    spin_operator,
)
from .systems import Liouvillian, SpinSystem, hamiltonian, liouvillian
