#!/bin/bash
# As in the official image: the password of `elastic` goes into the keystore, before a first start.
set -eu
[ "$1" = eswrapper ] || exec "$@"
if [ -n "${ELASTIC_PASSWORD:-}" ] && [ ! -f config/elasticsearch.keystore ]; then
  elasticsearch-keystore create --silent
  printf '%s' "$ELASTIC_PASSWORD" | elasticsearch-keystore add --stdin --silent bootstrap.password
fi
chmod a-w config # else the launcher adds secure settings that this build doesn't know
exec elasticsearch
