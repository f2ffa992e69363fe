r"""Finite elements in time: assembly, banded solve, adjoint.

The whole trajectory is the solution of one banded linear system, :eq:`eq-global-system`,

.. math:: K(u)\, x = b,

with the initial state in the first rows of ``b``.  ``K`` is written straight into LAPACK's band
layout by one matrix product, factorised once, and the same factors solve the adjoint system
:math:`K^{\mathsf T}\lambda = \bar C`.  :func:`prepare` is called through
:mod:`spinlab.propagation.methods`, which checks its arguments.
"""

import numpy as np
from scipy.linalg import get_lapack_funcs
from scipy.sparse import dia_array
from scipy.sparse.linalg import splu

from ..inputs import require
from .adjoint import Linearisation, add_samples
from .elements import element as find_element
from .rotations import rotation_axes, rotation_coefficients


def element_tensor(element, generator, dt):
    r"""Derivative of the element matrix with respect to its coefficients.

    The element matrix is affine, :math:`K_e = \sum_r e_r B_r`, in the coefficients ``e = (1, 1,
    u_1, ..., u_K, ...)`` that multiply the time derivative, the drift and the controls (drift and
    controls once for each control sample of the element): (members, coefficients, m*d, m*d).
    """
    operators = np.concatenate([generator.drift[:, None], generator.controls], axis=1)
    size, count = element.local * generator.dimension, len(element.M) * operators.shape[1]
    tensor = np.empty((len(operators), 1 + count, size, size), operators.dtype)
    derivative = np.einsum("ab,ij->aibj", element.C, np.eye(generator.dimension))
    tensor[:, 0] = derivative.reshape(size, size)
    mass = np.einsum("qab,ekij->eqkaibj", element.M, -dt * operators)
    tensor[:, 1:] = mass.reshape(-1, count, size, size)
    return tensor


def element_coefficients(element, samples):
    """Rows ``(1, samples of the element)``: what :func:`element_tensor` is multiplied by.

    From coefficients of drift and controls at every sample, ([members,] n, 1 + controls), to
    ([members,] elements, coefficients).
    """
    count = samples.shape[-2] - len(element.M) + 1
    pieces = [samples[..., q : q + count, :] for q in range(len(element.M))]
    return np.concatenate([np.ones_like(pieces[0][..., :1]), *pieces], axis=-1)


def assemble(element, tensor, coefficients):
    """Global matrix in LAPACK's band layout, first block row still in place.

    Column ``j`` of the matrix is row ``j`` of the result, ([members,] columns, 3*bandwidth + 1);
    entry ``(i, j)`` stands at ``[j, 2*bandwidth + i - j]``.  Tensor and coefficients are those of
    :func:`element_tensor` and :func:`element_coefficients`, with or without a member axis.
    """
    return _fill(_band_template(element, tensor), coefficients)


def _band_template(element, tensor):
    """The tensor in the layout of the band, ([members,] 2*coefficients, cell, 3*bandwidth + 1)."""
    *stack, size, _ = tensor.shape
    width, bandwidth = size * element.step // element.local, size - 1
    row, column = np.arange(size)[:, None], np.arange(size)
    layout = np.zeros((*stack, 2 * width, 3 * bandwidth + 1), tensor.dtype)
    layout[..., column, 2 * bandwidth + row - column] = tensor
    # The columns of an element belong to its own cell and, the shared ones, to the next cell.
    return np.concatenate([layout[..., :width, :], layout[..., width:, :]], axis=-3)


def _fill(template, coefficients):
    """The band: every cell is the template times the coefficients of its two elements."""
    *members, _, width, height = template.shape
    *shared, elements, count = coefficients.shape
    weights = np.zeros((*shared, elements + 1, 2 * count), coefficients.dtype)
    weights[..., :-1, :count] = coefficients
    weights[..., 1:, count:] = coefficients
    band = weights @ template.reshape(*members, 2 * count, -1)
    rows = elements * width + height // 3 + 1 - width
    return band.reshape(*band.shape[:-2], -1, height)[..., :rows, :]


def impose_initial_state(band, d):
    """Replace the first block row by ``rho_0 = rho_init``, in place."""
    bandwidth = band.shape[-1] // 3
    row, column = np.arange(d)[:, None], np.arange(bandwidth + 1)
    band[..., column, 2 * bandwidth + row - column] = row == column


def to_sparse(band):
    """The same matrix in SciPy's compressed columns: what the band looks like, and SuperLU eats."""
    bandwidth = band.shape[1] // 3
    offsets = np.arange(bandwidth, -bandwidth - 1, -1)
    return dia_array((band.T[bandwidth:], offsets), shape=(len(band), len(band))).tocsc()


def factorise(band, solver="banded"):
    """LU factors as a function ``solve(right_side, transposed)`` that overwrites the right side.

    ``band`` is from :func:`assemble`, and overwritten; the solver is LAPACK's ``gbtrf`` ("banded")
    or SuperLU ("sparse").

    Raises
    ------
    ValueError
        The matrix is singular.
    """
    if solver == "sparse":
        lu = splu(to_sparse(band))
        return lambda right, transposed=False: lu.solve(right, trans="T" if transposed else "N")
    bandwidth = band.shape[1] // 3
    gbtrf, gbtrs = get_lapack_funcs(("gbtrf", "gbtrs"), (band,))
    factors, pivots, info = gbtrf(band.T, bandwidth, bandwidth, overwrite_ab=True)
    require(not info, "The stiffness matrix is singular: a step turns too far. Use a shorter dt.")

    def solve(right, transposed=False):
        return gbtrs(factors, bandwidth, bandwidth, right, pivots, trans=int(transposed),
                     overwrite_b=True)[0]

    return solve


def tangent_scaling(samples, axes):
    r"""Factor :math:`\tan(\theta/2)/(\theta/2)` of every step, and its derivative, :eq:`eq-exact`.

    With :math:`a` and :math:`c` of :func:`~spinlab.propagation.rotations.rotation_coefficients`
    they are :math:`2a/(1+\cos\theta)` and, by :math:`\theta^2`, :math:`c/(1+\cos\theta)`.
    Of samples (n, 1 + controls) and the turns of a step, (members, 1 + controls, 3): (members, n),
    and (members, n, 1 + controls) by the coefficients.
    """
    turns = np.einsum("nk,eka->ena", samples, axes)
    cosine, a, _, c = rotation_coefficients(turns)
    half = (1 + cosine) / 2  # the square of cos(theta/2)
    require(not np.any(np.abs(half) < 1e-6),
            "The exact element fails at half a turn per step; use a shorter dt, or 'rotations'.")
    return a / half, (c / half)[..., None] * np.einsum("ena,eka->enk", turns, axes)


def prepare(generator, dt, rho0, control="constant", element="linear", solver="banded"):
    """Trajectory by finite elements as a function of the waveform: rows of ``METHODS``.

    Element tensor and band template do not depend on the waveform and are made here.  ``rho0``, (d,
    columns): all columns share one factorisation.

    Parameters
    ----------
    element : str
        A name of :data:`spinlab.propagation.elements.ELEMENTS`.
    solver : {"banded", "sparse"}
        See :func:`factorise`.
    """
    rule = find_element(element, control)
    axes = dt * rotation_axes(generator) if rule.scaling else None
    tensor = element_tensor(rule, generator, dt)
    template = _band_template(rule, tensor)
    d, columns = rho0.shape
    width = rule.step * d  # of a cell: a node and what follows up to the next one

    def linearise(waveform):
        samples = np.concatenate([np.ones_like(waveform[:1]), waveform]).T
        scaling = None if axes is None else tangent_scaling(samples, axes)
        scaled = samples if scaling is None else scaling[0][..., None] * samples
        band = _fill(template, element_coefficients(rule, scaled))
        impose_initial_state(band, d)
        factors = factorise(band.reshape(-1, band.shape[-1]), solver)  # all members in one matrix
        members, rows, _ = band.shape
        cells = members, (rows - d) // width + 1, width, columns  # of the last only the node counts

        def solve(right, transposed=False):
            used = right.reshape(members, -1, columns)[:, :rows]
            used[:] = factors(used.reshape(-1, columns), transposed).reshape(used.shape)
            return right

        right = np.zeros(cells, np.result_type(band, rho0))
        right[:, 0, :d] = rho0
        return _with_derivative(rule, tensor, samples, scaling, solve(right), solve, d)

    return linearise


def _with_derivative(rule, tensor, samples, scaling, x, solve, d):
    """The linearisation of the solution ``x``, (members, cells, unknowns of a cell, columns)."""
    shared = rule.shared * d
    first = 1 if scaling is None else 0  # the drift's coefficient matters only if it is scaled
    count, width = len(rule.M), samples.shape[1]
    operators = tensor[:, 1:].reshape(len(tensor), count, width, *tensor.shape[2:])[:, :, first:]

    def forces():
        """``B_r x`` everywhere, (members, samples, coefficients, m*d, columns, elements)."""
        local = _gather(x, shared)
        product = operators @ local.reshape(len(local), 1, 1, local.shape[1], -1)
        return product.reshape(*operators.shape[:-1], *local.shape[2:])

    def pullback(costates):
        source = np.zeros(x.shape, np.result_type(x, costates))
        source[:, :, : costates.shape[2]] = costates.conj()  # of the nodes, or of all unknowns
        adjoint = solve(source, transposed=True)
        adjoint[:, 0, :d] = 0  # the first block row does not depend on the control
        pieces = -np.einsum("ejcn,eqkjcn->qekn", _gather(adjoint, shared), forces()).real
        gradient = add_samples(pieces, len(samples))
        return gradient if scaling is None else _pull_scaling(gradient, samples, *scaling)

    def pushforward(direction):
        tangent = np.concatenate([np.zeros_like(direction[:1]), direction]).T
        tangent = tangent if scaling is None else _push_scaling(tangent, samples, *scaling)
        change = element_coefficients(rule, tangent)[..., 1:]
        change = change.reshape(*change.shape[:-1], count, width)[..., first:]
        source = _scatter(-np.einsum("...nqk,...qkjcn->...jcn", change, forces()), x.shape)
        source[:, 0, :d] = 0
        return solve(source)[:, :, :d]

    def average(cost):
        r"""Over the elements, by the rule of their mass matrix, :eq:`eq-running-source`."""
        local, mass = _gather(x, shared)[:, :, 0], rule.M.sum(axis=0)
        one = np.arange(rule.local) % rule.shared == 0  # the constant 1 has these coefficients
        pull = np.kron(mass @ one, cost.linear)[:, None] / local.shape[-1]
        bent = np.kron(mass, cost.quadratic) @ local / local.shape[-1]
        mean = cost.constant + np.einsum("ejn,ejn->e", pull + bent, local)
        return mean, _scatter((pull + 2 * bent)[:, :, None], x.shape)

    # The exact element is exact at the nodes alone, and averages there.
    return Linearisation(x[:, :, :d], pullback, pushforward, None, None if scaling else average)


def _gather(x, shared):
    """Unknowns of every element: (members, m*d, columns, elements)."""
    parts = x[:, :-1], x[:, 1:, :shared]
    return np.concatenate([part.transpose(0, 2, 3, 1) for part in parts], axis=1)


def _scatter(local, shape):
    """The transpose of :func:`_gather`: add what neighbouring elements share."""
    own = shape[2]
    x = np.zeros(shape, local.dtype)
    x[:, :-1] += local[:, :own].transpose(0, 3, 1, 2)
    x[:, 1:, : local.shape[1] - own] += local[:, own:].transpose(0, 3, 1, 2)
    return x


def _push_scaling(tangent, samples, scale, slope):
    """Change of the scaled samples where the samples change, :func:`tangent_scaling`."""
    return scale[..., None] * tangent + np.sum(slope * tangent, axis=-1, keepdims=True) * samples


def _pull_scaling(gradient, samples, scale, slope):
    """The transpose of :func:`_push_scaling`, without the drift, which does not change."""
    along = np.sum(gradient * samples.T, axis=1, keepdims=True)
    return (scale[:, None] * gradient + along * slope.swapaxes(1, 2))[:, 1:].real
