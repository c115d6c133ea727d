#!/bin/sh
# As in the official image: options alone go to the server, which is open to the container's network.
set -eu
[ "${1#-}" = "$1" ] || set -- redis-server "$@"
[ "$1" != redis-server ] || set -- "$@" --protected-mode no
exec "$@"
