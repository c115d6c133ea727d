#!/bin/sh
# Exports RabbitMQ's addresses, with the password of its secret, then becomes the program: so the password
# stands neither in the container's configuration nor on a command line. Celery reads the first, the monitor
# the others.
set -eu
password="$(python -c 'import sys, urllib.parse; print(urllib.parse.quote(sys.stdin.read().rstrip("\n"), safe=""))' \
  <"${RABBITMQ_PASSWORD_FILE:-/run/secrets/rabbitmq_password}")"
export CELERY_BROKER_URL="amqp://slowtask:$password@rabbitmq:5672//"
export SLOWTASK_CELERY_URL="$CELERY_BROKER_URL"
export SLOWTASK_MANAGEMENT_URL="http://slowtask:$password@rabbitmq:15672"
exec "$@"
