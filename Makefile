# On a fresh machine with Python ≥ 3.11, `make demo` and `make test` install all they need.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready

.PHONY: demo test test-all test-fast test-rabbitmq check servers environments incidents dashboards integration agent values pictures docs measure messages bench wheel sbom audit fuzz up down logs ps check-kibana test-logstash test-stack clean

demo: $(READY)  # runs example jobs on a temporary Redis and ranks them
	@$(BIN)/slowtask demo

# More processes than cores, since tests mostly wait for servers and workers.
PYTEST := $(BIN)/pytest -n 4 --dist loadgroup

# Apart from the others, since they measure how soon something is told; more at once, since they only wait.
INCIDENTS := $(BIN)/pytest -n 8 tests/incidents

test: $(READY) check servers environments  # all tests but the rarer combinations of versions, workers and brokers
	$(PYTEST) -m 'not stack and not rare and not incident'
	$(INCIDENTS) -m 'not rare'

test-all: $(READY) check servers environments  # all tests but the stack
	$(PYTEST) -m 'not stack and not incident'
	$(INCIDENTS)

test-rabbitmq: $(READY) environments  # what depends on RabbitMQ, on the one of AMQP_URL and RABBITMQ_MANAGEMENT_URL
	$(PYTEST) tests/celery/test_celery_outcomes.py tests/watch/test_broker_celery.py \
	  tests/watch/test_broker_rabbitmq.py tests/watch/test_monitor_celery.py

test-fast: $(READY)  # the tests that need no server and are fast, for everyday work
	$(PYTEST) -m 'not stack and not rare and not server and not slow' --no-servers

check: $(READY)  # style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

servers:  # installs the programs that the tests need besides Python
	@sh tests/support/servers.sh

environments: $(READY)  # installs the versions of RQ, Celery and Python that the outcome matrices run
	$(BIN)/python tests/support/environments.py

incidents: $(READY) servers  # stages nights on call with real workers, and prints what was said of each
	@cd tests && PYTHONPATH=support ../$(BIN)/python -m incidents

dashboards: $(READY)  # kibana/slowtask.ndjson and the layouts in kibana/README.md, from kibana/*.toml
	cd kibana && ../$(BIN)/python -m dashboards

integration: $(READY)  # the Elastic Agent integration's generated files, and what its pipelines make of its test lines
	cd integration && ../$(BIN)/python -m generate
	cd tests && PYTHONPATH=support ../$(BIN)/python -m ingest

agent: $(READY)  # the Elastic Agent integration as Kibana installs it, in dist
	@mkdir -p dist
	@cd integration && ../$(BIN)/python -m generate.archive ../dist

values: $(READY)  # kubernetes/eck-stack.yaml, from kubernetes/eck/small
	PYTHONPATH=tests/support $(BIN)/python -m kubernetes

docs: $(READY)  # the pages as a site with search and an API reference, in .cache/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict
	@echo "Open .cache/site/index.html, or for the search: python3 -m http.server --directory .cache/site"

pictures: $(READY)  # the pictures of the README and of the pages of `slowtask serve`, which takes a Chromium
	$(BIN)/python docs/site/pictures.py
	PYTHONPATH=tests:tests/support $(BIN)/python tests/support/serve_pictures.py

check-kibana: $(READY)  # imports the dashboards into the Kibana at SLOWTASK_KIBANA_URL and reads them back
	$(BIN)/python kibana/check.py

measure: $(READY)  # how the code is shaped, beside structlog and dramatiq
	@$(BIN)/uv pip install --quiet --target .cache/measure --no-deps structlog dramatiq
	@$(BIN)/python bench/measure.py structlog=.cache/measure/structlog dramatiq=.cache/measure/dramatiq

messages: $(READY)  # docs/messages.md, from the source
	$(BIN)/python tests/support/messages.py

bench: $(READY)  # measures the figures of bench/RESULTS.md on this machine
	@for each in bench/bench_*.py; do echo; echo "== $$each"; $(BIN)/python $$each || exit 1; done

wheel: $(READY)  # both wheels, of one version, and the archives of their sources, in dist
	$(BIN)/python -m hatchling build -d dist
	cd slowtask-cli && SLOWTASK_RELEASE=1 ../$(BIN)/python -m hatchling build -d ../dist

#: The environments that the lists of what is in a package are made of.
LIGHT := .cache/sbom/slowtask
CLI := .cache/sbom/slowtask-cli
EXTRAS := celery,demo,elasticsearch,monitor,otel,report,rq

sbom: wheel  # what each package brings, as CycloneDX, in dist
	@rm -rf .cache/sbom
	@$(BIN)/uv venv --quiet $(LIGHT) && $(BIN)/uv venv --quiet $(CLI)
	@$(BIN)/uv pip install --quiet --python $(LIGHT) dist/slowtask-*.whl
	@$(BIN)/uv pip install --quiet --python $(CLI) --find-links dist "$$(ls dist/slowtask_cli-*.whl)[$(EXTRAS)]"
	$(BIN)/uv tool run --quiet --from 'cyclonedx-bom>=7' cyclonedx-py environment $(LIGHT) \
	  --pyproject pyproject.toml --output-reproducible --output-file dist/slowtask.cdx.json
	$(BIN)/uv tool run --quiet --from 'cyclonedx-bom>=7' cyclonedx-py environment $(CLI) \
	  --pyproject slowtask-cli/pyproject.toml --output-reproducible --output-file dist/slowtask-cli.cdx.json

audit: sbom  # whether anything that the packages bring has a known vulnerability; asks PyPI
	@$(BIN)/uv pip freeze --quiet --python $(CLI) | grep -v '^slowtask' > .cache/sbom/brought.txt
	$(BIN)/uv tool run --quiet 'pip-audit>=2.10' --strict --disable-pip --no-deps -r .cache/sbom/brought.txt

FUZZ_SECONDS ?= 600
fuzz: $(READY)  # feeds the parser what covers more of it, by atheris; what breaks it is kept in this folder
	$(BIN)/uv pip install --quiet --target .cache/fuzz 'atheris>=3'
	@mkdir -p .cache/corpus
	PYTHONPATH=.cache/fuzz $(BIN)/python tests/fuzz/parser.py -max_total_time=$(FUZZ_SECONDS) -timeout=20 \
	  -rss_limit_mb=1500 -max_len=8192 .cache/corpus tests/parse/golden tests/parse/wild

up:  # starts the stack in Docker, writes .env if there is none, and waits until all services are healthy
	@sh docker/up.sh

down:  # stops the stack; its data is kept
	@sh docker/compose.sh down --remove-orphans

logs:
	@sh docker/compose.sh logs --follow --tail 100

ps:
	@sh docker/compose.sh ps --all

test-stack: $(READY)  # tests the stack on a Docker engine, which it starts if none runs
	$(BIN)/pytest tests/stack -m stack

test-logstash: $(READY)  # compares the filter in the real Logstash with slowtask parse, in Docker
	cd tests && PYTHONPATH=support ../$(BIN)/python -m stack.logstash

$(READY): pyproject.toml slowtask-cli/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "slowtask needs Python 3.11 or newer: make PYTHON=python3.12 …"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	SLOWTASK_RELEASE=1 $(BIN)/python -m pip install --quiet --group dev --editable . \
	  --editable './slowtask-cli[celery,demo,elasticsearch,monitor,otel,report,rq,serve]'
	@touch $(READY)

clean:  # removes all that make created here, and the stack's data; .env is kept
	rm -rf .venv .cache dist slowtask-demo
	@[ ! -f .env ] || sh docker/compose.sh down --volumes --remove-orphans
