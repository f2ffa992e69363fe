r"""Unit quaternions: rotations of one spin that multiply cheaply, and all running products at once.

With :math:`\theta = |w|` and :math:`n = w/\theta`, the rotation by :math:`w` is

.. math:: q = (\cos\tfrac\theta2,\; n \sin\tfrac\theta2), \qquad
          q_0 - i\,(q_1\sigma_x + q_2\sigma_y + q_3\sigma_z) = e^{-i\theta\,n\cdot\sigma/2},

the propagator of a spin 1/2: four numbers instead of a 3 x 3 matrix, 16 multiplications per
product.  Components come first in all arrays, (4, ...) and (3, ...), so that NumPy's inner loops
run over members and steps; what stands behind them broadcasts.  Nothing here conjugates or takes
an absolute value: complex steps pass.
"""

from math import factorial, isqrt

import numpy as np

#: Axes in cyclic order.
CYCLIC = ((0, 1, 2), (1, 2, 0), (2, 0, 1))
#: Matrices of the cross products with x, y, z, which are the last axis: ``CROSS @ v`` is that of v.
CROSS = -np.cross(np.eye(3)[:, None], np.eye(3))

#: Power series in ``theta**2`` of ``cos(theta/2)`` and ``sin(theta/2)/theta``; up to 1 rad, nine
#: terms are exact to rounding.
HALF_COSINE = [(-1 / 4) ** k / factorial(2 * k) for k in range(9)]
HALF_SINE = [(-1 / 4) ** k / (2 * factorial(2 * k + 1)) for k in range(9)]

#: Which components a product multiplies, and how they add up, for each of its four components.
TERMS = (
    ((0, 0, np.add), (1, 1, np.subtract), (2, 2, np.subtract), (3, 3, np.subtract)),
    ((0, 1, np.add), (1, 0, np.add), (2, 3, np.add), (3, 2, np.subtract)),
    ((0, 2, np.add), (2, 0, np.add), (3, 1, np.add), (1, 3, np.subtract)),
    ((0, 3, np.add), (3, 0, np.add), (1, 2, np.add), (2, 1, np.subtract)),
)


def horner(coefficients, x):
    """Power series, in as few passes over the memory as it takes.

    Examples
    --------
    >>> horner([1.0, 2.0, 3.0], np.array([10.0]))
    array([321.])
    """
    total = np.asarray(coefficients[-1] * x)
    for c in coefficients[-2:0:-1]:
        total += c
        total *= x
    total += coefficients[0]
    return total


def half_angles(square):
    """``cos(theta/2)`` and ``sin(theta/2)/theta`` from an array of ``theta**2``, maybe complex."""
    cosine, sine = horner(HALF_COSINE, square), horner(HALF_SINE, square)
    large = np.real(square) > 1
    if large.any():
        theta = np.sqrt(square[large])
        cosine[large], sine[large] = np.cos(theta / 2), np.sin(theta / 2) / theta
    return cosine, sine


def step_quaternions(w):
    """Quaternions, (4, ...), of rotation vectors ``w``, (3, ...) in rad.

    The three components may be arrays of shapes that broadcast.

    Examples
    --------
    >>> step_quaternions(np.array([0, 0, np.pi / 2])).round(4)
    array([0.7071, 0.    , 0.    , 0.7071])
    """
    square = np.asarray(w[0] * w[0] + w[1] * w[1] + w[2] * w[2])
    quaternions = np.empty((4, *square.shape), square.dtype)
    quaternions[0], sine = half_angles(square)
    for i in range(3):
        quaternions[i + 1] = sine * w[i]
    return quaternions


def product(left, right, out=None):
    """Quaternion product, (4, ...): the rotation ``right`` first, then ``left``.

    ``out`` is where to write it, neither of the factors.

    Examples
    --------
    >>> i, j = np.eye(4)[1], np.eye(4)[2]
    >>> product(i, j), product(j, i)
    (array([0., 0., 0., 1.]), array([ 0.,  0.,  0., -1.]))
    """
    out = _empty(4, left, right) if out is None else out
    term = np.empty(out.shape[1:], out.dtype)
    for component, terms in enumerate(TERMS):
        total = out[component, ...]
        np.multiply(left[terms[0][0]], right[terms[0][1]], out=total)
        for i, j, add in terms[1:]:
            add(total, np.multiply(left[i], right[j], out=term), out=total)
    return out


def _empty(components, left, right):
    shape = np.broadcast_shapes(left.shape[1:], right.shape[1:])
    return np.empty((components, *shape), np.result_type(left, right))


def fold(samples):
    """Cut the last axis, (..., N), into some ``2 sqrt(N)`` blocks: (..., within, blocks).

    Sample ``n = b*within + k`` goes to (k, b), and zeros fill up the last block.  Twice as many
    blocks as a square would have, because a step within costs more than one over blocks.

    Examples
    --------
    >>> fold(np.arange(16))[:, :4]
    array([[0, 2, 4, 6],
           [1, 3, 5, 7]])
    """
    *lead, count = samples.shape
    within = max(1, isqrt(count) // 2)
    blocks = -(-count // within)
    padded = np.zeros((*lead, blocks * within), samples.dtype)
    padded[..., :count] = samples
    return padded.reshape(*lead, blocks, within).swapaxes(-1, -2).copy()


def unfold(folded, count):
    """Inverse of :func:`fold`: (rows, within, blocks, ...) to its samples, (rows, count, ...)."""
    rows, within, blocks, *rest = folded.shape
    return folded.swapaxes(1, 2).reshape(rows, blocks * within, *rest)[:, :count]


def scan(steps):
    """Running products within every block, and the product of all blocks before it.

    ``steps`` iterates over the first quaternions of all blocks, (4, blocks, ...), the second ones,
    and so on.  Returns a list of such arrays and an array (4, blocks + 1, ...), whose last is the
    product of all.
    """
    local = []
    for quaternions in steps:
        local.append(product(quaternions, local[-1]) if local else quaternions)
    blocks = local[-1].shape[1]
    before = np.zeros_like(local[-1], shape=(4, blocks + 1, *local[-1].shape[2:]))
    before[0, 0] = 1
    for b in range(blocks):
        product(local[-1][:, b], before[:, b], out=before[:, b + 1])
    return local, before


def prefix_products(steps):
    r"""All running products :math:`F_n = q_n \cdots q_2 q_1` of a folded time axis.

    Of quaternions (4, within, blocks, ...), as from :func:`fold`, filled up with unit ones or
    zeros; of that shape, too.  One loop over the samples within a block, for all blocks at once;
    then one over the blocks; and what came before a block multiplies all of it: :math:`3\sqrt N`
    rounds in all.

    Examples
    --------
    >>> turns = step_quaternions((fold(np.full(6, 0.1)), 0, 0))
    >>> angles = 2 * np.arccos(prefix_products(turns)[0])
    >>> unfold(angles[None], 6).round(12)
    array([[0.1, 0.2, 0.3, 0.4, 0.5, 0.6]])
    """
    local, before = scan(steps.swapaxes(0, 1))
    products = np.empty_like(steps)
    for k, quaternions in enumerate(local):
        product(quaternions, before[:, :-1], out=products[:, k])
    return products


def cross(left, right):
    """Cross product along the first axis; the shapes behind it broadcast."""
    result = _empty(3, left, right)
    for i, j, k in CYCLIC:
        component = result[i, ...]
        np.multiply(left[j], right[k], out=component)
        component -= left[k] * right[j]
    return result


def rotate(quaternions, vectors, sense=1):
    """Vectors, (3, ...), turned by quaternions, (4, ...): as by ``rotation_matrices``.

    With ``sense=-1`` turned back.

    Examples
    --------
    >>> quarter = step_quaternions(np.array([0, 0, np.pi / 2]))
    >>> rotate(quarter, np.eye(3)[0]).round(12), rotate_back(quarter, np.eye(3)[1]).round(12)
    (array([0., 1., 0.]), array([1., 0., 0.]))
    """
    # v + 2 q0 (q x v) + 2 q x (q x v); the inverse has -q0.
    turn = cross(quaternions[1:], vectors)
    turned = cross(quaternions[1:], turn)
    turned *= 2
    turn *= 2 * sense * quaternions[0]
    turned += turn
    for i in range(3):
        turned[i] += vectors[i]
    return turned


def rotate_back(quaternions, vectors):
    """Vectors turned by the inverse rotations; as :func:`rotate`."""
    return rotate(quaternions, vectors, sense=-1)
