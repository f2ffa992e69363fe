"""A server for the built book, and a browser without a network."""

import pytest
from served import (
    BOOK,
    BROWSERS,
    CHROMIUM_FLAGS,
    NO_PACK,
    PACK,
    installed_browser,
    serving,
    watched,
)


@pytest.fixture(scope="session")
def base_url():
    """Serve the built book; its address ends in a slash."""
    with serving(BOOK) as server:
        yield server.url


@pytest.fixture(scope="session")
def browser():
    from playwright.sync_api import sync_playwright

    found = installed_browser()
    if not found:
        pytest.fail(f"No browser: set CHROME_BIN or install one of {', '.join(BROWSERS)}.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


@pytest.fixture(params=["light", "dark"])
def page(request, browser, base_url):
    """A fresh page in the reader's light or dark theme.

    ``page.problems`` collects what a reader would not see: errors in the console, and
    requests to other machines, which fail.
    """
    context = browser.new_context(color_scheme=request.param)
    yield watched(context.new_page(), base_url)
    context.close()


def pytest_terminal_summary(terminalreporter):
    """What was left out must not be overlooked."""
    if BOOK.exists() and not PACK.exists():
        terminalreporter.write_line(f"WARNING: {NO_PACK}", red=True, bold=True)
