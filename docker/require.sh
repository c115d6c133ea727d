# Sourced: ends with one line that says what to do where there is no Docker that can run the stack.

#: The oldest that gives a secret from .env the owner and mode that Elasticsearch asks for.
oldest=2.24

fail() { echo "make: $*" >&2; exit 1; }

command -v docker >/dev/null || fail "the stack needs Docker: install it, with its Compose plugin $oldest or newer."
version="$(docker compose version --short 2>/dev/null)" \
  || fail "this Docker has no Compose plugin: install docker-compose-plugin, $oldest or newer."
version="${version#v}"
printf '%s\n' "$version" | awk -F. -v oldest="$oldest" '
  { split(oldest, least, "."); exit !($1 > least[1] || ($1 == least[1] && $2 + 0 >= least[2])) }' \
  || fail "this is Docker Compose $version: the stack needs $oldest or newer."
docker info >/dev/null 2>&1 || fail "Docker isn't running, or you may not use it: start it, or see docker info."
