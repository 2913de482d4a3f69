#!/usr/bin/env bash
# Assembles the cluster's container images from programs that are on this machine, without a registry and
# without a daemon: images.sh BIN NODE OUT, where BIN holds pause and coredns, NODE is a node program, and
# OUT receives one docker-archive per image.
set -euo pipefail
bin=$1 node=$2 out=$3
. "$(dirname "${BASH_SOURCE[0]}")/image-tools.sh"

add "$work/pause" "$bin/pause" /pause
image pause:1 "$work/pause" '{"Entrypoint":["/pause"]}'

add "$work/coredns" "$bin/coredns" /coredns
image coredns:1 "$work/coredns" '{"Entrypoint":["/coredns"]}'

base "$work/busybox"
image busybox:1 "$work/busybox" "{$path,\"Cmd\":[\"sh\"]}"

base "$work/node"
add "$work/node" "$node" /usr/local/bin/node
image node:24 "$work/node" "{$path,\"Cmd\":[\"node\"]}"

base "$work/net"
for program in xtables-nft-multi xtables-legacy-multi nft ip conntrack; do
  add "$work/net" "$(readlink -f "$(command -v "$program")")" "/usr/sbin/$program"
done
for program in iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore; do
  ln -s xtables-nft-multi "$work/net/usr/sbin/$program"
done
for program in iptables-legacy iptables-legacy-save iptables-legacy-restore; do
  ln -s xtables-legacy-multi "$work/net/usr/sbin/$program"
done
extensions=$(dirname "$(dpkg -L iptables | grep -m1 'xtables/libxt_')")
mkdir -p "$work/net$extensions"
cp -a "$extensions"/*.so "$work/net$extensions/"
image net:1 "$work/net" "{$path,\"Cmd\":[\"sh\"]}"
