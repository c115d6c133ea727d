#!/bin/sh
# Exports each secret as the variable that its file is named after, then becomes the program.
# So a password stands neither in the container's configuration nor on a command line.
set -eu
for secret in "${SECRETS:-/run/secrets}"/*; do
  value="$(cat "$secret")" # apart, so that a file that can't be read ends it
  export "${secret##*/}=$value"
done
exec "$@"
