#!/bin/sh
# Exports RabbitMQ's URLs with the password from its secret, then becomes the given program. So the password is
# neither in the container's configuration nor on a command line. Celery reads the first variable, the monitor the
# others.
set -eu
password="$(python -c 'import sys, urllib.parse; print(urllib.parse.quote(sys.stdin.read().rstrip("\n"), safe=""))' \
  <"${RABBITMQ_PASSWORD_FILE:-/run/secrets/rabbitmq_password}")"
export CELERY_BROKER_URL="amqp://slowtask:$password@rabbitmq:5672//"
export SLOWTASK_CELERY_URL="$CELERY_BROKER_URL"
export SLOWTASK_MANAGEMENT_URL="http://slowtask:$password@rabbitmq:15672"
exec "$@"
