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
	.venv/bin/sphinx-build -W --keep-going -b html docs docs/_build/html

bench: .venv/test.done
	for script in benchmarks/bench_*.py; do .venv/bin/python $$script || exit 1; done

.venv/demo.done: pyproject.toml
	$(PYTHON) -m venv .venv && .venv/bin/pip install -q -e . && touch $@

.venv/test.done: pyproject.toml
	$(PYTHON) -m venv .venv && .venv/bin/pip install -q $(TORCH) -e ".[test,lint,deep]" && touch $@

.venv/docs.done: pyproject.toml
	$(PYTHON) -m venv .venv && .venv/bin/pip install -q -e ".[docs]" && touch $@

.PHONY: demo test lint docs bench
