#!/bin/sh
# Runs docker compose on all services, also those that .env doesn't let run: sh docker/compose.sh ps
set -eu
cd "$(dirname "$0")/.."
. docker/require.sh
require_docker
[ -f .env ] || fail "there is no .env, so this folder has no stack: start one with make up."
exec docker compose --profile demo --profile celery "$@"
