# Needs python3 (3.11 or newer), pip and make. All else goes into .venv.
#   make lab     open the labs in JupyterLab       make lab ARGS=--no-browser
#   make test    everything that must hold         make quick leaves out the slow parts
PYTHON ?= python3
WORKERS ?= 2
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup

.PHONY: lab test quick check bench clean

lab: .venv/lab.stamp
	@$(BIN)/mipflow lab $(ARGS)

test: check
	$(PYTEST) $(ARGS)

quick: check
	$(PYTEST) -m "not slow" $(ARGS)

check: .venv/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: .venv/dev.stamp
	$(BIN)/python -m tests.benchmarks $(ARGS)

.venv/lab.stamp: pyproject.toml | $(BIN)/pip
	@echo "Installing mipflow and JupyterLab into .venv: about a minute, once."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

.venv/dev.stamp: pyproject.toml | $(BIN)/pip
	@echo "Installing mipflow, JupyterLab and the test tools into .venv: about a minute, once."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ .venv/lab.stamp

# Debian's python3 makes no complete environment without the package python3-venv; its pip can complete one.
$(BIN)/pip:
	@command -v $(PYTHON) >/dev/null || \
	  { echo "mipflow needs Python 3.11 or newer, and '$(PYTHON)' is not here: install python3, or name another with make PYTHON=..."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "mipflow needs Python 3.11 or newer, and '$(PYTHON)' is $$($(PYTHON) --version 2>&1): name a newer one, such as make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv --clear .venv >/dev/null 2>&1 || \
	  { $(PYTHON) -m venv --clear --without-pip .venv && $(PYTHON) -m pip --python $(BIN)/python install --quiet pip; } || \
	  { rm -rf .venv; echo "'$(PYTHON)' cannot make a virtual environment: install its venv and pip (Debian, Ubuntu: apt install python3-venv python3-pip)"; exit 1; }

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
