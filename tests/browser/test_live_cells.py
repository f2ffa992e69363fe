"""A page that runs, as a reader uses it: buttons and keys, stop, sliders, answers; and its walls."""

import json
import re

import pytest
from served import NO_PACK, PACK, watched

if not PACK.exists():
    pytest.skip(NO_PACK, allow_module_level=True)

from live_page import (
    DEAF,
    LOOP,
    begin,
    cell,
    check,
    idle,
    offered,
    run,
    run_all,
    shown,
    start,
    status,
    stop,
    write,
)  # fmt: skip
from playwright.sync_api import expect
from test_book import OVERFLOW, open_page, our_violations

from spinlab.teaching.grade import grade

SPIN = "book/chapter1/spin.html"
ONE_THEME = pytest.mark.parametrize("page", ["light"], indirect=True)
#: Cells of chapter1/spin: its slider, one without output, one that prints, its sliders of a formula.
SLIDER, SILENT, PRINTS, FORMULA = 2, 4, 8, 23


@pytest.fixture(scope="module")
def started(browser, base_url):
    """The page about a spin, started once for all tests that leave Python running."""
    context = browser.new_context()
    page = watched(context.new_page(), base_url)
    start(page, base_url + SPIN)
    assert status(page) == "Ready."
    yield page
    context.close()


@pytest.fixture
def spin(started):
    """The started page, its cells as in the book."""
    yield started
    assert started.problems == []
    for button in started.locator("button[aria-label^='Reset: cell']").all():
        button.evaluate("e => e.click()")  # some are folded


def code(box):
    return box.locator("pre[contenteditable]").inner_text().rstrip("\n")


def states(page):
    return page.locator(".live-state").all_inner_texts()


# --- buttons and keys --------------------------------------------------------------------


def test_cells_share_their_names_and_show_what_they_return(spin):
    run(spin, SILENT, "held = 6\nprint('printed')\nheld + 1")
    assert shown(cell(spin, SILENT)).split() == ["printed", "7"]
    assert shown(run(spin, PRINTS, "held * 7")) == "42"
    assert shown(run(spin, PRINTS, "held * 8")) == "48", "an edited cell shows its new result"
    assert spin.problems == []


def test_keys(spin):
    first, second = cell(spin, SILENT), cell(spin, SILENT + 1)
    write(first, "'first'")
    write(second, "'second'")
    editor, below = (box.locator("pre[contenteditable]") for box in (first, second))
    editor.press("Control+Enter")
    expect(first.locator(".cell_output")).to_have_text("'first'")
    expect(editor).to_be_focused()
    editor.press("Shift+Enter")
    expect(below).to_be_focused()
    below.press("Shift+Enter")
    expect(second.locator(".cell_output")).to_have_text("'second'")
    editor.press("Escape")
    expect(editor).not_to_be_focused()
    spin.keyboard.press("Tab")
    expect(first.locator("button:focus")).to_have_count(1)
    assert code(first) == "'first'" and spin.problems == []


def test_shift_enter_unfolds_the_next_cell(spin):
    """A reader who runs a page by the keyboard sees what runs next."""
    box = cell(spin, SLIDER - 1)
    folded = spin.locator("div.cell:has(.cell_input)").nth(SLIDER - 1)
    assert folded.locator("details").count() == 1
    box.locator("pre[contenteditable]").press("Shift+Enter")
    expect(folded.locator("pre[contenteditable]")).to_be_focused()


def test_an_editor_indents(spin):
    editor = cell(spin, SILENT).locator("pre[contenteditable]")
    editor.fill("")
    editor.press_sequentially("for k in range(2):\nprint(k)\n")
    editor.press_sequentially("print(-k)")
    assert code(cell(spin, SILENT)) == "for k in range(2):\n    print(k)\n    print(-k)"
    editor.press("Tab")
    assert code(cell(spin, SILENT)).endswith("print(-k)    ")
    editor.press("Control+Enter")
    expect(cell(spin, SILENT).locator(".cell_output")).to_have_text(re.compile(r"0\s+0\s+1\s+-1"))


def test_what_is_pasted_is_plain_text(spin):
    editor = cell(spin, SILENT).locator("pre[contenteditable]")
    editor.fill("")
    editor.evaluate("""pre => {
        const clipboardData = new DataTransfer();
        clipboardData.setData("text/html", "<b onclick='alert(1)'>1 +\\n    2</b>");
        clipboardData.setData("text/plain", "(1 +\\n    2)");
        pre.focus();
        pre.dispatchEvent(new ClipboardEvent("paste", { clipboardData, cancelable: true }));
    }""")
    assert code(cell(spin, SILENT)) == "(1 +\n    2)" and editor.locator("b").count() == 0
    assert shown(run(spin, SILENT)) == "3"


def test_run_to_here_runs_each_cell_above_once(spin):
    counted = "count = globals().get('count', 0) + 1\nprint(count)"
    for number in (2, 3, 4):
        write(cell(spin, number), counted)
    to_here = cell(spin, 4).get_by_role("button", name="Run to here")
    to_here.click()
    idle(spin)
    assert [shown(cell(spin, number)) for number in (2, 3, 4)] == ["1", "2", "3"]
    to_here.click()
    idle(spin)
    assert [shown(cell(spin, number)) for number in (2, 3, 4)] == ["1", "2", "4"]
    write(cell(spin, 2), counted + "  # edited")
    to_here.click()
    idle(spin)
    assert [shown(cell(spin, number)) for number in (2, 3, 4)] == ["5", "2", "6"]


@ONE_THEME
def test_reset_brings_back_the_book(page, base_url):
    button = offered(page, base_url + SPIN)
    as_printed = """() => [...document.querySelectorAll("div.cell")].map(box => [
        box.querySelector(".cell_input pre").innerHTML,
        box.querySelector(".cell_output")?.outerHTML ?? null])"""
    page.wait_for_function("() => window.MathJax?.startup?.promise?.then(() => true)")
    page.locator("[data-ready]").first.wait_for()
    printed = page.evaluate(as_printed)
    button.click()
    idle(page)
    changed = (SLIDER, SILENT, PRINTS)
    for number in changed:
        box = run(page, number, f"print('changed {number}')")
        assert shown(box) == f"changed {number}"
    cell(page, PRINTS).get_by_role("button", name="Reset").click()
    now = page.evaluate(as_printed)
    assert now[PRINTS - 1] == printed[PRINTS - 1] and now[SILENT - 1] != printed[SILENT - 1]
    page.get_by_role("button", name="Reset page").click()
    assert page.evaluate(as_printed) == printed and set(states(page)) == {""}
    assert status(page) == "As in the book." and page.problems == []
    assert shown(run(page, SILENT, "'held' in globals()")) == "False"


def test_an_error_is_short_and_unfolds_its_cell(spin):
    box = spin.locator("div.cell:has(.cell_input)").nth(0)
    run(spin, 1, "import numpy as np\n\ndef f(x):\n    return np.fft.fft(x)\n\nf([])")
    first, second, library, said = shown(box).splitlines()
    assert first == "cell 1, line 6: f([])"
    assert second == "cell 1, line 4: return np.fft.fft(x)" and "numpy/fft" in library
    assert said.startswith("ValueError: Invalid number of FFT data points")
    assert status(spin) == "Cell 1 ended with an error." and states(spin)[0] == "error"
    write(box, "1 / 0")
    box.locator("details").evaluate("e => { e.open = false; }")
    spin.get_by_role("button", name="Run all").click()
    idle(spin)
    expect(box.locator(".live-error")).to_be_visible()
    assert box.locator("details").evaluate("e => e.open") and spin.problems == []
    assert states(spin)[1] == "", "no cell is run after one that failed"


# --- stop --------------------------------------------------------------------------------


DESIGN = """import spinlab as sl
problem = sl.Problem("Iz", "Ix", duration=50e-6, steps=50, rf_hz=10e3)
def wait(now):
    print("on its way")
    while True: pass
print(sl.design(problem, callback=wait).message)"""


def test_stop_ends_what_never_ends_and_keeps_what_was_computed(spin):
    run(spin, SILENT, "held = 1")
    box = begin(spin, PRINTS, LOOP)
    cell(spin, SILENT).get_by_role("button", name="Run:").click()  # waits for its turn
    write(cell(spin, SILENT), "held = 2")
    assert stop(spin) == "Stopped. What was computed is kept."
    assert shown(box).splitlines()[-2:] == ["cell 8, line 2: while True: pass", "KeyboardInterrupt"]
    expect(box.locator(".live-state")).to_have_text("stopped")
    assert stop(spin) == "Nothing runs."
    assert shown(run(spin, PRINTS, "held")) == "1", "what waited is stopped, too"


def test_a_design_that_is_stopped_gives_the_best_so_far(spin):
    box = begin(spin, PRINTS, DESIGN)
    assert stop(spin) == "Stopped. What was computed is kept."
    assert shown(box).split("\n")[1] == "Interrupted; this is the best so far."
    assert shown(run(spin, SILENT, "problem.steps")) == "50"


def test_a_check_that_never_ends_is_stopped(spin):
    exercise = spin.locator("#ex-weak")
    write(exercise, "while True: pass\n1")
    exercise.get_by_role("button", name="Check").click()
    spin.wait_for_timeout(500)
    assert stop(spin) == "Stopped. What was computed is kept."
    expect(exercise.locator(".live-verdict")).to_have_text("✗ Stopped before it was judged.")
    write(exercise, "")


@ONE_THEME
def test_what_does_not_hear_of_a_stop_is_ended_and_python_starts_anew(page, base_url):
    start(page, base_url + SPIN)
    run(page, SILENT, "held = 1")
    box = begin(page, PRINTS, DEAF)
    assert stop(page) == "Python has started anew: nothing has been run yet."
    expect(box.locator(".live-state")).to_have_text("stopped")
    assert page.locator("iframe").count() == 1
    assert shown(run(page, PRINTS, "'held' in globals()")) == "False" and page.problems == []


@ONE_THEME
def test_stop_while_python_loads(page, base_url):
    page.goto(base_url + SPIN)
    page.get_by_role("button", name="Run this page here").click()
    page.get_by_role("button", name="Stop").click()
    assert status(page) == "Stopped. The next run starts Python anew."
    assert shown(run(page, SILENT, "6 * 7")) == "42" and page.problems == []


# --- sliders -----------------------------------------------------------------------------

LINES = "box => [...box.querySelectorAll('svg path')].map(e => e.getAttribute('d')).join()"


def moved(box, key):
    """What a figure shows after a key was pressed on its slider, as lines."""
    slider = box.locator("input[type=range]").first
    slider.focus()
    slider.press(key)
    expect(box.locator("spin-explore")).to_have_attribute("data-frame", slider.input_value())
    return box.evaluate(LINES)


@ONE_THEME
def test_a_slider_follows_the_function_that_was_edited(page, base_url):
    open_page(page, base_url + SPIN)
    book = page.locator("div.cell:has(.cell_input)").nth(SLIDER - 1)
    caption = book.locator("figcaption").text_content()
    slider = book.locator("input[type=range]")
    slider.focus()
    slider.press("ArrowRight")
    place, in_the_book = slider.input_value(), book.evaluate(LINES)
    page.get_by_role("button", name="Run this page here").click()
    idle(page)
    box = cell(page, SLIDER)
    source = code(box)
    run(page, SLIDER, source.replace("rf_hz=10e3", "rf_hz=6e3"))
    assert source != code(box)
    before = box.evaluate(LINES)
    after = moved(box, "ArrowRight")
    assert slider.input_value() == place
    assert after != before and after != in_the_book
    assert moved(box, "ArrowLeft") == before, "the frame was kept"
    assert box.locator("figure figcaption").text_content() == caption
    assert "Fig. 1.1 " in caption and box.locator("#fig-spin-offset").count() == 1
    assert page.problems == []


def test_a_slider_of_a_formula_follows_too(spin):
    box = cell(spin, FORMULA)
    caption = box.locator("figcaption").text_content()
    assert run_all(spin) == []
    curve = "box => box.querySelector('[id$=\"-curve0\"] path').getAttribute('d')"
    before = box.evaluate(curve)
    run(spin, FORMULA, code(box).replace("sp.exp(-t / fast)", "sp.exp(-t / fast) / 2"))
    expect(box.locator("spin-formula")).to_have_attribute("data-ready", "1")
    at_start = box.evaluate(curve)
    slider = box.locator("input[type=range]").last
    slider.focus()
    slider.press("End")
    assert before != at_start != box.evaluate(curve)
    assert box.locator("figure figcaption").text_content() == caption and spin.problems == []


def test_the_play_button_plays(spin):
    run(spin, 1)
    box = run(spin, SILENT, PLAYED)
    before = box.evaluate(LINES)
    box.get_by_role("button", name="Play").click()
    expect(box.get_by_role("button", name="Pause")).to_be_visible()
    expect(box.locator("spin-explore")).to_have_attribute("data-frame", "15", timeout=30_000)
    expect(box.get_by_role("button", name="Play")).to_be_visible()
    assert box.locator("output").inner_text() == "16" and box.evaluate(LINES) != before


# Sixteen frames: with four, a busy machine looked for "Pause" when all was over.
PLAYED = """def draw(height):
    fig, ax = plt.subplots()
    ax.plot([0, 1], [0, height])
    ax.set(ylim=(0, 17))
    return fig


sl.explore(draw, alt="A line.", height=list(range(1, 17)), play="height")"""


# --- answers -----------------------------------------------------------------------------


def test_answers_are_kept_counted_and_cleared(spin):
    run(spin, 1)
    done = spin.locator(".live-done")
    assert done.inner_text() == "Exercises done: 0 of 2"
    assert check(spin, "ex-weak", "'I1z + I2z'") == "✓ Right."
    wrong = check(spin, "ex-sign", "[0, -1, 0]")
    assert wrong.startswith("✗") and done.inner_text() == "Exercises done: 1 of 2"
    spin.reload()
    spin.get_by_role("button", name="Run this page here").click()
    assert done.inner_text() == "Exercises done: 1 of 2"
    assert code(spin.locator("#ex-weak")) == "'I1z + I2z'"
    assert spin.locator("#ex-sign .live-verdict").inner_text() == wrong
    write(spin.locator("#ex-weak"), "'I1z'")
    assert done.inner_text() == "Exercises done: 0 of 2", "an edited answer is not judged yet"
    spin.once("dialog", lambda dialog: dialog.accept())
    spin.get_by_role("button", name="Clear answers").click()
    assert code(spin.locator("#ex-sign")) == "" and spin.evaluate("localStorage.length") == kept(spin)
    assert spin.problems == []


def kept(page):
    """How many entries of the browser's storage are not answers."""
    return page.evaluate("Object.keys(localStorage).filter(k => !/^spinlab-answer/.test(k)).length")


def test_the_download_is_graded_as_the_page_judged(spin, tmp_path):
    answers = {"ex-weak": "spins = 'I1z', 'I2z'\n' + '.join(spins)", "ex-sign": "[0, 0, 2]"}
    judged = {label: check(spin, label, answer) for label, answer in answers.items()}
    with spin.expect_download() as download:
        spin.get_by_role("button", name="Download answers").click()
    assert download.value.suggested_filename == "spin-answers.ipynb"
    download.value.save_as(tmp_path / "spin.ipynb")
    cells = json.loads((tmp_path / "spin.ipynb").read_text("utf-8"))["cells"]
    assert len(cells) == len(states(spin)) + 2 and spin.problems == []
    rows = {name: f"{'✗✓'[right]} {said}" for _, name, right, said in grade(tmp_path, 120)}
    assert rows == judged and "✓ Right." in judged.values() and "Right." in str(judged)


# --- look --------------------------------------------------------------------------------


def test_a_started_page_fits_a_phone_and_is_accessible(page, base_url):
    page.set_viewport_size({"width": 390, "height": 800})
    open_page(page, base_url + SPIN)
    page.get_by_role("button", name="Run this page here").click()
    idle(page)
    for number in (SLIDER, SILENT):
        run(page, number)
    run(page, PRINTS, "1 / 0  # " + "a long line " * 12)
    check(page, "ex-sign", "[0, -1, 0]")
    used, culprits = page.evaluate(OVERFLOW)
    assert used <= 391, culprits
    assert page.problems == []  # axe-core asks for style sheets by itself
    assert our_violations(page) == []
