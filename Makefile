# The commands of this project. Each works alone, in a fresh clone.
#   make demo    try it: everything on this machine, with sample people      (PORT=8123 DATA=path)
#   make test    all tests, real Chromium included                           (ARGS="-k word", COVERAGE=1)
#   make check   look for mistakes, change nothing      make fix    mend what can be mended by itself
#   make bench   measure                                make clean  remove set-up and data
#   make audit   look for known holes in dependencies (ONLINE=1)   make sbom    what it is made of
#   make install only set up .venv

PORT ?= 8000
DATA ?= .local/demo
ARGS ?=
# One more than two cores: the longest tests wait for the clock most of the time.
WORKERS ?= 3

# Every process of ours would compile all it imports again: 3.4 s instead of 1.2 s to start one.
unexport PYTHONDONTWRITEBYTECODE

SHELL := /bin/bash
PYTHON := .venv/bin/python
# A changed lock or Python version has another stamp, so .venv follows by itself.
STAMP := .venv/.installed-$(shell cat requirements.lock .python-version | cksum | cut -d' ' -f1)

# Settings as in production, for checks that start nothing.
PRODUCTION := DJANGO_ENV=production SECRET_KEY=for-looking-at-settings-only-it-signs-nothing-0123456789 \
	FIELD_ENCRYPTION_KEYS=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef \
	DATABASE_URL=postgres://nobody@127.0.0.1:1/nothing DATABASE_POOL_SIZE=0 REDIS_URL=redis://127.0.0.1:1/0 \
	ALLOWED_HOSTS=groups.example.org SITE_URL=https://groups.example.org MAIL_HOST=localhost

.DEFAULT_GOAL := help
.PHONY: help install demo test check fix bench audit sbom clean

help:
	@sed -n 's/^#   //p' Makefile

install: $(STAMP)

$(STAMP): | requirements.lock
	@tools/install
	@touch $@

demo: install
	@DJANGO_ENV=demo $(PYTHON) manage.py demo --port "$(PORT)" --data "$(DATA)"

test: install
	@chromium="$$($(PYTHON) -m tests.chromium)" || exit 1; \
	export CHROMIUM="$$chromium"; \
	if [ -z "$(COVERAGE)" ]; then exec $(PYTHON) -m pytest -n $(WORKERS) $(ARGS); fi; \
	mkdir -p .local/coverage; rm -f .local/coverage/*; \
	$(PYTHON) -m coverage run -m pytest -n $(WORKERS) $(ARGS); result=$$?; \
	$(PYTHON) -m coverage combine -q && $(PYTHON) -m coverage report; exit $$result

check: install
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/lint-imports --no-cache
	$(PRODUCTION) $(PYTHON) -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run
	$(PRODUCTION) $(PYTHON) manage.py check --deploy --fail-level WARNING
	$(PRODUCTION) .venv/bin/mypy
	.venv/bin/djlint --lint --quiet templates

fix: install
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

bench: install
	@failed=0; for script in benchmarks/*.py; do $(PYTHON) "$$script" || failed=1; done; exit $$failed

audit:
	@python3 tools/audit

sbom: install
	@mkdir -p .local
	@$(PYTHON) tools/sbom > .local/sbom.cdx.json && echo "Wrote .local/sbom.cdx.json"

clean:
	@if [ -e .local/demo/lock ] && ! flock --nonblock .local/demo/lock true; then \
		echo "The demo is running on .local/demo. Stop it with Ctrl-C first."; exit 1; fi
	rm -rf .venv .local .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis .coverage htmlcov
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
