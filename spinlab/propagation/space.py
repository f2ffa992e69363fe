r"""Spins that move: the Bloch-Torrey equation in one dimension, by the same shape functions.

.. math:: \frac{\partial m}{\partial t} = D\,\frac{\partial^2 m}{\partial x^2}
          - v\,\frac{\partial m}{\partial x} + A(x, t)\,m

for the three components of the magnetisation :math:`m(x, t)`, :eq:`eq-bloch-torrey`.  Galerkin's
method in x leaves ordinary equations for the magnetisation of the nodes, :eq:`eq-space-system`,

.. math:: M \otimes 1\;\dot m = \bigl[-(D S + v N) \otimes 1
          + 2\pi\nu_{\text{rf}}\,M \otimes (u_x A_x + u_y A_y)
          + 2\pi g\,u_g\,X \otimes A_z\bigr]\,m,

and walls that reflect.  Two ways lead through time: elements once more, and a symmetric splitting.
"""

from dataclasses import dataclass
from functools import cached_property
from operator import mul

import numpy as np
import sympy as sp
from scipy.linalg import expm
from scipy.sparse import coo_array, eye_array, kron
from scipy.sparse.linalg import splu

from ..inputs import arrays, choice, hold, require
from .elements import SHAPES, S, element_matrices, integrate
from .quaternions import CROSS, cross
from .rotations import by_rotation_vector, rotation_coefficients, rotation_matrices

#: A zero of the denominator of :math:`r(z) = (1 + z/2 + z^2/12)/(1 - z/2 + z^2/12)`, the propagator
#: of the reduced quadratic element, and the residue there.
POLE, RESIDUE = 3 + 1j * np.sqrt(3), 6 - 6j * np.sqrt(3)
#: Matrices :math:`A_x, A_y, A_z` of a turn about x, y, z.
TURNS = CROSS.transpose(2, 0, 1)


@dataclass(frozen=True, eq=False)
class BlochTorrey:
    """Magnetisation on a line, under RF, a gradient, diffusion and flow.

    Its waveform has the rows ``u_x, u_y, u_g``, (3, steps), dimensionless: RF and gradient.  States
    are magnetisations at the nodes, (nodes, 3).

    Parameters
    ----------
    ends : tuple of float
        Where the line begins and ends, m: two walls that reflect.
    cells : int
        Number of elements.  From node to node the phase of the magnetisation should never change by
        more than half a radian (linear: a quarter).
    diffusion : float
        Diffusion coefficient, m^2/s.
    velocity : float
        Of the flow, m/s, through the walls: keep what is looked at away from them.
    rf_hz : float
        RF amplitude, Hz, that ``|u| = 1`` stands for.
    gradient_hz_per_m : float
        Slope of the offset, Hz/m, that ``u_g = 1`` stands for.
    shapes : {"quadratic", "linear"}
        Shape functions in space.

    Examples
    --------
    The signal of free diffusion in a constant gradient, :eq:`eq-free-diffusion`.

    >>> water = BlochTorrey((-60e-6, 60e-6), 64, diffusion=2e-9, gradient_hz_per_m=2.2e6)
    >>> path = water.march(np.ones((3, 50)) * [[0], [0], [1]], 0.2e-3, [1.0, 0, 0])
    >>> centre = path[-1][water.nodes == 0]
    >>> np.allclose(centre, [[np.exp(-((2 * np.pi * 2.2e6) ** 2) * 2e-9 * 10e-3**3 / 3), 0, 0]])
    True
    """

    ends: tuple
    cells: int
    diffusion: float = 0.0
    velocity: float = 0.0
    rf_hz: float = 0.0
    gradient_hz_per_m: float = 0.0
    shapes: str = "quadratic"

    def __post_init__(self):
        hold(self, "ends: 2; cells: whole >= 1; diffusion: >= 0 (m^2/s); velocity: (m/s); "
                   "rf_hz: >= 0; gradient_hz_per_m: ")  # fmt: skip
        choice("family of shape functions in space", self.shapes, ("quadratic", "linear"))
        require(self.ends[0] < self.ends[1], f"ends must rise, but {tuple(self.ends)} arrived.")

    @cached_property
    def matrices(self):
        r"""Mass, stiffness, convection and moment, sparse, (nodes, nodes), :eq:`eq-space-matrices`.

        .. math:: M_{ij} = \int \varphi_i \varphi_j \, dx,\;
                  S_{ij} = \int \varphi_i' \varphi_j' \, dx,\;
                  N_{ij} = \int \varphi_i \varphi_j' \, dx,\;
                  X_{ij} = \int x\, \varphi_i \varphi_j \, dx

        All but S are the tables of an element in time whose control is linear: so is x.
        """
        convection, (left, right) = element_matrices(self.shapes, "linear")
        slopes = [sp.diff(phi, S) for phi in SHAPES[self.shapes]]
        stiffness = [[integrate(sp.expand(a * b)) for b in slopes] for a in slopes]
        tables = (np.array(table, dtype=float) for table in (left, right, stiffness, convection))
        left, right, stiffness, convection = tables
        x, h = np.linspace(*self.ends, self.cells + 1, retstep=True)
        moment = x[:-1, None, None] * left + x[1:, None, None] * right
        m = len(slopes)
        place = (m - 1) * np.arange(self.cells)[:, None] + np.arange(m)
        entries = np.repeat(place, m, axis=1).ravel(), np.tile(place, m).ravel()
        tables = h * (left + right), stiffness / h, convection, h * moment
        values = (np.broadcast_to(table, (self.cells, m, m)).ravel() for table in tables)
        return tuple(coo_array((value, entries)).tocsr() for value in values)

    @property
    def nodes(self):
        """Positions of the nodes, m, ndarray, (nodes,)."""
        return np.linspace(*self.ends, self.matrices[0].shape[0])

    @property
    def weights(self):
        """Weights of the nodes in a mean over the line, ndarray, (nodes,)."""
        return self.matrices[0].sum(axis=0) / np.ptp(self.ends)

    def _checked(self, dt, start, waveform):
        nodes = len(self.nodes)
        layout = f"dt: > 0 (seconds); start: {nodes}? 3; waveform: 3 steps"
        dt, start, waveform = arrays(layout, dt=dt, start=start, waveform=waveform)
        return dt, np.broadcast_to(start, (nodes, 3)), waveform

    def march(self, waveform, dt, start):
        """Magnetisation at the ends of all steps, by reduced quadratic elements in time.

        One complex, sparse solve a step, :eq:`eq-space-march`; the factors serve as long as the
        controls stand still.

        Parameters
        ----------
        waveform : ndarray, (3, steps)
        dt : float
            Length of a step, s.
        start : ndarray, (nodes, 3) or (3,)

        Returns
        -------
        ndarray, (steps + 1, nodes, 3)
        """
        dt, start, waveform = self._checked(dt, start, waveform)
        mass, stiffness, convection, moment = self.matrices
        drift = kron(-self.diffusion * stiffness - self.velocity * convection, eye_array(3))
        fields = self.rf_hz * mass, self.rf_hz * mass, self.gradient_hz_per_m * moment
        controls = [2 * np.pi * kron(*pair) for pair in zip(fields, TURNS, strict=True)]
        mass, path, last = kron(mass, eye_array(3)), [start.ravel()], None
        for u in waveform.T:
            if last is None or np.any(u != last):
                rates = drift + sum(map(mul, u, controls))
                solve, last = splu((dt * rates - POLE * mass).tocsc()).solve, u
            change = RESIDUE * solve((mass @ path[-1]).astype(complex))
            path.append(path[-1] + 2 * change.real)
        return np.reshape(path, (-1, *start.shape))

    def prepare(self, dt, start):
        r"""Final magnetisation as a function of the waveform, and its derivative, for optimisers.

        By symmetric splitting, :eq:`eq-space-split`: half a step of diffusion and flow, a turn of
        every node in closed form, the other half.  Of order 2 only; but where every step has
        controls of its own, as in a designed pulse, ten times as fast as :meth:`march`.

        Parameters
        ----------
        dt : float
            Length of a step, s.
        start : ndarray, (nodes, 3) or (3,)

        Returns
        -------
        callable
            ``run(waveform)`` returns ``final``, (nodes, 3), and ``pullback(costates)``, which maps
            costates of that shape to the gradient, (3, steps); it trusts the shape.
        """
        dt, start, _ = self._checked(dt, start, np.zeros((3, 1)))
        mass, stiffness, convection, _ = self.matrices
        moves = -(self.diffusion * stiffness + self.velocity * convection).toarray()
        half = expm(dt / 2 * np.linalg.solve(mass.toarray(), moves))
        whole = half @ half
        axes = np.zeros((3, len(start), 3))
        axes[0, :, 0] = axes[1, :, 1] = 2 * np.pi * dt * self.rf_hz
        axes[2, :, 2] = 2 * np.pi * dt * self.gradient_hz_per_m * self.nodes

        def run(waveform):
            w = np.einsum("kn,kia->nia", waveform, axes)
            coefficients = rotation_coefficients(w)
            turns, path, m = rotation_matrices(w, coefficients), [], half @ start
            for turn in turns:
                path.append((turn @ m[..., None])[..., 0])
                m = whole @ path[-1]

            def pullback(costates):
                back, after = half.T @ costates, []
                for turn in turns[::-1]:
                    after.insert(0, back)
                    back = whole.T @ (back[:, None] @ turn)[:, 0]
                torque = cross(np.transpose(path), np.transpose(after))
                slopes = by_rotation_vector(w.T, torque, *(c.T for c in coefficients[1:]))
                return np.einsum("kia,ain->kn", axes, slopes)

            return half @ path[-1], pullback

        return run
