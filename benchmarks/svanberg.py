"""The test problems of Svanberg (1987, 2002), for the benchmark and for the tests.

Each is ``functions(x) -> (f0, df0, f, df)``: a value and rows ``f <= 0``, with their derivatives.
"""

import numpy as np
from scipy.optimize import Bounds, NonlinearConstraint, minimize


def toy(x):
    """The point nearest to 0 in two balls."""
    to_centres = x - np.array([[5.0, 2.0, 1.0], [3.0, 4.0, 3.0]])
    return x @ x, 2 * x, (to_centres**2).sum(axis=1) - 9, 2 * to_centres


def cantilever(x):
    """Lightest beam of five segments whose end sinks no more than allowed."""
    k = np.array([61.0, 37.0, 19.0, 7.0, 1.0])
    return 0.0624 * x.sum(), np.full(5, 0.0624), np.array([k @ x**-3 - 1]), (-3 * k * x**-4)[None]


def truss(x):
    """Lightest frame of two bars whose stresses are allowed: area x[0], half distance x[1]."""
    area, half = x
    length = np.sqrt(1 + half**2)
    df0 = np.array([length, area * half / length])
    f, df = [], []
    for sign in (1, -1):
        force = 8 / area + sign / (area * half)
        by_half = half / length * force - sign * length / (area * half**2)
        f.append(0.124 * length * force - 1)
        df.append([-0.124 * length * force / area, 0.124 * by_half])
    return area * length, df0, np.array(f), np.array(df)


def curved(n, sign):
    """Problems 1 (sign 1) and 2 (sign -1) of 2002: quadratic forms with dense matrices."""
    i = np.arange(n)
    alpha = (i[:, None] + i) / (2 * n - 2)
    weight = 1 / (1 + abs(i[:, None] - i)) / np.log(n)
    S = (2 + np.sin(4 * np.pi * alpha)) * weight
    P, Q = (1 + 2 * alpha) * weight, (3 - 2 * alpha) * weight

    def functions(x):
        f = np.array([n / 2 - x @ P @ x, n / 2 - x @ Q @ x])
        return sign * x @ S @ x, 2 * sign * S @ x, sign * f, -2 * sign * np.array([P @ x, Q @ x])

    return functions


def problems(n, optima=(None, None)):
    """name: (functions, start, lower, upper, published optimum); those of 2002 in n unknowns."""
    return {
        "toy": (toy, np.array([4.0, 3.0, 2.0]), 0.0, 5.0, 8.770246),
        "cantilever": (cantilever, np.full(5, 5.0), 1.0, 10.0, 1.3399564),
        "two-bar truss": (truss, np.array([1.5, 0.5]), [0.2, 0.1], [4.0, 1.6], 1.5086524),
        f"2002-1, n={n}": (curved(n, 1), np.full(n, 0.5), -1.0, 1.0, optima[0]),
        f"2002-2, n={n}": (curved(n, -1), np.full(n, 0.25), -1.0, 1.0, optima[1]),
    }


def slsqp(functions, x0, lower, upper):
    """Optimum of a problem by SciPy, which works without asymptotes."""
    x0 = np.asarray(x0, float)
    outcome = minimize(
        lambda x: functions(x)[:2], x0, jac=True, method="SLSQP",
        bounds=Bounds(lower * np.ones_like(x0), upper * np.ones_like(x0)),
        constraints=NonlinearConstraint(
            lambda x: functions(x)[2], -np.inf, 0, jac=lambda x: functions(x)[3]
        ),
        options={"ftol": 1e-14, "maxiter": 1000},
    )
    return outcome.fun
