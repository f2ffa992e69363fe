"""The best conventional sequences for Glu and Gln: ``python benchmarks/opponents.py [act ...]``.

Writes ``book/data/opponents.json``, which chapter 4 and ``make bench ONLY=mrs`` judge again.  Every
family of sequences is scanned on a grid of its times (angle, place of the pulse), at the nominal
field.  The best two that keep a peak of ``LEAST`` of a single 90 degree pulse's, in magnitude,
are then refined by Nelder and Mead, on the five members (nominal field and corners) that most
designs use, for the mean of the selectivity in decibels.  The three acts are those of the chapter:

two      Glu and Gln alone, in equal amounts; pulses turn by their angle whatever B1 is
all      all molecules at their concentrations; the same pulses
scanner  Glu and Gln alone; slices of 3 and 7 ms, crushers, and B1 on every pulse

With all molecules, which cost ten times as much, only those on the grid are tried that are among
the best ``BEST`` of their family with two: who cannot tell Glu from Gln cannot tell it from all.
They are refined at the nominal field, in half as many steps.

The editing pulses and the 180 of triple refocusing are selective pulses in all acts.
"""

import json
import os
import sys
import time
from functools import partial
from itertools import product
from pathlib import Path

for library in ("OMP", "OPENBLAS", "MKL"):  # before NumPy is imported: it reads these once
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import numpy as np  # noqa: E402
from scipy.optimize import minimize  # noqa: E402

import spinlab as sl  # noqa: E402

PATH = Path(__file__).parents[1] / "book" / "data" / "opponents.json"
NOMINAL = sl.Ensemble([0.0], [1.0])
CORNERS = sl.Ensemble([0, -5, -5, 5, 5], [1, 0.9, 1.1, 0.9, 1.1])
LEAST, BEST = 0.3, 10
SCANNER, WINDOW = sl.mrs.Scanner(), (2.25, 2.55)
AXIS = sl.mrs.ppm_axis(*WINDOW, 0.004)
HEIGHTS = {
    name: sl.mrs.peak(sl.mrs.spectra.exact_spectrum(sl.mrs.metabolite(name), sl.mrs.pulse_acquire(),
                                                    SCANNER, AXIS, 6.0), AXIS, WINDOW)
    for name in ("Glu", "Gln")
}  # fmt: skip
LONG = sl.mrs.slr_pulse(60e-3, 16.2, steps=240)


def triple(t1, t2, t3, **means):
    """Triple refocusing: the middle one of three 180s is long and selective, at 2.4 ppm."""
    long = sl.mrs.ShapedPulse(LONG, carrier_ppm=2.4)
    middles = t1 / 2, t1 + t2 / 2, t1 + t2 + t3 / 2
    return sl.mrs.echo_train(t1 + t2 + t3, middles, pulses=(None, long, None), **means)


def mega(te, te1, ppm, length, **means):
    """MEGA-PRESS; always-on editing plays its scan "on" alone."""
    return sl.mrs.mega_press(te, ppm, pulse=sl.mrs.gaussian_pulse(length), te1=te1, **means)


def stimulated(te, tm, **means):
    """STEAM has neither 180s nor their crushers; its pulses are ideal in all acts."""
    return sl.mrs.steam(te, tm, means.get("follows_b1", True))


EDITS = (1.9, 2.0, 2.1, 2.15, 2.2, 2.3, 2.65, 3.75)
#: name: (sequence by its numbers, grid of each of them)
FAMILIES = {
    "PRESS": (sl.mrs.press, 2 * (1e-3 * np.arange(6, 101, 4),)),
    "STEAM": (stimulated, (1e-3 * np.array([6, 10, 14, 20, 30, 40, 60, 72, 90]),
                           1e-3 * np.array([5, 10, 15, 20, 30, 40, 60]))),
    "semi-LASER": (sl.mrs.semi_laser, 2 * (1e-3 * np.arange(8, 129, 8),)),
    "J-refocused": (sl.mrs.j_refocused, (*2 * (1e-3 * np.arange(8, 101, 10),),
                                         (45.0, 60.0, 90.0, 120.0))),
    "always-on": (partial(mega, mode="on"), (1e-3 * np.array([56, 68, 80, 90, 100, 110, 120]),
                                             (0.01,), EDITS, (0.014, 0.02, 0.025, 0.03))),
    "triple refocusing": (triple, (1e-3 * np.array([16, 20, 23, 26, 32, 40]),
                                   1e-3 * np.array([66, 74, 84, 92, 100]),
                                   1e-3 * np.array([16, 18, 22, 28, 36]))),
    "MEGA-PRESS": (mega, (1e-3 * np.array([56, 68, 80, 90, 100, 120]), (0.01,), EDITS,
                          (0.014, 0.02))),
}  # fmt: skip


def conditions(act, family):
    """Keywords of a family's sequences in an act.  Where a pulse is selective, crushers help."""
    if act == "scanner":
        return {name: sl.mrs.at_scanner()[name] for name in ("excite", "refocus")}
    selective = family in ("always-on", "triple refocusing", "MEGA-PRESS")
    return {**sl.mrs.ideal(), **({"pathway": "crushers"} if selective else {})}


def others(act, wanted):
    """Everything but the wanted molecule, and how much of it there is in units of the wanted."""
    if act != "all":
        return {"Gln" if wanted == "Glu" else "Glu": 1.0}
    known = {name: sl.mrs.metabolite(name).concentration for name in sl.mrs.METABOLITES}
    return {name: c / known[wanted] for name, c in known.items() if c and name != wanted}


def verdicts(sequence, act, ensemble):
    """Selectivity, dB, and peak (of any phase) for both molecules: {wanted: (members,) each}."""
    names = {"Glu", "Gln"} | set(others(act, "Glu"))
    member = ensemble.offset_hz, ensemble.b1_scale
    seen = {name: sl.mrs.spectra.exact_spectrum(sl.mrs.metabolite(name), sequence, SCANNER, AXIS,
                                                6.0, *member) for name in names}  # fmt: skip
    found = {}
    for wanted, height in HEIGHTS.items():
        parts = [amount * seen[name] for name, amount in others(act, wanted).items()]
        decibels = sl.mrs.selectivity_db(seen[wanted], np.linalg.norm(parts, axis=0), AXIS, WINDOW)
        found[wanted] = decibels, sl.mrs.peak(seen[wanted], AXIS, WINDOW, magnitude=True) / height
    return found


def candidates(act, family):
    """Sequences of the grid of a family, by their numbers."""
    make, grids = FAMILIES[family]
    for numbers in product(*grids):
        try:
            yield tuple(map(float, numbers)), make(*numbers, **conditions(act, family))
        except ValueError:  # no room for the pulses
            continue


def refine(act, family, wanted, start):
    """Nelder and Mead from the numbers of one sequence: better numbers, and their mean in dB."""
    make, scale = FAMILIES[family][0], np.array(start)
    members, steps = (NOMINAL, 10) if act == "all" else (CORNERS, 20)

    def loss(change):
        try:
            numbers = np.abs(scale * (1 + change))
            sequence = make(*numbers, **conditions(act, family))
        except ValueError:
            return 99.0
        decibels, peaks = verdicts(sequence, act, members)[wanted]
        return -decibels.mean() + 200 * max(0.0, LEAST - peaks.mean())

    free = len(start)
    simplex = np.vstack([np.zeros(free), 0.05 * np.eye(free)])
    found = minimize(loss, np.zeros(free), method="Nelder-Mead",
                     options={"maxfev": steps * free, "initial_simplex": simplex})  # fmt: skip
    return np.abs(scale * (1 + found.x)), found.fun


def scanned(act, family):
    """Selectivity and numbers of all that keeps its peak, best last: {wanted: list of pairs}."""
    tried = {"Glu": [], "Gln": []}
    if act == "all":
        two = scanned("two", family).values()
        short = {numbers for found in two for _, numbers in found[-BEST:]}
    for numbers, sequence in candidates(act, family):
        if act != "all" or numbers in short:
            for wanted, (decibels, peaks) in verdicts(sequence, act, NOMINAL).items():
                if peaks[0] >= LEAST:
                    tried[wanted].append((decibels[0], numbers))
    return {wanted: sorted(found) for wanted, found in tried.items()}


def contest(act):
    """Best numbers of every family for both molecules: {wanted: {family: numbers}}."""
    best = {"Glu": {}, "Gln": {}}
    for family in FAMILIES:
        start = time.perf_counter()
        for wanted, found in scanned(act, family).items():
            ends = [refine(act, family, wanted, numbers) for _, numbers in found[-2:]]
            if not ends:
                continue
            numbers, loss = min(ends, key=lambda end: end[1])
            best[wanted][family] = [round(float(number), 5) for number in numbers]
            seconds = time.perf_counter() - start
            print(f"{act:8} {wanted} {family:18} {found[-1][0]:5.1f} -> {-loss:5.1f} dB "
                  f"{best[wanted][family]} {seconds:.0f} s", flush=True)  # fmt: skip
    return best


def sequence_of(act, family, numbers):
    """The sequence of an entry of the file."""
    return FAMILIES[family][0](*numbers, **conditions(act, family))


if __name__ == "__main__":
    for act in sys.argv[1:] or ("two", "all", "scanner"):
        found = contest(act)
        entries = json.loads(PATH.read_text()) if PATH.exists() else {}
        entries[act] = found
        PATH.write_text(json.dumps(entries, indent=1) + "\n")
