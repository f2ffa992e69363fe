"""States along a pulse, and the derivative of any objective backwards through them.

Every row of :data:`METHODS` answers the same two questions: where do the states go, and how would
they go elsewhere if the pulse changed.

Glossary: the *propagator* of a step takes the state at its beginning to its end; GRAPE multiplies
them.  An *element* is a step of the finite element method: shape functions in time; all elements
together make the *stiffness matrix*, one banded linear system for the whole trajectory.  The
*costate* is the derivative of the objective by a state; the *adjoint* equation carries it
backwards, and the *pullback* turns costates into the gradient by the waveform.  The *pushforward*
turns a change of the waveform into that of the states, the *tangent*.  To *linearise* is to have
states, pullback and pushforward.  A *quaternion* is a rotation of one spin in four numbers, the
propagator of a spin 1/2 (*spinor*).  The *Bloch-Torrey equation* is that of spins that diffuse and
flow; elements in space make it one for the spins at their *nodes*.
"""

from .adjoint import Evaluation, Linearisation
from .arguments import CoarseStepWarning
from .checks import GradientCheck, check_gradient, propagate_plain
from .elements import ELEMENTS, element, element_matrices
from .methods import (
    METHODS,
    evaluate_objective,
    linearise,
    linearise_final,
    prepare_objective,
    propagate,
)
from .space import BlochTorrey
from .spinors import turn
