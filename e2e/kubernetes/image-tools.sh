# Functions that lay programs of this machine into container images, without a registry and without a daemon.
# Sourced by a script that sets `out`, the folder that receives one docker-archive per image.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# add ROOT PROGRAM [AS]: a program, and the shared libraries that it loads.
add() {
  local root=$1 program=$2 as=${3:-$2} library
  install -D -m 755 "$program" "$root$as"
  { ldd "$program" 2>/dev/null || true; } | { grep -o '/[^ ]*' || true; } | while read -r library; do
    [ -e "$root$library" ] || install -D -m 755 "$library" "$root$library"
  done
}

# base ROOT: what a program expects to find around it, and busybox's commands.
base() {
  local root=$1 applet
  mkdir -p "$root"/{bin,etc,home/node,proc,root,sys,tmp,usr/bin,usr/sbin,var/tmp}
  chmod 1777 "$root/tmp" "$root/var/tmp"
  printf '%s\n' root:x:0:0:root:/root:/bin/sh node:x:1000:1000::/home/node:/bin/sh nobody:x:65534:65534::/:/bin/false >"$root/etc/passwd"
  printf '%s\n' root:x:0: node:x:1000: nogroup:x:65534: >"$root/etc/group"
  echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
  add "$root" "$(command -v busybox)" /bin/busybox
  for applet in $(busybox --list); do [ -e "$root/bin/$applet" ] || ln -s busybox "$root/bin/$applet"; done
}

# image NAME ROOT CONFIG: the archive NAME.tar of an image localhost/NAME with the tag that runs without a pull.
image() {
  local name=$1 root=$2 config=$3 dir=$work/image diff
  rm -rf "$dir" && mkdir -p "$dir" "$out"
  tar -C "$root" --sort=name --numeric-owner --owner=0 --group=0 --mtime=@0 -cf "$dir/layer.tar" .
  diff=$(sha256sum "$dir/layer.tar" | cut -d' ' -f1)
  printf '{"architecture":"amd64","os":"linux","config":%s,"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' "$config" "$diff" >"$dir/config.json"
  printf '[{"Config":"config.json","RepoTags":["localhost/%s"],"Layers":["layer.tar"]}]' "$name" >"$dir/manifest.json"
  tar -C "$dir" -cf "$out/${name%%:*}.tar" manifest.json config.json layer.tar
}

path='"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]'
