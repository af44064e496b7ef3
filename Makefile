# `make demo` sets up and runs the main job; `make test` sets up and runs the tests. PYTHON=python3.12 picks another Python.
PYTHON ?= python3
# Pinned wherever torch may be installed: another release can bring several GB of GPU packages. `make demo` needs none.
TORCH ?= torch==2.13.0

demo: .venv/demo.done
	.venv/bin/radiokit demo

test: .venv/test.done
	.venv/bin/pytest

lint: .venv/test.done
	.venv/bin/ruff check && .venv/bin/ruff format --check && .venv/bin/lint-imports && .venv/bin/mypy

docs: .venv/docs.done
	.venv/bin/python benchmarks/page.py
	.venv/bin/sphinx-build -W --keep-going -b html docs docs/_build/html

# BENCH="--against earlier.json" compares with an earlier run; see docs/benchmarks.md.
bench: .venv/bench.done
	.venv/bin/python -m benchmarks $(BENCH)

.venv/demo.done: pyproject.toml
	$(PYTHON) -m venv .venv && .venv/bin/pip install -q -e . && touch $@

.venv/test.done: pyproject.toml
	$(PYTHON) -m venv .venv && .venv/bin/pip install -q $(TORCH) -e ".[test,lint,deep]" && touch $@

.venv/docs.done: pyproject.toml
	$(PYTHON) -m venv .venv && .venv/bin/pip install -q -e ".[docs]" && touch $@

# pyradiomics 3.0.1 has to be compiled, with the packages that are already there; a machine without a compiler does without.
.venv/bench.done: pyproject.toml
	$(PYTHON) -m venv .venv && .venv/bin/pip install -q $(TORCH) setuptools wheel -e ".[deep,bench]"
	.venv/bin/pip install -q --no-build-isolation pyradiomics==3.0.1 || echo "pyradiomics cannot be built here: left out"
	touch $@

.PHONY: demo test lint docs bench
