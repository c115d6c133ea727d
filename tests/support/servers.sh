#!/bin/sh
# Installs the programs that tests start, through apt where this user may; says plainly what is missing.
# `sh tests/support/servers.sh stack` installs those of `make test-stack`, where no Docker engine answers.
wanted="" lean="" made="" options=""
if [ "${1:-}" = stack ]; then
  [ -x /usr/sbin/dockerd ] || command -v dockerd >/dev/null || wanted="docker.io iptables"
  [ -x /usr/sbin/debootstrap ] || wanted="$wanted debootstrap"
  options=--no-install-recommends
else
  command -v redis-server >/dev/null || wanted="$wanted redis-server"
  command -v rabbitmq-server >/dev/null || [ -x /usr/sbin/rabbitmq-server ] || wanted="$wanted rabbitmq-server"
  command -v logrotate >/dev/null || [ -x /usr/sbin/logrotate ] || wanted="$wanted logrotate"
  command -v prometheus >/dev/null || lean=prometheus  # without its exporter, which would be one more server
  command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || wanted="$wanted chromium"
  command -v jq >/dev/null || wanted="$wanted jq"
  command -v bison >/dev/null || wanted="$wanted bison"
  command -v flex >/dev/null || wanted="$wanted flex"
  [ -e /usr/include/oniguruma.h ] || wanted="$wanted libonig-dev"
  command -v cmake >/dev/null || wanted="$wanted cmake"
  command -v rubocop >/dev/null || wanted="$wanted rubocop"
  # Root makes the servers of a later Debian with it.
  [ "$(id -u)" != 0 ] || [ -x /usr/sbin/debootstrap ] || wanted="$wanted debootstrap"
fi
[ -n "$wanted$lean" ] || exit 0

as_root=""
[ "$(id -u)" = 0 ] || as_root="sudo -n"
if command -v apt-get >/dev/null && $as_root true 2>/dev/null; then
  # A server must not start by itself: tests start their own, on ports of their own. RUNLEVEL keeps SysV's scripts from
  # it, the policy systemd; RabbitMQ's is there even where nothing else of the machine would be started.
  policy=/usr/sbin/policy-rc.d
  $as_root test -e $policy || { printf '#!/bin/sh\nexit 101\n' | $as_root tee $policy >/dev/null; $as_root chmod +x $policy; made=$policy; }
  $as_root apt-get update -qq
  install="$as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq $options"
  [ -z "$wanted" ] || $install $wanted >/dev/null
  [ -z "$lean" ] || $install --no-install-recommends $lean >/dev/null
  # From Debian 13 on the client is a package of its own.
  [ "${1:-}" != stack ] || command -v docker >/dev/null || $install docker-cli >/dev/null
  [ -z "$made" ] || $as_root rm "$made"
fi
for program in $wanted $lean; do
  dpkg -s "$program" >/dev/null 2>&1 || command -v "$program" >/dev/null || [ -x "/usr/sbin/$program" ] \
    || echo "$program couldn't be installed here."
done
[ "${1:-}" = stack ] || command -v redis-server >/dev/null || echo "Tests use the server in the wheel of slowtask-cli[demo] instead of redis-server."
