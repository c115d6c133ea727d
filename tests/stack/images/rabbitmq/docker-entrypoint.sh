#!/bin/sh
# As in the official image: the first user of a new node comes from two variables.
set -eu
if [ -n "${RABBITMQ_DEFAULT_USER:-}" ]; then
  umask 077
  {
    echo "loopback_users.guest = true"
    echo "listeners.tcp.default = 5672"
    echo "default_user = $RABBITMQ_DEFAULT_USER"
    echo "default_pass = $RABBITMQ_DEFAULT_PASS"
  } >/etc/rabbitmq/conf.d/10-defaults.conf
fi
exec "$@"
