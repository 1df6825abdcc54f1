# Every command does its own set-up in .venv; a stamp file makes the second time quick.
#   make demo    train a real network and watch it in the browser      (Python 3.11+ with venv is all it needs)
#   make test    all tests, in a real browser too      make check  lint, types, import rules, generated files
#   make fuzz    search for inputs that break it       make clean  remove what make made
#   make dev     server with reload + Vite             make bench  benchmarks/RESULTS.md        make docs  site/
.DEFAULT_GOAL := help
.PHONY: help demo test fuzz test-page pictures check format schema dev bench docs screenshot page browser clean setup

PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11 python3.14 python; do \
  "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && command -v "$$name" && break; done)
VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
PIP := $(PY) -m pip --disable-pip-version-check -qq
NPM := $(PY) scripts/build_page.py npm
ARGS ?=

help:  ## Say what there is.
	@sed -n '2,6p' Makefile | cut -c3-

$(PY):
	@test -n "$(PYTHON)" || { echo "netscope needs Python 3.11 or newer; none of python3, python3.11 … python3.14 is. \
	Install one, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "making $(VENV) with $(PYTHON)"
	@"$(PYTHON)" -m venv $(VENV) || { rm -rf $(VENV); echo "$(PYTHON) has no venv: on Debian and Ubuntu, apt install python3-venv" >&2; exit 1; }

# What decides the packages; sources are installed editable and need no stamp.
PACKAGES := pyproject.toml constraints.txt hatch_build.py | $(PY)

$(VENV)/demo.stamp: $(PACKAGES)
	@echo "installing netscope, its page and PyTorch (a few minutes the first time)"
	@$(PIP) install --constraint constraints.txt --editable '.[demo]'
	@touch $@

$(VENV)/dev.stamp: $(PACKAGES)
	@echo "installing netscope and all its tools (a few minutes the first time)"
	@$(PIP) install --constraint constraints.txt --editable '.[dev]'
	@touch $@ $(VENV)/demo.stamp

# The page is rebuilt when its sources changed; Node comes from a wheel in pip's own build environment.
page: | $(PY)
	@! $(PY) scripts/build_page.py --stale || { echo "building the page"; $(PIP) install --no-deps --editable .; }

demo: $(VENV)/demo.stamp page  ## Train a real network and watch it.
	@$(BIN)/netscope demo $(ARGS)

setup: $(VENV)/dev.stamp page

browser: $(VENV)/dev.stamp
	@$(PY) scripts/find_browser.py --install

# Two workers; a file stays with one of them, which starts what its tests share (a browser, PostgreSQL, a demo) once.
test: setup browser  ## Everything that can be proved.
	@$(PY) -m pytest --numprocesses 2 --dist loadfile $(ARGS)

# The fuzzers with inputs of their own each time, for as long as it takes; commit what they find as an @example.
fuzz: setup browser  ## Search for inputs that break something.
	@NETSCOPE_FUZZ=$${NETSCOPE_FUZZ:-1} $(PY) -m pytest --numprocesses 2 -m "hypothesis or fuzz" --timeout 3600 $(ARGS)

test-page: setup browser
	@$(PY) -m pytest tests/page $(ARGS)

pictures: setup browser  ## What tests/page/test_look.py compares with; look at them before you commit them.
	@NETSCOPE_PICTURES=write $(PY) -m pytest -q tests/page/test_look.py

web/node_modules/.lock-digest: web/package-lock.json $(VENV)/dev.stamp
	@$(PY) scripts/build_page.py packages
	@touch $@

check: setup web/node_modules/.lock-digest  ## Lint, types, import rules, generated files.
	@$(PY) scripts/check.py $(ARGS)

format: $(VENV)/dev.stamp
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format --quiet .

schema: $(VENV)/dev.stamp  ## Write web/src/api/schema.gen.ts from schema/.
	@$(PY) scripts/schema_ts.py

dev: setup web/node_modules/.lock-digest  ## Server that reloads, and Vite in front of it.
	@$(PY) scripts/dev.py $(ARGS)

docs: setup  ## The documentation, in site/.
	@NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --strict --quiet
	@echo "site/index.html"

# The peers have a venv of their own, which sees netscope's packages: a second PyTorch would be gigabytes.
benchmarks/.venv/stamp: benchmarks/requirements.txt $(VENV)/dev.stamp
	@$(PY) -m venv benchmarks/.venv
	@$(PY) -c "import sysconfig; print(f'import site; site.addsitedir({sysconfig.get_path(\"purelib\")!r})')" > "$$(benchmarks/.venv/bin/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")/netscope_packages.pth"
	@benchmarks/.venv/bin/python -m pip --disable-pip-version-check -qq install --requirement benchmarks/requirements.txt
	@touch $@

bench: setup browser benchmarks/.venv/stamp  ## Netscope and its peers side by side: benchmarks/RESULTS.md.
	@benchmarks/.venv/bin/python -m benchmarks $(ARGS)

screenshot: setup browser  ## The README's picture, of the real demo.
	@$(PY) scripts/screenshot.py $(ARGS)

clean:
	rm -rf $(VENV) benchmarks/.venv web/node_modules src/netscope/show/page site dist
