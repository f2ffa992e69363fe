"""The books of one optimisation: counts, history, limits and the best so far."""

import time
from reprlib import repr as brief

import numpy as np
from scipy.optimize import OptimizeResult

from ..inputs import arrays, function, hold, require
from .goal import History, Optimum
from .standard_form import Form

#: Limits that are broken by less than this, in all, are met.
KEPT = 1e-3
#: A hybrid hands over where this many iterations did not bring the value below this factor.
PATIENCE, STAGNATION = 4, 0.8


class Stop(Exception):
    """Raised from within to leave an optimiser, with (success, message)."""


class Stagnation(Exception):
    """Raised from within to hand over to the next optimiser of a hybrid."""


class Run:
    """The books of one optimisation: counts, history and the best so far.

    An optimiser calls it with a point for value and gradient, and tells it of every iteration.
    """

    def __init__(self, goal, box, max_iterations, stop_at, callback, progress, penalty):
        self.goal, self.box, self.max_iterations, self.penalty = goal, box, max_iterations, penalty
        self.stop_at, self.progress = stop_at, progress
        self.callback = function("callback", (lambda _: None) if callback is None else callback)
        hold(self, "max_iterations: whole; stop_at?: ; penalty: >= 0")
        self.began, self.evaluations, self.best, self.merit = time.perf_counter(), 0, None, np.inf
        self.rows, self.patience, self.failures = [], None, []
        self.constrained, self.form = False, None
        self.latest = self.known = (None, None)

    @property
    def left(self):
        """Iterations that are left."""
        return self.max_iterations - (len(self.rows) - 1)

    def start(self, x0):
        """Evaluate the start, which is refused where no optimiser can leave it."""
        self.priced = isinstance(self.form, Form)
        count = len(self.limits(x0)[0])
        self.form = self.form if self.priced else Form.hard(count)
        rows = len(self.form.c)
        require(rows == count, f"The form has {rows} rows, but the goal has {count} limits.")
        self(x0)
        require(self.best["norm"] >= 1e-12 or (self.constrained and count),
                "The gradient is zero at the start, so no step leaves it: take another x0.")
        self.note()

    def __call__(self, x):
        """Value (with the penalty) and gradient, checked and counted; the last point is known."""
        if np.array_equal(x, self.latest[0]):
            return self.latest[1]
        found = self.goal.value(x.copy())
        self.evaluations += 1
        value, gradient = self.checked(found, x)
        cost, slope = self.charge(x)
        fun = value if self.constrained else value + cost
        self.latest = x.copy(), (fun, gradient + slope)
        if value + cost < self.merit:
            self.merit, norm = value + cost, float(np.linalg.norm(gradient + slope))
            self.best = {"x": x.copy(), "value": value, "cost": cost, "norm": norm, "kkt": {}}
        return self.latest[1]

    def checked(self, found, x):
        """Value and gradient that a goal returned, or a sentence."""
        try:
            value, gradient = (np.asarray(one, dtype=float) for one in found)
            good = value.ndim == 0 and gradient.shape == x.shape
        except (TypeError, ValueError):
            good = False
        if not good:  # not require: it would write all the numbers into a sentence each time
            told = f"of shape {x.shape}, but {brief(found)} arrived."
            raise ValueError(f"A goal must return a number and its gradient, {told}")
        require(np.isfinite(value) and np.isfinite(gradient).all(),
                f"The goal became NaN or inf at evaluation {self.evaluations}; try another start.")
        return float(value), gradient

    def limits(self, x):
        """The goal's limits, (l,), and their Jacobian, (l, n); the last point is known."""
        if self.goal.limits is None:
            return np.zeros(0), np.zeros((0, len(x)))
        if not np.array_equal(x, self.known[0]):
            values, jacobian = self.goal.limits(x.copy())
            found = arrays(f"limits: l*; jacobian: l* {len(x)}", limits=values, jacobian=jacobian)
            self.known = x.copy(), found
        return self.known[1]

    def charge(self, x):
        """What broken limits cost, and the slope of a penalty."""
        values, jacobian = self.limits(x)
        if self.constrained:
            return self.form.cost(0.0, values), 0.0
        broken = np.maximum(values, 0)
        return float(self.penalty * broken @ broken), 2 * self.penalty * broken @ jacobian

    def broken(self, x):
        """By how much the limits are broken at ``x``, in all."""
        values = self.limits(x)[0]
        return (self.form.missed(values) if self.constrained else np.maximum(values, 0)).sum()

    def curvature(self, matrix, x):
        """A curvature, (n, n), with that of the penalty: a sum of squares, of the broken limits."""
        matrix = arrays(f"hessian: {len(x)} {len(x)}", hessian=matrix)
        if self.goal.limits is None or self.constrained:
            return matrix
        values, jacobian = self.limits(x)
        jacobian = jacobian[values > 0]
        return matrix + 2 * self.penalty * jacobian.T @ jacobian

    @property
    def fun(self):
        """Best value so far, with what broken limits cost, unless they are constraints."""
        counts = self.priced or not self.constrained
        return self.best["value"] + (self.best["cost"] if counts else 0.0)

    def note(self, residual=np.nan):
        """Write a line of the history."""
        seconds = time.perf_counter() - self.began
        self.rows.append((self.fun, self.best["norm"], seconds, self.evaluations, residual))

    def after_iteration(self, _=None, **kkt):
        """Note, tell, and look whether to stop; SciPy calls this, too.

        Moving asymptotes give the multipliers and the residual of the latest point.
        """
        if kkt and np.array_equal(self.latest[0], self.best["x"]):
            self.best["kkt"] = kkt
        self.note(kkt.get("residual", np.nan))
        x, value, iteration = self.best["x"], self.best["value"], len(self.rows) - 1
        told = {} if self.goal.tell is None else self.goal.tell(value, x)
        if self.goal.ends:
            told.pop("fidelity", None)  # the value holds running costs, too
        if self.progress:
            name = "fidelity" if "fidelity" in told else "value"
            text = f"{name} {told.get('fidelity', value):.6g}"
            text += f", penalty {self.fun - value:.3g}" if self.fun > value else ""
            print(f"\riteration {iteration}/{self.max_iterations}: {text}", end="", flush=True)
        try:
            self.callback(OptimizeResult({
                "x": x.copy(), "fun": self.fun, "nit": iteration, "nfev": self.evaluations,
                "gradient_norm": self.best["norm"], **kkt, **told,
            }))
        except StopIteration as stop:
            raise Stop(False, "Stopped by the callback.") from stop
        if self.stop_at is not None and self.fun <= self.stop_at and self.broken(x) < KEPT:
            raise Stop(True, f"The wanted value {self.stop_at:.6g} was reached.")
        if self.patience and len(self.rows) > self.patience:
            if self.fun > STAGNATION * self.rows[-1 - self.patience][0]:
                raise Stagnation

    def settle(self, own, **kkt):
        """The latest point is the result, for its conditions of optimality hold.

        Unless the value is its own objective, and one was seen that is better by more than those
        are missed: moving asymptotes may step over a deep minimum into a shallow one.  Returns a
        sentence about it.
        """
        x, (fun, gradient) = self.latest
        cost = self.charge(x)[0]
        missed = kkt["residual"] * (len(x) + self.form.c.sum())
        if own and fun + cost > self.merit + missed:
            return " But a better point was seen on the way, and is returned: start from it again."
        norm = float(np.linalg.norm(gradient))
        self.best = {"x": x, "value": fun, "cost": cost, "norm": norm, "kkt": kkt}
        return ""

    def optimum(self, success, message, interrupted):
        """The result, from the best point seen."""
        columns = (np.array(column) for column in zip(*self.rows, strict=True))
        broken, count = self.broken(self.best["x"]), len(self.failures)
        if count:
            message += f" {count} subproblems did not converge; of the last: {self.failures[-1]}"
        if broken > KEPT:
            message += f" The limits could not all be met: they are broken by {broken:.3g} in all; "
            message += "loosen them" + ("." if self.constrained else
                                        f", or raise the penalty ({self.penalty:g}).")
        success = success and not count and broken <= KEPT
        return Optimum(
            self.best["x"], self.fun, self.best["value"], len(self.rows) - 1, self.evaluations,
            bool(success), message, History(*columns), interrupted, **self.best["kkt"],
        )
