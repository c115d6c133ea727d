#!/bin/sh
# As in the official image: options alone go to Filebeat.
set -eu
[ "${1#-}" = "$1" ] || set -- filebeat "$@"
exec "$@"
