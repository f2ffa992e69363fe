"""What a reader does on a page that runs: starts it, edits cells, runs them, answers exercises."""

import re

from playwright.sync_api import expect

#: Seconds that a step may take on a busy machine; benchmarks/live.py measures how fast pages are.
PATIENCE = 300
expect.set_options(timeout=30e3)
#: What never ends; and such a call of compiled code, which does not hear of a stop.
LOOP = "print('on its way')\nwhile True: pass"
DEAF = "print('on its way')\nsum(range(10**15))"


def offered(page, url):
    """Open a page; its button."""
    page.goto(url)
    return page.get_by_role("button", name="Run this page here")


def start(page, url):
    """Open a page and start it; the first cell has run then."""
    offered(page, url).click()
    idle(page)


def idle(page, seconds=PATIENCE):
    """Wait until nothing runs."""
    busy = page.locator(".live-bar.live-busy, .live-running")
    expect(busy).to_have_count(0, timeout=1e3 * seconds)


def status(page):
    """What the bar says."""
    return page.locator(".live-status").inner_text()


def cell(page, number):
    """A cell of a page, by the number it has there: box, unfolded."""
    box = page.locator("div.cell:has(.cell_input)").nth(number - 1)
    box.locator("details").evaluate_all("all => all.forEach(e => { e.open = true; })")
    return box


def write(box, code):
    """Replace the code of a cell or an answer."""
    box.locator("pre[contenteditable]").fill(code)


def run(page, number, code=None):
    """Run a cell, with other code if given; its box."""
    box = cell(page, number)
    if code is not None:
        write(box, code)
    box.get_by_role("button", name=re.compile("^Run:")).click()
    idle(page)
    return box


def begin(page, number, code):
    """Run a cell that says that it is on its way, and will not end; its box."""
    box = cell(page, number)
    write(box, code)
    box.get_by_role("button", name=re.compile("^Run:")).click()
    expect(box.locator(".cell_output")).to_have_text(re.compile(r"^\s*on its way\s*$"))
    return box


def stop(page):
    """Stop what runs; what the bar says then."""
    page.get_by_role("button", name="Stop").click()
    idle(page)
    return status(page)


def shown(box):
    """Text of what a cell shows."""
    return box.locator(".cell_output").inner_text().strip()


def run_all(page):
    """Run all cells; what went wrong, a line for each cell that did not end well."""
    page.get_by_role("button", name="Run all").click()
    idle(page, 6 * PATIENCE)
    return page.evaluate("""() => [...document.querySelectorAll("div.cell:has(.live-state)")]
        .filter(box => !/ s$/.test(box.querySelector(".live-state").textContent))
        .map(box => `${box.querySelector(".live-tools").getAttribute("aria-label")}: `
            + (box.querySelector(".live-error")?.textContent ?? "not run"))""")


def check(page, label, code):
    """Put an answer into the box of an exercise and check it: what the page says of it."""
    exercise = page.locator(f"#{label}")
    write(exercise, code)
    exercise.get_by_role("button", name="Check").click()
    verdict = exercise.locator(".live-verdict")
    expect(verdict).to_have_text(re.compile("[✓✗] "), timeout=1e3 * PATIENCE)
    return verdict.inner_text()
