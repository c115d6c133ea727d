#!/bin/sh
# Starts the stack, waits until all services are healthy, and prints where the dashboard is. Options are passed to
# `docker compose up`. After a change of passwords: sh docker/up.sh --force-recreate.
set -eu
cd "$(dirname "$0")/.."
. docker/require.sh
require_docker
require_buildx

sh docker/make-env.sh
require_room
# With --wait, Compose takes a service that has ended for a failed one, unless another service depends on it. So the
# last set-up service is run separately.
docker compose up --detach --build --wait "$@" $(docker compose config --services | grep -vx dashboards)
docker compose run --rm --no-deps dashboards

kibana="http://127.0.0.1:$(sed -n 's/^KIBANA_PORT=//p' .env)"
cat <<TEXT

Slow tasks: $kibana/app/dashboards#/view/slowtask-slow-tasks
Log in as slowtask_reader. The password is SLOWTASK_READER_PASSWORD in .env.
The administrator is elastic, with ELASTIC_PASSWORD.
TEXT
