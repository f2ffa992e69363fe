"""Two ways to solve the subproblem of moving asymptotes: its dual, and an interior point.

The subproblem is separable: for given multipliers ``lam`` of the rows the best ``x`` has a closed
form.  :func:`solve_dual` therefore looks for ``lam`` alone, which is quick where rows are few.
Where there are about as many rows as variables, or more, Newton's method on all unknowns at once is
faster: :func:`solve_interior`.  :func:`solve` chooses.

Source: K. Svanberg, Int. J. Numer. Meth. Eng. 24 (1987) 359 and SIAM J. Optim. 12 (2002) 555; the
predictor and corrector of the interior point: S. Mehrotra, SIAM J. Optim. 2 (1992) 575.
"""

from collections import namedtuple

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.linalg.blas import dsyrk

from ..inputs import choice
from .subproblem import limit_of, solution_of

#: The dual is tried first where there are at most this many rows a variable.
FEW_ROWS = 0.05
#: The interior point gives up after so many steps without a better one.
PATIENCE = 9


def solve_dual(subproblem, warm=None, tolerance=1e-9, max_iterations=50):
    """Maximise the concave dual function by projected Newton steps.

    For given multipliers the Lagrangian is smallest at ::

        x_j = clip((sqrt(p_j) low_j + sqrt(q_j) upp_j) / (sqrt(p_j) + sqrt(q_j)), alpha_j, beta_j),

    with ``p = p0 + lam @ P`` and ``q = q0 + lam @ Q``.  Its value there is the dual function, whose
    gradient is what the rows are missed by.  ``z`` has no such formula, for the Lagrangian is
    linear in it: it gets a small quadratic term around its last value (a proximal step), which
    vanishes as that value settles.

    Parameters and result as for :func:`solve`; ``max_iterations`` counts Newton steps.
    """
    sub, dual = subproblem, _Dual(subproblem)
    limit = limit_of(sub, tolerance)
    lam = np.ones(len(sub.b)) if warm is None else warm
    lam = np.clip(lam, 0, dual.most) / max(1, sub.form.a @ lam / sub.form.a0)
    z, steps, here = 0.0, 0, dual(lam, 0.0)
    while steps < max_iterations:
        missed = lam - np.clip(lam + here.gradient, 0, dual.most)
        if np.abs(missed).max(initial=0.0) <= limit / 2:
            if dual.stiffness * abs(here.z - z) <= limit / 2:
                break
            z, here = here.z, dual(lam, here.z)
        steps += 1
        following = dual.step(lam, z, here)
        if following is None:
            break
        lam, here = following
    at_most = np.where(lam >= dual.most, np.maximum(here.gradient, 0), 0)
    y = np.where(sub.form.d > 0, here.y, at_most)
    return solution_of(sub, here.x, y, here.z, lam, steps, limit, "Dual")


_DualPoint = namedtuple("_DualPoint", "x y z value gradient")


class _Dual:
    """The dual function of a subproblem, and a Newton step on it."""

    stiffness = 1e-3  # of the quadratic term of z

    def __init__(self, sub):
        self.sub = sub
        c, d = sub.form.c, sub.form.d
        self.most = np.where(d > 0, np.inf, c)  # where y costs c each, lam cannot exceed c
        self.ease = 1 / np.where(d > 0, d, np.inf)

    def __call__(self, lam, last_z):
        """Value and gradient at ``lam``, with what minimises the Lagrangian there."""
        sub, form = self.sub, self.sub.form
        p, q = sub.p0 + lam @ sub.P, sub.q0 + lam @ sub.Q
        root_p, root_q = np.sqrt(p), np.sqrt(q)
        x = (root_p * sub.low + root_q * sub.upp) / (root_p + root_q)
        x = np.clip(x, sub.alpha, sub.beta)
        y = np.maximum(lam - form.c, 0) * self.ease
        z = max(0.0, last_z + (form.a @ lam - form.a0) / self.stiffness)
        of_x = p @ (1 / (sub.upp - x)) + q @ (1 / (x - sub.low)) - lam @ sub.b
        of_y = y @ (form.c - lam + form.d * y / 2)
        of_z = z * (form.a0 - form.a @ lam) + self.stiffness / 2 * (z - last_z) ** 2
        return _DualPoint(x, y, z, of_x + of_y + of_z, sub.rows(x) - y - form.a * z)

    def step(self, lam, last_z, here):
        """The next ``lam`` and its point, or None where none is found."""
        sub, slope = self.sub, here.gradient
        free = ~((lam <= 0) & (slope < 0) | (lam >= self.most) & (slope > 0))
        direction = np.zeros_like(lam)
        try:
            direction[free] = self.newton(lam, here, free)
        except LinAlgError:
            return None
        farthest = np.minimum(self.most, 10 * (1 + lam))
        rounding = 1e-14 * (abs(here.value) + lam @ np.abs(sub.b))
        for halving in range(60):
            trial = np.clip(lam + 0.5**halving * direction, 0, farthest)
            there = self(trial, last_z)
            gain = slope @ (trial - lam)
            if there.value >= here.value + 1e-4 * gain - rounding:
                return trial, there
        return None

    def newton(self, lam, here, free):
        """Newton's direction for the free multipliers."""
        sub, x = self.sub, here.x
        inside = (x > sub.alpha) & (x < sub.beta)
        G, a = sub.jacobian(x)[free], sub.form.a[free]
        G *= np.sqrt(inside / sub.gradient(x, lam)[1])
        H = G @ G.T
        H += (here.z > 0) * np.outer(a, a) / self.stiffness
        diagonal = ((here.y > 0) * self.ease)[free]
        # Where every x is at a bound the dual is linear: then this little makes a long step.
        diagonal += 1e-12 * (1 + np.abs(np.diag(H)).max(initial=0))
        return cho_solve(cho_factor(H + np.diag(diagonal)), here.gradient[free])


def solve_interior(subproblem, warm=None, tolerance=1e-9, max_iterations=60):
    """Newton's method on all optimality conditions, kept away from every bound until the end.

    Each of ``x - alpha``, ``beta - x``, ``y``, ``z``, ``lam`` has a partner (a multiplier, or the
    slack of the row): one of the two is zero in the end, both are positive before.  A step aims at
    products that are all equal.  How small, a first step that aims at zero tells, and what that
    step neglected corrects the second (Mehrotra): two solves, but one factorisation, of a matrix
    with as many rows as there are variables or rows, whichever are fewer.

    Parameters and result as for :func:`solve`; ``warm`` is not used, for a start close to the
    bounds is a bad one here.
    """
    sub, limit = subproblem, limit_of(subproblem, tolerance)
    n, m = len(sub.low), len(sub.b)
    cuts = n, 2 * n, 2 * n + m, 2 * n + m + 1
    half = (sub.beta - sub.alpha) / 2
    price = np.maximum(1, sub.form.c / 2)
    v = np.concatenate([half, half, np.ones(m + 1), price])
    w = np.concatenate([1 / half, 1 / half, price, np.ones(m + 1)])
    # Where y costs nothing at first, y = lam / d is never negative by itself and needs no partner.
    held = np.concatenate([np.ones(2 * n), sub.form.c > 0, np.ones(m + 1)]) > 0
    w[~held], space, best = 0, np.empty((2, m, n)), None
    for steps in range(max_iterations + 1):
        parts = np.split(v, cuts)
        # Each x from its nearer bound: the small distance keeps its digits.
        x = np.where(parts[0] < parts[1], sub.alpha + parts[0], sub.beta - parts[1])
        y, z, lam = np.maximum(parts[2], 0), parts[3][0], parts[4]
        solution = solution_of(sub, x, y, z, lam, steps, limit, "Interior point")
        if best is None or solution.residual < best.residual:
            best = solution
        # Where rounding lets no step be better, the smallest of the pairs would run down to 0.
        if best.converged or steps == max_iterations or steps > best.iterations + PATIENCE:
            break
        try:
            direction = _newton(sub, x, v, w, held, cuts, space)
        except LinAlgError:  # near the end, where products of 1e-17 are rounded
            break
        mean = (v @ w) / held.sum()
        dv, dw = direction(0.0)
        t = min(1, _longest(v, w, dv, dw, held))
        centring = ((v + t * dv) @ (w + t * dw) / held.sum() / mean) ** 3
        dv, dw = direction(centring * mean - dv * dw)
        t = min(1, np.clip(1 - mean, 0.99, 1 - 1e-6) * _longest(v, w, dv, dw, held))
        v, w = v + t * dv, w + t * dw
    return best


def _newton(sub, x, v, w, held, cuts, space):
    """A function of the wanted products that returns the Newton step of ``v`` and ``w``."""
    _, _, y, (z,), lam = np.split(v, cuts)
    form = sub.form
    ratio = np.divide(w, v, out=np.zeros_like(v), where=held)
    slope, curvature = sub.gradient(x, lam)
    rows = sub.rows(x) - form.a * z - y
    low, upp, ratio_y, (ratio_z,), ratio_lam = np.split(ratio, cuts)
    D_y = form.d + ratio_y
    block = _block_solver(curvature + low + upp, sub.jacobian(x, space), ratio_lam + 1 / D_y)
    of_z = block(np.zeros_like(x), form.a) if form.a.any() else (np.zeros_like(x), np.zeros_like(y))

    def direction(products):
        wanted = np.divide(products, v, out=np.zeros_like(v), where=held)
        low, upp, for_y, (for_z,), slack = np.split(wanted, cuts)
        r_y = lam + for_y - form.c - form.d * y
        r_z = form.a @ lam + for_z - form.a0
        dx, dlam = block(low - upp - slope, r_y / D_y - slack - rows)
        dz = (r_z + form.a @ dlam) / (ratio_z - form.a @ of_z[1])
        dx, dlam = dx + dz * of_z[0], dlam + dz * of_z[1]
        dv = np.concatenate([dx, -dx, (dlam + r_y) / D_y, [dz], dlam])
        return dv, wanted - ratio * dv - w

    return direction


def _block_solver(D_x, G, D_lam):
    """Solver of ``[[D_x, G^T], [G, -D_lam]]`` (diagonal D) by one Cholesky of the smaller block.

    ``G`` is overwritten by ``A``: itself over the root of that diagonal which is eliminated.
    """
    # Where a row is met exactly, D_lam vanishes; much below G^2/D_x it could only be rounded.
    D_lam = np.maximum(D_lam, 1e-14 * np.einsum("ij,ij,j->i", G, G, 1 / D_x))
    few_rows = 0 < len(G) <= len(D_x)  # BLAS has no products of no rows
    kept, root = (D_lam, np.sqrt(D_x)) if few_rows else (D_x, np.sqrt(D_lam))
    A = np.divide(G, root if few_rows else root[:, None], out=G)
    # The transpose only turns C's order of the entries into the Fortran one of BLAS.
    K = dsyrk(1.0, A.T, trans=few_rows, lower=True)
    K[np.diag_indices_from(K)] += kept
    factor = cho_factor(K, lower=True, overwrite_a=True, check_finite=False)

    def solve_block(r_x, r_lam):
        if few_rows:
            dlam = cho_solve(factor, A @ (r_x / root) - r_lam, check_finite=False)
            return (r_x / root - dlam @ A) / root, dlam
        dx = cho_solve(factor, r_x + (r_lam / root) @ A, check_finite=False)
        return dx, (A @ dx - r_lam / root) / root

    return solve_block


def _longest(v, w, dv, dw, held):
    """The longest step before the first of the pairs is negative."""
    shrink = -np.minimum(dv[held] / v[held], dw[held] / w[held]).min()
    return 1 / max(shrink, 1e-300)


#: name: solver(subproblem, warm, tolerance)
SOLVERS = {"dual": solve_dual, "interior": solve_interior}


def solve(subproblem, warm=None, method=None, tolerance=1e-9):
    """Solve the subproblem by the way that suits its size.

    Parameters
    ----------
    subproblem : Subproblem
    warm : ndarray, (m,), optional
        Multipliers to start from, such as those of the last subproblem; the dual uses them.
    method : {"dual", "interior"}, optional
        Default: the dual for few rows, the interior point for many, and the other where one fails.
    tolerance : float
        For the residual; what rounding leaves of large terms is granted besides.

    Returns
    -------
    Solution
        Ask for its ``converged``: a failure is told there and in its ``message``.

    Examples
    --------
    Minimise 1/(2 - x) + 1/(x + 2) with 1/(x + 2) <= 0.4, that is x >= 1/2.

    >>> from spinlab.optimisers import Form
    >>> from spinlab.optimisers.subproblem import Subproblem
    >>> one = np.ones(1)
    >>> problem = Subproblem(low=-2 * one, upp=2 * one, alpha=-one, beta=one, p0=one, q0=one,
    ...     P=np.zeros((1, 1)), Q=np.ones((1, 1)), b=0.4 * one, form=Form.hard(1))
    >>> solution = solve(problem)
    >>> solution.converged, solution.x.round(6), solution.lam.round(4)
    (True, array([0.5]), array([1.7778]))
    """
    if method is not None:
        return SOLVERS[choice("method", method, SOLVERS)](subproblem, warm, tolerance)
    m, n = subproblem.P.shape
    first, second = ("dual", "interior") if m <= max(1, FEW_ROWS * n) else ("interior", "dual")
    solution = SOLVERS[first](subproblem, warm, tolerance)
    if not solution.converged:
        other = SOLVERS[second](subproblem, warm, tolerance)
        solution = min(solution, other, key=lambda one: (not one.converged, one.residual))
    return solution
