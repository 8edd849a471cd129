# Needs python3 (3.11 or newer), pip and make. All else goes into .venv, and for make lowest into .venv-lowest.
#   make lab     open the labs in JupyterLab       make lab ARGS=--no-browser
#   make test    everything that must hold         make quick what a minute can hold
#   make lowest  what a library can change, but the slow parts and the labs, on the lowest versions that are allowed
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest --dist loadgroup
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

# Each kernel and program that a test starts would compile mipflow anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: lab test quick lowest quick-on-lowest check bench clean

lab: $(VENV)/lab.stamp
	@$(BIN)/mipflow lab $(ARGS)

# One worker more than processors: those with a JupyterLab wait for it half of their time.
test: check
	$(PYTEST) -n $(or $(WORKERS),3) $(ARGS)

quick: check
	$(PYTEST) -n $(or $(WORKERS),2) -m "not slow and not longer" $(ARGS)

lowest:
	@$(MAKE) --no-print-directory VENV=.venv-lowest quick-on-lowest

# Learners' functions need no library that has a lowest version; what judges and draws them does, and is tried. A room
# that imports none meets them through others, whose tests are all here.
quick-on-lowest: $(VENV)/lowest.stamp
	$(PYTEST) -n $(or $(WORKERS),2) -m "not slow and not pure" --ignore=tests/labs $(ARGS)

check: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(VENV)/dev.stamp
	$(BIN)/python -m tests.benchmarks $(ARGS)

$(VENV)/lab.stamp: pyproject.toml | $(BIN)/pip
	@echo "Installing mipflow and JupyterLab into $(VENV): about a minute, once."
	@$(PIP) --editable .
	@touch $@

$(VENV)/dev.stamp: pyproject.toml | $(BIN)/pip
	@echo "Installing mipflow, JupyterLab and the test tools into $(VENV): about a minute, once."
	@$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/lab.stamp

$(VENV)/lowest.stamp: $(VENV)/lowest.txt | $(BIN)/pip
	@echo "Installing mipflow on the lowest versions that it allows into $(VENV): about a minute, once."
	@$(PIP) --constraint $< --editable '.[dev]'
	@touch $@

# The lowest version of each dependency that names one: a line "name>=version" becomes name==version.
$(VENV)/lowest.txt: pyproject.toml | $(BIN)/pip
	@sed -nE 's/^ *"([A-Za-z0-9_.-]+)>=([0-9.]+).*/\1==\2/p' $< > $@

# Debian's python3 makes no complete environment without the package python3-venv; its pip can complete one.
$(BIN)/pip:
	@command -v $(PYTHON) >/dev/null || \
	  { echo "mipflow needs Python 3.11 or newer, and '$(PYTHON)' is not here: install python3, or name another with make PYTHON=..."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "mipflow needs Python 3.11 or newer, and '$(PYTHON)' is $$($(PYTHON) --version 2>&1): name a newer one, such as make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV) >/dev/null 2>&1 || \
	  { $(PYTHON) -m venv --clear --without-pip $(VENV) && $(PYTHON) -m pip --python $(BIN)/python install --quiet pip; } || \
	  { rm -rf $(VENV); echo "'$(PYTHON)' cannot make a virtual environment: install its venv and pip (Debian, Ubuntu: apt install python3-venv python3-pip)"; exit 1; }

clean:
	rm -rf .venv .venv-lowest build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
