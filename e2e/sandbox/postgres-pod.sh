#!/bin/sh
# What the sandbox runs for localhost/postgres:1: Debian's PostgreSQL of this machine, with a fresh database that trusts everybody.
set -e
home=$(find /usr/lib/postgresql -path '*/bin/postgres' | sort -V | tail -n 1)
export PATH="${home%/postgres}:$PATH"
initdb -D /tmp/data -U postgres -A trust --no-locale -E UTF8 --no-sync >/tmp/initdb.log
echo 'host all all all trust' >>/tmp/data/pg_hba.conf
exec postgres -D /tmp/data -c listen_addresses='*' -c unix_socket_directories=/tmp -c fsync=off -c shared_buffers=16MB
