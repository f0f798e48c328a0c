# `make` sets everything up and does the main job; `make test` runs every test; `make help` lists the rest.
# Linux and macOS; Python 3.11 or later: make PYTHON=/path/to/python3 chooses another than the first on PATH.

SHELL := bash
.SHELLFLAGS := -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

READY := .venv/.ready
NODE := node_modules/.ready
HTML := _build/html/index.html
LABS := labs/.ready
BOOK := $(shell find book _config.yml -type f -not -path 'book/vendor/*')
SOLUTIONS := $(shell find solutions -type f -name '*.ipynb')

.PHONY: all setup book labs grade notebooks screenshots bench test lint clean help

all: book labs grade
	@echo
	@echo "The book:       $(HTML)  (open it in a browser)"
	@echo "A lab:          labs/recurrence/recurrence.ipynb  (source .venv/bin/activate && jupyter lab labs/recurrence/recurrence.ipynb)"
	@echo "Feedback:       demo/feedback/ben-one-mistake/recurrence/recurrence.html  (what a student gets)"
	@echo "The gradebook:  demo/gradebook.db  (nbgrader's; the table above comes from it)"
	@echo "Next:           make help, README.md"

help: ## this list
	@echo "make             the book, the labs and a graded demonstration class"
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1|/' | while IFS='|' read -r n t; do printf 'make %-11s %s\n' "$$n" "$$t"; done

# --- what is installed ------------------------------------------------------------------------------------------------

setup: $(READY) ## .venv with everything in requirements.txt

$(READY): requirements.txt pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "make: there is no $(PYTHON); install Python 3.11 or later, or name one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) rnncourse/install.py
	@touch $@

$(NODE): package.json package-lock.json $(READY)
	@echo "book: fetching KaTeX's style sheet and fonts"
	@npm ci --ignore-scripts --no-audit --no-fund >.npm.log 2>&1 || { echo "make: npm can't fetch what package-lock.json names; see .npm.log" >&2; exit 1; }
	@rm -rf book/vendor/katex && mkdir -p book/vendor/katex/fonts
	@cp node_modules/katex/dist/katex.min.css book/vendor/katex/ && cp node_modules/katex/dist/fonts/*.woff2 book/vendor/katex/fonts/
	@rm -f .npm.log; touch $@

# --- the main job -----------------------------------------------------------------------------------------------------

book: $(HTML) ## the HTML book, in _build/html

# Sphinx writes pages whose text changed; a style, script, extension or setting concerns all of them.
ALL_PAGES = $(if $(filter-out %.ipynb %.md,$?),--all)

$(HTML): $(BOOK) $(NODE)
	@echo "book: building the pages"
	@mkdir -p _build && jupyter-book build book --config _config.yml --path-output . -W --keep-going $(ALL_PAGES) 2>&1 \
		| tee _build/book.log | awk '/(reading sources|writing output).*100%/ { gsub(/\033[^m]*m/, ""); print "book: " $$1 " " $$2 " done"; fflush() }' \
		|| { grep -E 'WARNING|ERROR' _build/book.log >&2; echo "make: the book has faults; see _build/book.log" >&2; exit 1; }
	@touch $@

labs: $(LABS) ## labs/ from solutions/, verified: the reference and an empty answer graded as nbgrader alone does and as we do

$(LABS): $(SOLUTIONS) nbgrader_config.py $(READY)
	@rnncourse labs --verify $$(command -v bwrap >/dev/null || echo --no-isolation)
	@touch $@

grade: $(LABS) ## grade the demonstration class in demo/
	@python -m tests.mistakes.classroom demo
	@command -v bwrap >/dev/null || echo "grade: no bubblewrap here, so the demonstration class, our own code, runs without isolation"
	@rnncourse grade --course demo $$(command -v bwrap >/dev/null || echo --no-isolation) || [ $$? -eq 3 ]  # 3: some need a person

notebooks: $(READY) ## re-execute the chapters in place
	@rnncourse notebooks

screenshots: $(HTML) ## the README's picture anew, from the built book
	@python -m tests.browser.screenshots

bench: $(READY) ## measure the speed of the library against its peers
	@for script in benchmarks/*.py; do python "$$script"; done

# --- tests: fast ones first -------------------------------------------------------------------------------------------

test: lint $(HTML) $(LABS) ## all tests: package, labs, notebooks, browser
	pytest tests -n 2 --dist loadfile --ignore tests/browser --ignore tests/grading --ignore tests/test_labs.py
	pytest tests/grading tests/test_labs.py
	pytest -n 2 --dist loadfile --nbval --nbval-sanitize-with tests/nbval.cfg --nbval-kernel-name python3 book
	pytest -n 2 --dist loadfile --nbval-lax --nbval-kernel-name python3 solutions
	pytest -n 2 tests/browser

lint: $(READY)
	@ruff check --quiet .
	@ruff format --quiet --check rnncourse/grading
	@lint-imports --no-logo >.imports.log || { cat .imports.log >&2; exit 1; }
	@rm .imports.log

clean: ## remove what was built, but not .venv
	@rm -rf _build demo node_modules book/vendor labs/.ready .npm.log
