#!/bin/sh
# Writes .env (or the given file) from .env.example, with random values for empty passwords and keys.
# An existing file is left as it is.
set -eu
folder="$(cd "$(dirname "$0")/.." && pwd)"
example="$folder/.env.example"
target="${1:-$folder/.env}"
[ ! -e "$target" ] || exit 0

random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

umask 077
while IFS= read -r line; do
  case "$line" in
    *_PASSWORD= | *_KEY=) printf '%s%s\n' "$line" "$(random)" ;;
    *) printf '%s\n' "$line" ;;
  esac
done <"$example" >"$target.new"
mv "$target.new" "$target"
echo "Wrote $target, with random passwords."
