#!/bin/sh
# Exports each secret as a variable named like its file, then becomes the given program.
# So passwords are neither in the container's configuration nor on a command line.
set -eu
for secret in "${SECRETS:-/run/secrets}"/*; do
  value="$(cat "$secret")" # on its own line, so that an unreadable file ends the script
  export "${secret##*/}=$value"
done
exec "$@"
