"""One loop for all optimisers: what is to become small, from where, by which rule.

:func:`minimise` takes a :class:`Goal` and a name, and returns an :class:`Optimum`:

====================  ============================================================================
``"gradient"``        steepest descent with backtracking: for learning
``"l-bfgs"``          SciPy's L-BFGS-B
``"newton"``          the exact Hessian, damped, :eq:`eq-damped-newton`
``"gauss-newton"``    the same with the curvature of the tangent residuals: Levenberg-Marquardt
``"mma"``             moving asymptotes, :mod:`spinlab.optimisers.mma`
``"gcmma"``           its globally convergent relative
====================  ============================================================================

A tuple of names is a hybrid: the next one takes over where the one before stagnates.  All keep the
same books, call the same callback, stop cleanly when interrupted, and return the best they saw.
"""

import inspect
from contextlib import suppress

import numpy as np

from ..inputs import choice, function, instance, require
from .asymptotes import gcmma, mma
from .books import PATIENCE, Run, Stagnation, Stop
from .descents import USED_UP, gauss_newton, l_bfgs, newton, steepest_descent
from .goal import Goal
from .mma import MMAOptions
from .standard_form import start_in_box

#: name: ``optimiser(run, x, **options)``, which returns (success, message)
OPTIMISERS = {
    "gradient": steepest_descent, "l-bfgs": l_bfgs, "newton": newton,
    "gauss-newton": gauss_newton, "mma": mma, "gcmma": gcmma,
}  # fmt: skip
#: Optimisers that take limits as constraints; the others see a penalty.
CONSTRAINED = {"mma", "gcmma"}


def minimise(
    goal, x0, optimiser="l-bfgs", lower=-np.inf, upper=np.inf, max_iterations=200, stop_at=None,
    callback=None, progress=False, penalty=10.0, **options,
):
    r"""Make a goal small.

    Parameters
    ----------
    goal : Goal or callable
        A callable ``x -> (value, gradient)`` is a goal, too.
    x0 : array_like, (n,)
        Where to start, within the bounds.
    optimiser : str or tuple of str
        A name of :data:`OPTIMISERS`; a tuple is a hybrid.
    lower, upper : float or array_like, (n,)
        Bounds of ``x``.  Moving asymptotes need finite ones.
    max_iterations : int
        In all.
    stop_at : float, optional
        Stop as soon as the value is as small as this.
    callback : callable, optional
        ``callback(intermediate_result)`` after every iteration, with ``x``, ``fun``, ``nit``,
        ``nfev``, ``gradient_norm`` and what the goal tells, all of the best so far; raise
        ``StopIteration`` to stop.
    progress : bool
        Print a line that follows the iterations.
    penalty : float
        Weight :math:`w` of :math:`w\sum_l\max(0, g_l)^2` for broken limits :math:`g_l`,
        :eq:`eq-penalty`, where the optimiser takes no constraints.
    **options
        Of the optimiser: see its function in :data:`OPTIMISERS`.

    Returns
    -------
    Optimum
        Also after an interruption (Ctrl-C, the notebook's stop button): the best so far.

    Raises
    ------
    ValueError
        Bounds that cross, a start outside them, a gradient of the wrong shape, NaN, a goal that
        lacks what the optimiser needs, an option that it does not have.

    Examples
    --------
    >>> bowl = lambda x: (np.sum((x - 3) ** 2), 2 * (x - 3))
    >>> minimise(bowl, np.zeros(2)).x.round(6)
    array([3., 3.])

    The smallest sum of two numbers whose product is at least 1.

    >>> product = lambda x: (np.array([1 - x[0] * x[1]]), -x[None, ::-1])
    >>> goal = Goal(lambda x: (x.sum(), np.ones(2)), limits=product)
    >>> result = minimise(goal, [2.0, 3.0], "mma", 0.1, 5)
    >>> result.success, result.x.round(5), result.multipliers.round(5)
    (True, array([1., 1.]), array([1.]))
    """
    names = (optimiser,) if isinstance(optimiser, str) else instance("optimiser", optimiser, tuple)
    require(names, "The tuple of optimisers is empty; name at least one.")
    shares = _shared(names, options)
    goal = goal if isinstance(goal, Goal) else Goal(goal)
    x0, box = start_in_box(x0, lower, upper)
    function("The value of a goal", goal.value)
    run = Run(goal, box, max_iterations, stop_at, callback, progress, penalty)
    run.constrained, run.form = bool(CONSTRAINED & set(names)), options.get("form")
    interrupted = False
    try:
        run.start(x0)
        for k, name in enumerate(names, 1):
            run.patience = PATIENCE if k < len(names) else None
            if run.left:
                success, message = False, USED_UP
                with suppress(Stagnation):
                    success, message = OPTIMISERS[name](run, run.best["x"].copy(), **shares[name])
    except Stop as stop:
        success, message = stop.args
    except KeyboardInterrupt:
        if run.best is None:
            raise
        success, message, interrupted = False, "Interrupted; this is the best so far.", True
    if progress:
        print()
    return run.optimum(success, message, interrupted)


def _shared(names, options):
    """Options for each optimiser: those that its function, or a step of moving asymptotes, has."""
    known = {}
    for name in names:
        optimiser = OPTIMISERS[choice("optimiser", name, OPTIMISERS)]
        own = set(inspect.signature(optimiser).parameters) - {"run", "x", "advance"}
        known[name] = own - {"options"} | ({*vars(MMAOptions())} if "options" in own else set())
    every = set().union(*known.values())
    unknown, listed = ", ".join(sorted(set(options) - every)), ", ".join(sorted(every))
    require(not unknown, f"{' and '.join(map(repr, names))} have no option {unknown}; there are "
                         f"{listed}.")
    return {name: {k: v for k, v in options.items() if k in some} for name, some in known.items()}
