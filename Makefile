# Every target sets itself up: a machine needs only make and Python 3.10 or newer.
#
# Set-up happens in .venv, and again only when the list of requirements has changed.
# To use another Python: make PYTHON=python3.12 book

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# Empty files that say "this was installed"; make compares their age with the lists'.
STAMP := $(VENV)/.installed
BROWSER_STAMP := $(VENV)/.installed-browser
SLIDES_STAMP := $(VENV)/.installed-slides

export PIP_DISABLE_PIP_VERSION_CHECK := 1

# Matplotlib's list of fonts is ours alone: one that another program left spoiled in the home
# folder puts a line about each missing font under a figure, and that fails the build. Set-up
# makes the list: where that takes more than five seconds, Matplotlib says so under a figure, too.
export MPLCONFIGDIR := $(CURDIR)/$(VENV)/matplotlib

.DEFAULT_GOAL := help
.PHONY: help test coverage lint book live browser package pdf slides bench size clean

help:
	@echo "make test     check the code's style and run all tests, with the docstrings' examples"
	@echo "make coverage the tests once more, and which lines of the library none of them runs"
	@echo "make book     execute every chapter and build the book into _build/html"
	@echo "make live     put Python for the browser into the built book, for its button \"Run this page here\""
	@echo "make browser  read the built book with a browser, without a network (needs Chromium)"
	@echo "make package  build wheel and sdist, and run the README's example from each, in empty environments"
	@echo "make pdf      the book as one PDF (needs XeLaTeX: see README.md)"
	@echo "make slides   slides of two pages, in _build/slides"
	@echo "make bench    measure speed and accuracy; ONLY=fem runs one part of it"
	@echo "make size     measure how large the library is, against its budgets"
	@echo "make lint     check the code's style alone"
	@echo "make clean    delete what was built (not .venv)"

# Agg: the tests draw figures, but open no window.
test: lint
	MPLBACKEND=Agg $(BIN)/python -m pytest

coverage: $(STAMP)
	MPLBACKEND=Agg $(BIN)/python -m coverage run --source=spinlab -m pytest
	$(BIN)/python -m coverage report --skip-covered --show-missing --fail-under=95

lint: $(STAMP)
	$(BIN)/python -m ruff check .

# The old pages go first and every page is made anew (--all): neither a chapter that was
# removed nor a result from before a change in the library may survive.
# -W, -n: a warning or a dead reference is an error; --keep-going: but list all of them.
book: $(STAMP)
	@rm -rf _build/html
	$(BIN)/jupyter-book build . --all -W --keep-going -n
	@test -f _build/html/index.html || { \
	  echo "Jupyter Book ended without an error, but there is no _build/html/index.html."; exit 1; }
	@echo "The book is built. Open $(CURDIR)/_build/html/index.html in a browser."

# Not -W: LaTeX has warnings of its own about lines that are too long.
pdf: $(STAMP)
	@command -v xelatex >/dev/null && command -v latexmk >/dev/null || { \
	  echo "The PDF needs xelatex and latexmk, which were not found. On Debian or Ubuntu:"; \
	  echo "sudo apt install texlive-xetex texlive-latex-extra texlive-fonts-recommended texlive-fonts-extra fonts-freefont-otf latexmk"; \
	  exit 1; }
	$(BIN)/jupyter-book build . --all --builder pdflatex
	@test -f _build/latex/spinlab.pdf || { echo "There is no _build/latex/spinlab.pdf."; exit 1; }
	@echo "The PDF is _build/latex/spinlab.pdf."

# Without it the button loads Pyodide from its own site.
live: $(STAMP)
	$(BIN)/python book/_ext/make_live.py

# Of the pages that book/_ext/make_slides.py names; it executes them.
slides: $(SLIDES_STAMP)
	$(BIN)/python book/_ext/make_slides.py
	@echo "Open $(CURDIR)/_build/slides/linear-element.html in a browser; S opens the speaker's notes."

# Two at once: most of the time a page is waited for.
browser: $(BROWSER_STAMP)
	$(BIN)/python -m pytest tests/browser -n 2 --dist worksteal

package: $(STAMP)
	$(BIN)/python .ci/package.py

# One thread: times then compare the algorithms, and not how busy the other cores are.
bench: $(STAMP)
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python benchmarks/run.py $(if $(ONLY),--only $(ONLY))

size: $(STAMP)
	$(BIN)/python benchmarks/size.py

clean:
	rm -rf _build .pytest_cache .ruff_cache

$(STAMP): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
	  echo "spinlab needs Python 3.10 or newer, and '$(PYTHON)' is not one."; \
	  echo "Name another one, for example: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "'$(PYTHON)' cannot make virtual environments: it lacks the modules venv or ensurepip."; \
	  echo "On Debian or Ubuntu this helps: sudo apt install python3-venv"; exit 1; }
	@echo "Setting up $(VENV); the first time this takes some minutes."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --upgrade pip
	@$(BIN)/python -m pip install --quiet -r requirements.txt
	@$(BIN)/python -c 'import matplotlib.font_manager'
	@touch $@

$(SLIDES_STAMP): $(STAMP)
	@$(BIN)/python -m pip install --quiet -e '.[slides]'
	@touch $@

$(BROWSER_STAMP): $(STAMP)
	@$(BIN)/python -m pip install --quiet -e '.[browser]'
	@touch $@
