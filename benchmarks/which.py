"""Which method when: a gradient by finite elements and by their rivals, cell by cell.

A cell is a size of the state, a number of members, a kind of pulse and an accuracy.  Every method
takes as many elements for each sample (1, 2, 4 or 8), or as many terms of a series (2 to 8), as the
accuracy asks of it, and is timed with those.  The page "Which method when" draws these rows;
``book/data/paper.json`` holds them, written by ``benchmarks/paper.py``.

The rivals are those of the library, and Taylor series of the step propagators, as on the book's
page on elements: of the matrices, or of their action on the state.
"""

from dataclasses import dataclass
from functools import cache, cached_property
from itertools import product

import numpy as np
from measure import interleave, record, relative
from scipy.special import factorial

import spinlab as sl
from spinlab.propagation.grape import step_exponents
from spinlab.pulses import from_phase, helmholtz

RF_HZ, DT = 10e3, 1e-6
#: size of the state: what it is of
SYSTEMS = {
    3: sl.SpinSystem(),
    4: sl.SpinSystem(t1=5e-3, t2=1e-3),
    15: sl.SpinSystem((-20, 20), ((1, 2, 10),)),
    63: sl.SpinSystem((-20, 0, 20), ((1, 2, 10), (2, 3, 10))),
}
#: kind of pulse: course of the control, and radius of the filter in steps
PULSES = {
    "filtered steps": ("constant", 4.0), "rough steps": ("constant", 0.0),
    "straight lines": ("linear", 4.0),
}
#: size of the state: (steps, members where there are many)
SIZES = {3: (128, 64), 4: (128, 64), 15: (64, 16), 63: (32, 8)}
ACCURACIES = (1e-2, 1e-3, 1e-6)
REFINEMENTS, TERMS = (1, 2, 4, 8), (2, 3, 4, 6, 8)
#: Plain quadratic elements are missing: they cost what the reduced ones cost, and are off by more.
ELEMENTS = (
    "fem-linear", "fem-linear-reduced", "fem-quadratic-reduced", "fem-hermite", "fem-exact",
)  # fmt: skip
#: series: whether it acts on the state (else it makes propagators), and whether it takes a straight
#: line for a step as high as its middle (else by the rule of order 4, which needs commutators)
SERIES = {
    "series, vectors": (True, False), "series, matrices": (False, False),
    "midpoints, vectors": (True, True), "midpoints, matrices": (False, True),
}  # fmt: skip
#: Exponentials of a library are missing: a series is quicker in every cell.
RIVALS = ("rotations", *SERIES)


def records():
    """All rows of this area, one by one."""
    for cell, row in cells():
        yield record(
            name_of(*cell), row["ratio"], "x", baseline=f"{row['element']} over {row['rival']}"
        )


def name_of(d, members, pulse, accuracy):
    """The name of a row."""
    crowd = "1 member" if members == 1 else f"{members} members"
    return f"d = {d}, {crowd}, {pulse}, to {accuracy:.0e}: best element over best rival"


def names():
    """Every cell, {(size, members, kind of pulse, accuracy): name of its row}."""
    return {
        (d, members, pulse, accuracy): name_of(d, members, pulse, accuracy)
        for d, (_, crowd) in SIZES.items()
        for members, pulse, accuracy in product((1, crowd), PULSES, ACCURACIES)
    }


# --- series ------------------------------------------------------------------------------


def taylor(A, v, terms):
    """exp(A) v, where v may be the unit matrix."""
    total = term = v
    for m in range(1, terms + 1):
        term = A @ term / m
        total = total + term
    return total


def chain(A, start, vectors, terms):
    """States at the ends of the steps, (members, steps + 1, d, 1)."""
    states = [np.tile(start[:, None], (len(A), 1, 1))]
    for n in range(A.shape[1]):
        step = A[:, n]
        states.append(taylor(step, states[-1], terms) if vectors else step @ states[-1])
    return np.stack(states, axis=1)


def by_series(generator, dt, start, target, control, vectors, waveform, terms=8):
    """Values, and gradients of all members: :eq:`elements-series-gradient`."""
    A, slopes = step_exponents(generator, waveform, dt, control)
    members, steps, samples, controls, d, _ = slopes.shape
    turned = A.swapaxes(2, 3)
    unit = np.eye(d)
    states = chain(A if vectors else taylor(A, unit, terms), start, vectors, terms)
    back = turned if vectors else taylor(turned, unit, terms)
    back = chain(back[:, ::-1], target, vectors, terms)[:, -2::-1]
    rho, lam = [states[:, :-1]], [back.swapaxes(2, 3)]
    for _ in range(terms - 1):
        rho.append(A @ rho[-1])
        lam.append(lam[-1] @ A)
    weight = 1 / factorial(1 + np.add.outer(range(terms), range(terms)))
    both = (np.concatenate(rho, 3) @ weight @ np.concatenate(lam, 2)).swapaxes(2, 3)
    if control == "constant":  # the slopes are those of any step
        slopes = slopes[:, 0].reshape(members, controls, d * d)
        pieces = both.reshape(members, steps, d * d) @ slopes.swapaxes(1, 2)
        return states[:, -1, :, 0] @ target, pieces.swapaxes(1, 2)
    slopes = slopes.reshape(members, steps, samples * controls, d * d)
    pieces = slopes @ both.reshape(members, steps, d * d, 1)
    pieces = pieces.reshape(members, steps, samples, controls)
    gradient = np.zeros((members, controls, steps + 1))
    for q in range(samples):
        gradient[:, :, q : q + steps] += pieces[:, :, q].swapaxes(1, 2)
    return states[:, -1, :, 0] @ target, gradient


# --- a task for any of them --------------------------------------------------------------


@cache
def liouvillian_of(d):
    """The symbolic Liouvillian of a size of the state."""
    return sl.liouvillian(SYSTEMS[d])


@dataclass(frozen=True)
class Task:
    """A transfer from Iz to Ix of the first spin, by a random pulse."""

    d: int
    members: int
    pulse: str
    steps: int
    dt: float = DT
    radius: float | None = None

    @cached_property
    def spins(self):
        offset_hz = np.linspace(-10e3, 10e3, self.members) if self.members > 1 else np.array([3e3])
        return sl.evaluate(self.liouvillian, offset_hz=offset_hz, rf_hz=RF_HZ)

    @property
    def liouvillian(self):
        return liouvillian_of(self.d)

    @cached_property
    def ends(self):
        """Initial and target state."""
        name = "I" if SYSTEMS[self.d].spins == 1 else "I1"
        return sl.state(f"{name}z", self.liouvillian), sl.observable(f"{name}x", self.liouvillian)

    @property
    def control(self):
        return PULSES[self.pulse][0]

    @cached_property
    def waveform(self):
        """The pulse, and the pullback of a gradient to what the optimiser moves."""
        radius = PULSES[self.pulse][1] if self.radius is None else self.radius
        samples = self.steps + (self.control == "linear")
        x = np.random.default_rng(0).uniform(-np.pi, np.pi, (1, samples))
        phase, unfilter = helmholtz(x, radius, 1.0, self.control)
        waveform, chain = from_phase(phase)
        return waveform, lambda gradient: unfilter(chain(gradient))

    def refined(self, method, k):
        """Matrix that reads the waveform as a method sees it, with k substeps a sample."""
        if self.control == "constant":
            return np.repeat(np.eye(self.steps), k, axis=1)
        samples = np.arange(self.steps + 1)
        read = np.array([np.interp(np.arange(k * self.steps + 1) / k, samples, e)
                         for e in np.eye(self.steps + 1)])  # fmt: skip
        return (read[:, 1:] + read[:, :-1]) / 2 if method.startswith("midpoints") else read

    def job(self, method, k=1, terms=8):
        """A function that computes values and gradients, prepared; with k substeps a sample."""
        start, target = self.ends
        dt, fine = self.dt / k, self.waveform[0] @ self.refined(method, k)
        if method in SERIES:
            vectors, midpoints = SERIES[method]
            control = "constant" if midpoints else self.control
            task = self.spins, dt, start, target, control, vectors
            return lambda: by_series(*task, fine, terms)
        prepared = sl.propagation.prepare_objective(
            self.spins, dt, start, sl.transfer(target), method, self.control
        )

        def evaluate():
            found = prepared(fine)
            return found.values, found.gradients

        return evaluate

    def outcome(self, method, k=1, terms=8):
        """Values, and gradients by the unknowns of the optimiser, of all members."""
        values, gradients = self.job(method, k, terms)()
        read = self.refined(method, k)
        pulled = [self.waveform[1](one @ read.T) for one in gradients]
        return np.asarray(values), np.array(pulled)

    @cached_property
    def exact(self):
        return self.outcome("grape-batched", 1 if self.control == "constant" else 8)

    def error(self, method, k=1, terms=8):
        """The larger of the error of the value and of that of the gradient, all members."""
        (values, gradients), (f, g) = self.outcome(method, k, terms), self.exact
        return max(np.abs(values - f).max(), relative(gradients - g, g))

    def able(self, names):
        """Which of these methods can do it."""
        one_spin, lines = self.d == 3, self.control == "linear"
        may = {"rotations": one_spin, "fem-exact": one_spin and not lines, "fem-hermite": lines}
        for name, (_, midpoints) in SERIES.items():
            may[name] = not one_spin and (lines or not midpoints)
        return [name for name in names if may.get(name, True)]


def needed(task, method, accuracies, refinements=REFINEMENTS):
    """Substeps a sample for each accuracy; None where even the finest do not reach it."""
    found = {}
    for k in refinements:
        if len(found) < len(accuracies):
            error = task.error(method, k)
            found |= {a: k for a in accuracies if a not in found and error <= a}
    return {a: found.get(a) for a in accuracies}


def least_terms(task, method, accuracies, refinements):
    """(substeps, terms) of a series for each accuracy: first few substeps, then few terms."""
    tried = refinements if method.startswith("midpoints") else (1,)
    found = {}
    for k, terms in product(tried, TERMS):
        if len(found) < len(accuracies):
            error = task.error(method, k, terms)
            found |= {a: (k, terms) for a in accuracies if a not in found and error <= a}
    return {a: found.get(a) for a in accuracies}


def efforts(task):
    """For every method and accuracy: (substeps, terms), or None."""
    found, tried = {}, REFINEMENTS if task.d < 63 else (1, 2)
    for method in task.able((*ELEMENTS, *RIVALS)):
        if method in SERIES:
            found[method] = least_terms(task, method, ACCURACIES, tried)
        else:
            substeps = needed(task, method, ACCURACIES, tried)
            found[method] = {a: k and (k, 8) for a, k in substeps.items()}
    return found


def cells(rounds=3):
    """The quickest element and the quickest rival of every cell, with their times, us.

    Times are for one step of the pulse and one member.
    """
    for d, (steps, crowd) in SIZES.items():
        found = {
            pulse: efforts(Task(d, 3 if d < 63 else 1, pulse, steps)) for pulse in PULSES
        }
        for members in (1, crowd):
            yield from timed_cells(d, members, steps, found, rounds)


def timed_cells(d, members, steps, found, rounds):
    """The cells of one size and one number of members."""
    tasks, jobs = {pulse: Task(d, members, pulse, steps) for pulse in PULSES}, {}
    for pulse, method in product(PULSES, (*ELEMENTS, *RIVALS)):
        for effort in {*found[pulse].get(method, {}).values()} - {None}:
            # A filtered pulse and a rough one take the same time.
            job = tasks[pulse].control, method, effort
            jobs.setdefault(job, tasks[pulse].job(method, *effort))
    times = interleave(jobs, rounds, shortest=0.005)
    us = {job: 1e6 * np.median(seconds) / steps / members for job, seconds in times.items()}
    for pulse, accuracy in product(PULSES, ACCURACIES):
        best = {}
        for family, names in (("element", ELEMENTS), ("rival", RIVALS)):
            field = [
                (us[tasks[pulse].control, method, effort], method, effort)
                for method in names
                if (effort := found[pulse].get(method, {}).get(accuracy))
            ]
            best[family] = min(field, default=(np.inf, "none", (0, 0)))
        (time, element, (k, _)), (other, rival, (j, terms)) = best["element"], best["rival"]
        yield (d, members, pulse, accuracy), {
            "element": element, "substeps": k, "rival": rival, "rival's substeps": j,
            "terms": terms if rival in SERIES else None, "us": [time, other],
            "ratio": time / other,
        }  # fmt: skip
