#!/bin/sh
# Makes what TLS between Filebeat, Logstash and Kafka needs: an authority, and a certificate of it for each name.
#
#   sh docker/make-certificates.sh FOLDER NAME[=HOST[,HOST…]]…
#   sh docker/make-certificates.sh certificates logstash=logs.example.org,10.0.0.7 kafka=kafka.example.org filebeat
#
# FOLDER gets ca.pem and ca.key, and of each NAME: NAME.pem, NAME.key, and NAME.both.pem for Kafka and Logstash's Kafka
# input. HOST is where others reach it, a name or an IP address; by default NAME. What is there stays: call it again to
# add names, also after DAYS (default 825), once you have deleted the old NAME.pem.
set -eu
umask 077
[ $# -ge 2 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2; }
folder=$1
shift
days=${DAYS:-825}

fail() { printf 'make-certificates.sh: %s\n' "$1" >&2; exit 1; }

command -v openssl >/dev/null || fail "openssl isn't installed."

# hosts LIST: `DNS:a,IP:10.0.0.7` of `a,10.0.0.7`.
hosts() { printf '%s' "$1" | tr ',' '\n' | sed 's/^[0-9.]*$/IP:&/; s/^.*::*.*:.*$/IP:&/; /^IP:/!s/^/DNS:/' | paste -s -d, -; }

mkdir -p "$folder"
[ -e "$folder/ca.pem" ] || openssl req -x509 -newkey rsa:3072 -nodes -days 3650 -subj "/CN=slowtask authority" \
  -addext keyUsage=critical,keyCertSign,cRLSign -keyout "$folder/ca.key" -out "$folder/ca.pem" 2>/dev/null \
  || fail "openssl makes no authority in $folder: check that openssl is 1.1.1 or newer, and the space on the disk."

for each in "$@"; do
  name=${each%%=*}
  case $name in
    '' | *[!A-Za-z0-9._-]* | .*) fail "'$name' can't be the NAME of files: use letters, digits, - and _." ;;
  esac
  file="$folder/$name"
  [ ! -e "$file.pem" ] || continue
  extensions="$(mktemp)"
  cat >"$extensions" <<TEXT
basicConstraints = critical,CA:false
keyUsage = critical,digitalSignature,keyEncipherment
extendedKeyUsage = serverAuth,clientAuth
subjectAltName = $(hosts "${each#*=}")
TEXT
  openssl req -newkey rsa:3072 -nodes -subj "/CN=$name" -keyout "$file.key" 2>/dev/null \
    | openssl x509 -req -days "$days" -CA "$folder/ca.pem" -CAkey "$folder/ca.key" -set_serial "0x$(openssl rand -hex 8)" \
      -extfile "$extensions" -out "$file.pem" 2>/dev/null \
    || { rm -f "$extensions" "$file.key" "$file.pem"; fail "openssl refuses '$each' for $days days: check HOST and DAYS."; }
  rm "$extensions"
  cat "$file.key" "$file.pem" >"$file.both.pem"
done
chmod 644 "$folder"/*.pem
chmod 600 "$folder"/*.both.pem
