#!/bin/sh
# docker compose, over every service whatever .env lets run: sh docker/compose.sh ps
set -eu
cd "$(dirname "$0")/.."
. docker/require.sh
require_docker
[ -f .env ] || fail "there is no .env, so no stack of this folder: make up makes one."
exec docker compose --profile demo --profile celery "$@"
