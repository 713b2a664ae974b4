# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
READY := $(VENV)/ready

.PHONY: setup demo test coverage docs bench bundle clean

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	test -x $(RUN) || $(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt torch==$$(sed -n 's/^torch==//p' constraints.txt)
	$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

demo: $(READY)
	$(RUN) -m lacbed_gan.train

test: $(READY)
	$(RUN) -m ruff check .
	$(VENV)/bin/lint-imports --no-cache
	$(RUN) -m mypy
	$(RUN) -m pytest -n 2 --dist loadfile --no-loadscope-reorder --durations=10

# The documentation as HTML; a warning is an error.
docs: $(READY)
	$(RUN) -m sphinx -W --keep-going -b html docs docs/_build/html

# The tests again, with the lines of the package that they run.
coverage: $(READY)
	$(RUN) -m pytest -n 2 --dist loadfile --no-loadscope-reorder --cov --cov-report=term

# The generator against dense eigen-solutions and the felix method (some minutes); on a GPU crystals per second too.
bench: $(READY)
	OMP_NUM_THREADS=1 $(RUN) experiments/simulator_speed/run.py

# The pairs that ship in the package (half an hour of two cores).
bundle: $(READY)
	$(RUN) -m lacbed_gan.simulate structures=bundled count=1000 g_max=3.0 output=stores/bundled
	$(RUN) -c "from lacbed_gan.store.packed import BUNDLED, pack; from lacbed_gan.store.store import Store; pack(Store.open('stores/bundled'), BUNDLED)"

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache build dist docs/_build
