#!/bin/sh
# Starts the stack, waits until all of it is healthy, and says where the dashboard is. Options go to
# `docker compose up`: after a change of passwords, sh docker/up.sh --force-recreate.
set -eu
cd "$(dirname "$0")/.."
. docker/require.sh
require_docker
require_buildx

sh docker/make-env.sh
require_room
# Compose counts a service that ended well as one that failed to start, unless another depends on it:
# so the last of the set-ups is run by itself.
docker compose up --detach --build --wait "$@" $(docker compose config --services | grep -vx dashboards)
docker compose run --rm --no-deps dashboards

kibana="http://127.0.0.1:$(sed -n 's/^KIBANA_PORT=//p' .env)"
cat <<TEXT

The slow tasks: $kibana/app/dashboards#/view/slowtask-slow-tasks
Log in as slowtask_reader; its password stands in .env, as SLOWTASK_READER_PASSWORD.
The administrator is elastic, with ELASTIC_PASSWORD.
TEXT
