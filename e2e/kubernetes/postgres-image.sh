#!/usr/bin/env bash
# Assembles the image localhost/postgres:1 from Debian's PostgreSQL: postgres-image.sh OUT. Where the server is not on this
# machine, its package is installed (root only). The pod runs `postgres-pod`: a fresh database that trusts everybody.
set -euo pipefail
out=$1
. "$(dirname "${BASH_SOURCE[0]}")/image-tools.sh"

server() { find /usr/lib/postgresql -path '*/bin/postgres' 2>/dev/null | sort -V | tail -n 1; }
if [ -z "$(server)" ] || ! command -v psql >/dev/null; then
  [ "$(id -u)" = 0 ] || { echo "postgres-image.sh: PostgreSQL is not installed, and only root can install it" >&2; exit 1; }
  apt-get update -qq
  # The package would start a server of its own.
  RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql postgresql-client >&2
fi
postgres=$(server)
home=${postgres%/bin/postgres} version=$(basename "${postgres%/bin/postgres}")

root=$work/postgres
base "$root"
for program in postgres initdb pg_isready psql; do add "$root" "$home/bin/$program"; done
mkdir -p "$root$home/lib" "$root/usr/share/postgresql" "$root/usr/share/zoneinfo"
find "$home/lib" -maxdepth 1 -name '*.so' \( -name 'plpgsql*' -o -name 'dict_snowball*' -o -name 'libpq*' -o -name '*_and_*' -o -name 'pgoutput*' \) -exec cp {} "$root$home/lib/" \;
cp -r "/usr/share/postgresql/$version" "$root/usr/share/postgresql/"
[ ! -e /usr/share/zoneinfo/UTC ] || cp -L /usr/share/zoneinfo/UTC "$root/usr/share/zoneinfo/"
cat >"$root/bin/postgres-pod" <<POD
#!/bin/sh
set -e
export PATH=$home/bin:\$PATH
initdb -D /tmp/data -U postgres -A trust --no-locale -E UTF8 --no-sync >/tmp/initdb.log
echo 'host all all all trust' >>/tmp/data/pg_hba.conf
exec postgres -D /tmp/data -c listen_addresses='*' -c unix_socket_directories=/tmp -c fsync=off -c shared_buffers=16MB
POD
chmod 755 "$root/bin/postgres-pod"
image postgres:1 "$root" "{$path,\"User\":\"1000:1000\",\"Cmd\":[\"/bin/postgres-pod\"]}"
