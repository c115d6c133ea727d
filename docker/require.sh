# Functions that check whether this machine can run the stack, and otherwise end with one line that says what to
# do. `require_docker` can run at once, `require_room` needs a .env.

#: The oldest Compose that copies secrets of .env into containers.
oldest_compose=2.24
#: Compose 2.40 and newer build with buildx if it is installed, but only with this version or newer.
oldest_buildx=0.17
#: Elasticsearch accepts no documents with less free disk (docker/elasticsearch.yml); then what the images need.
disk_gb=4
images_gb=6

fail() { echo "make: $*" >&2; exit 1; }

# older VERSION LEAST: succeeds if VERSION, such as `v2.31.1-desktop.2`, is older than LEAST.
older() {
  printf '%s\n' "${1#v}" | awk -F. -v least="$2" '{ split(least, l, "."); exit !($1 < l[1] || ($1 == l[1] && $2 + 0 < l[2])) }'
}

require_docker() {
  command -v docker >/dev/null \
    || fail "the stack needs Docker: install it, with its Compose plugin $oldest_compose or newer."
  compose="$(docker compose version --short 2>/dev/null)" \
    || fail "Docker has no Compose plugin here: install docker-compose-plugin, $oldest_compose or newer."
  ! older "$compose" "$oldest_compose" \
    || fail "Docker Compose is ${compose#v}, but the stack needs $oldest_compose or newer: update it."
  engine="$(docker info --format '{{.ServerVersion}}' 2>&1)" || case "$engine" in
    *"permission denied"*) fail "this user may not use the Docker engine: add it to the group docker, then log in again." ;;
    *) fail "no Docker engine answers at ${DOCKER_HOST:-the address of docker context show}: start it." ;;
  esac
}

require_buildx() {
  older "$compose" 2.40 || buildx="$(docker buildx version 2>/dev/null | awk '{ print $2 }')"
  [ -z "${buildx:-}" ] || ! older "$buildx" "$oldest_buildx" \
    || fail "buildx is ${buildx#v}, but Compose ${compose#v} needs $oldest_buildx or newer: update docker-buildx-plugin," \
      "or remove it, since Compose can build without it."
}

require_room() {
  config="$(docker compose config)" || exit 1 # docker has printed what is wrong
  require_memory
  require_disk
  for port in $(printf '%s\n' "$config" | sed -n 's/^ *published: "\{0,1\}\([0-9]*\).*/\1/p'); do
    require_port "$port"
  done
  warn_of_mappings
}

# The memory limits of the containers must fit into Docker's memory. A tenth less is accepted, since a Docker
# Desktop with 6 GB reports 5.8.
require_memory() {
  needed="$(printf '%s\n' "$config" | awk -F'"' '/^ *mem_limit:/ { sum += $2 } END { printf "%d", sum / 1000000 }')"
  given="$(docker info --format '{{.MemTotal}}' | awk '{ printf "%d", $1 / 1000000 }')"
  [ "$given" -ge $((needed * 9 / 10)) ] \
    || fail "Docker has $given MB of memory, but the stack may use $needed MB. Give Docker more (in Docker Desktop:" \
      "Settings, Resources), or run fewer services (COMPOSE_PROFILES in .env), or lower the limits in .env."
}

# If the engine runs in a virtual machine, its disk can't be seen from here.
require_disk() {
  root="$(docker info --format '{{.DockerRootDir}}')"
  [ -d "$root" ] || return 0
  needed=$disk_gb
  docker image inspect "$(printf '%s\n' "$config" | sed -n 's/^ *image: \(.*kibana.*\)/\1/p')" >/dev/null 2>&1 \
    || needed=$((disk_gb + images_gb))
  free="$(df -Pk "$root" | awk 'NR == 2 { printf "%d", $4 / 1000000 }')"
  [ "$free" -ge "$needed" ] \
    || fail "$root, the folder of Docker's data, has $free GB of free disk, but the stack needs $needed GB: free some."
}

require_port() {
  project="$(printf '%s\n' "$config" | sed -n 's/^name: //p')"
  setting="$(sed -n "s/^\([A-Z_]*_PORT\)=$1\$/\1/p" .env)"
  holder="$(docker ps --filter "publish=$1" --format '{{.Names}} {{.Label "com.docker.compose.project"}}')"
  case "$holder" in
    *" $project") return 0 ;; # this stack itself
    "") holder="$(listener "$1")" ;;
    *) holder="the container ${holder%% *}" ;;
  esac
  [ -z "$holder" ] \
    || fail "port $1 of 127.0.0.1 is used by $holder: stop that, or set another ${setting:-port} in .env."
}

# listener PORT: prints which program listens on PORT of this machine; nothing if none does, or it isn't known.
listener() {
  if command -v ss >/dev/null; then
    ss -Hltnp "( sport = :$1 )" | awk '
      $4 ~ /^(127\.0\.0\.1|0\.0\.0\.0|\*|\[::\]|\[::ffff:127\.0\.0\.1\]):/ {
        found = "another program"
        if (match($0, /\("[^"]*",pid=[0-9]+/)) {
          split(substr($0, RSTART + 2, RLENGTH - 2), part, "\",pid=")
          found = part[1] " (pid " part[2] ")"
        }
        print found
        exit
      }'
  elif command -v lsof >/dev/null; then
    lsof -nP -iTCP:"$1" -sTCP:LISTEN | awk 'NR == 2 { print $1 " (pid " $2 ")" }'
  fi
}

warn_of_mappings() {
  mappings=/proc/sys/vm/max_map_count
  [ -r "$mappings" ] && [ "$(cat "$mappings")" -lt 262144 ] || return 0
  echo "make: vm.max_map_count is $(cat "$mappings"), but Elasticsearch recommends 262144 or more. A single node usually" \
    "starts anyway. If it exits with status 78: sudo sysctl -w vm.max_map_count=1048576" >&2
}
