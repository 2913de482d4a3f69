#!/usr/bin/env bash
# A real single-node Kubernetes on this machine: etcd, the control plane, kubelet, kube-proxy, containerd, a bridge
# network and CoreDNS, with RBAC, service-account tokens and admission on. No systemd, no Docker, no image registry.
#
#   cluster.sh up           start it (nothing happens where it runs already); builds first where that was not done
#   cluster.sh down         stop it and remove everything but the built programs and images
#   cluster.sh status       what runs, its memory, and the nodes and pods
#   cluster.sh build        programs and images: ready-made ones where they are found, else from Go modules; npm and apt
#   cluster.sh kubectl [ready-made]
#                           print the path of a kubectl, which is prepared first; with ready-made: only where that takes seconds.
#                           Needs no root
#   cluster.sh import FILE  an image archive (docker or OCI layout, not compressed) into the node
#   cluster.sh stop NAME    end one process (etcd, apiserver, kubelet, ...); up starts it again
#
# A KUBECONFIG that names another cluster wins: up then starts nothing and says so.
#
# CLUSTER_STATE       where everything is kept (default: .cache/cluster in the checkout), but for kubelet's and
#                     containerd's fixed places in /run, /var/log and the cgroups
# CLUSTER_DIST        ready-made programs as NAME.xz (default: ../shared/realcluster/dist beside the checkout);
#                     CLUSTER_FROM_SOURCE=1 compiles them all the same
# CLUSTER_IPV6=1      pods and Services have IPv6 addresses, too
# CLUSTER_NODE_IP, CLUSTER_NODE, CLUSTER_API_PORT, CLUSTER_ETCD_PORT, CLUSTER_PROXY_MODE (nftables, iptables)
#
# Root only but for kubectl. Programs that are there already are built again only where their sources changed.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
checkout=$(cd "$here/../.." && pwd)
state=${CLUSTER_STATE:-$checkout/.cache/cluster}
dist=${CLUSTER_DIST:-$checkout/../shared/realcluster/dist}
# kube-proxy 1.34's nftables mode leaves an endpoint without its rule when the same address comes back within moments (a restarted API
# server, a pod that gets its predecessor's address): connections to it are refused from then on.
proxy_mode=${CLUSTER_PROXY_MODE:-iptables}
api_port=${CLUSTER_API_PORT:-6443}
etcd_port=${CLUSTER_ETCD_PORT:-2379}
version=1.34.4
pod_cidr=10.244.0.0/24
service_cidr=10.96.0.0/16
pod_cidr6=fd00:10:244::/64
service_cidr6=fd00:10:96::/112
ipv6=${CLUSTER_IPV6:-}
api_service=10.96.0.1
dns_service=10.96.0.10
bridge=cni0
node=${CLUSTER_NODE:-node}
bin=$state/bin images=$state/images etc=$state/etc pki=$state/pki data=$state/data run=$state/run logs=$state/logs
socket=$run/containerd.sock
export PATH=$bin:/usr/local/go/bin:/usr/local/sbin:/usr/sbin:/sbin:$PATH

began=$(date +%s%N)
say() { printf '%6.1fs  %s\n' "$(($(date +%s%N) - began))e-9" "$*"; }
die() { echo "cluster.sh: $*" >&2; exit 1; }

# node_ip: the address that the node is reached at, which is where the default route leaves from.
node_ip() {
  local ip=${CLUSTER_NODE_IP:-}
  [ -n "$ip" ] || ip=$(ip -4 route get 192.0.2.254 2>/dev/null | grep -o 'src [0-9.]*' | cut -d' ' -f2) || true
  [ -n "$ip" ] || die "no default route: set CLUSTER_NODE_IP to an address of this machine that is not a loopback one"
  echo "$ip"
}

# ---------------------------------------------------------------------------------------------- build

packages() {
  local missing=() pair
  for pair in containerd:containerd runc:runc iptables:iptables nft:nftables ipset:ipset conntrack:conntrack \
    socat:socat busybox:busybox openssl:openssl curl:curl jq:jq xz:xz-utils; do
    command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
  done
  [ -e /usr/lib/cni/bridge ] || missing+=(containernetworking-plugins)
  [ ${#missing[@]} = 0 ] || { apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"; }
}

build() {
  mkdir -p "$bin" "$images"
  packages
  say "packages"
  build_hyper
  go_build coredns "-s -w"
  go_build pause "-s -w"
  local program
  for program in etcd kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubelet kubectl; do
    ln -sf hyper "$bin/$program"
  done
  # The checkout has the very program; outside of one, npm brings it.
  local node_program=$checkout/node_modules/node/bin/node
  if [ ! -x "$node_program" ]; then
    npm install --silent --no-audit --no-fund --prefix "$state/npm" node@24
    node_program=$state/npm/node_modules/node/bin/node
    say "node"
  fi
  "$here/images.sh" "$bin" "$node_program" "$images"
  say "images"
}

# prepare_kubectl [ready-made]: the path of a kubectl, and nothing else, on the standard output.
prepare_kubectl() {
  if [ "${1:-}" = ready-made ] && [ ! -x "$bin/hyper" ] && [ ! -e "$dist/hyper.xz" ]; then
    die "there is no ready-made kubectl in $dist"
  fi
  mkdir -p "$bin"
  if [ "${1:-}" != ready-made ] || [ -e "$dist/hyper.xz" ]; then build_hyper >&2; fi
  ln -sf hyper "$bin/kubectl"
  echo "$bin/kubectl"
}

build_hyper() {
  local version_package=k8s.io/component-base/version flags
  flags="-s -w -X $version_package.gitVersion=v$version -X $version_package.gitMajor=${version%%.*}"
  flags+=" -X $version_package.gitMinor=$(cut -d. -f2 <<<"$version") -X $version_package.gitTreeState=clean"
  go_build hyper "$flags"
}

built() { [ -x "$bin/hyper" ] && [ -x "$bin/coredns" ] && [ -e "$images/node.tar" ]; }

# go_build NAME FLAGS: a program, ready-made where it is to be had.
go_build() {
  local name=$1 flags=$2 ready=$dist/$1.xz
  if [ -e "$ready" ] && [ -z "${CLUSTER_FROM_SOURCE:-}" ]; then
    if [ ! "$bin/$name" -nt "$ready" ]; then
      xz -dc "$ready" >"$bin/$name.new"
      chmod 755 "$bin/$name.new"
      mv "$bin/$name.new" "$bin/$name"
    fi
    say "$name (ready-made)"
    return
  fi
  (cd "$here/$name" && CGO_ENABLED=0 GOFLAGS=-buildvcs=false go build -p "${CLUSTER_BUILD_JOBS:-$(nproc)}" -trimpath -tags grpcnotrace -ldflags "$flags" -o "$bin/$name" .)
  say "$name"
}

# ---------------------------------------------------------------------------------------------- identities

# authority NAME: a certificate authority.
authority() {
  openssl ecparam -genkey -name prime256v1 -noout -out "$pki/$1.key"
  openssl req -x509 -new -key "$pki/$1.key" -subj "/CN=$1" -days 3650 -out "$pki/$1.crt" \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,digitalSignature,keyCertSign,cRLSign
}

# certificate NAME AUTHORITY SUBJECT [SUBJECT-ALTERNATIVE-NAMES]: a key and a certificate for client and server use.
certificate() {
  local name=$1 authority=$2 subject=$3 names=${4:-}
  openssl ecparam -genkey -name prime256v1 -noout -out "$pki/$name.key"
  openssl req -new -key "$pki/$name.key" -subj "$subject" -out "$pki/$name.csr"
  openssl x509 -req -in "$pki/$name.csr" -CA "$pki/$authority.crt" -CAkey "$pki/$authority.key" -days 3650 -out "$pki/$name.crt" \
    -set_serial "0x$(openssl rand -hex 8)" -extfile <(
      echo 'keyUsage=critical,digitalSignature,keyEncipherment'
      echo 'extendedKeyUsage=clientAuth,serverAuth'
      [ -z "$names" ] || echo "subjectAltName=$names"
    ) 2>/dev/null
  rm "$pki/$name.csr"
}

# kubeconfig NAME FILE SERVER: a kubeconfig for the certificate NAME.
kubeconfig() {
  local name=$1 file=$2 server=$3
  (umask 077; cat >"$file") <<EOF
apiVersion: v1
kind: Config
current-context: real
clusters: [{name: real, cluster: {server: "$server", certificate-authority-data: $(base64 -w0 "$pki/ca.crt")}}]
users: [{name: $name, user: {client-certificate-data: $(base64 -w0 "$pki/$name.crt"), client-key-data: $(base64 -w0 "$pki/$name.key")}}]
contexts: [{name: real, context: {cluster: real, user: $name}}]
EOF
}

identities() {
  local ip=$1 server=https://$1:$api_port name
  mkdir -p "$pki" "$etc"
  chmod 700 "$pki"
  authority ca
  authority front-proxy-ca
  certificate apiserver ca /CN=kube-apiserver "DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local,DNS:localhost,DNS:$node,IP:127.0.0.1,IP:$ip,IP:$api_service"
  certificate apiserver-kubelet ca /O=system:masters/CN=kube-apiserver-kubelet-client
  certificate front-proxy front-proxy-ca /CN=front-proxy
  certificate admin ca /O=system:masters/CN=admin
  certificate controller-manager ca /CN=system:kube-controller-manager
  certificate scheduler ca /CN=system:kube-scheduler
  certificate proxy ca /CN=system:kube-proxy
  certificate kubelet ca "/O=system:nodes/CN=system:node:$node" "DNS:$node,IP:$ip,IP:127.0.0.1"
  openssl genrsa -out "$pki/accounts.key" 2048 2>/dev/null
  openssl rsa -in "$pki/accounts.key" -pubout -out "$pki/accounts.pub" 2>/dev/null
  for name in controller-manager scheduler proxy kubelet; do kubeconfig "$name" "$etc/$name.kubeconfig" "$server"; done
  kubeconfig admin "$state/kubeconfig" "$server"
}

# ---------------------------------------------------------------------------------------------- processes

# start NAME COMMAND...: a process of its own session, its pid in $run and its output in $logs.
start() {
  local name=$1
  shift
  setsid "$@" >"$logs/$name.log" 2>&1 </dev/null &
  echo $! >"$run/$name.pid"
  disown
}

# Every one of them names a file under $state on its command line, which tells it from a later owner of its pid.
alive() { [ -e "$run/$1.pid" ] && grep -qF "$state" "/proc/$(cat "$run/$1.pid")/cmdline" 2>/dev/null; }

# stop NAME [SECONDS]: end it, by force where it takes longer than that.
stop() {
  local pid tries=$((${2:-10} * 10))
  if alive "$1"; then pid=$(cat "$run/$1.pid"); else return 0; fi
  kill "$pid" 2>/dev/null || true
  while alive "$1"; do
    [ $((tries--)) -gt 0 ] || { kill -9 "$pid" 2>/dev/null || true; break; }
    sleep 0.1
  done
  rm -f "$run/$1.pid"
}

# until_ok SECONDS WHAT COMMAND...: wait until the command succeeds.
until_ok() {
  local end=$(($(date +%s) + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ "$(date +%s)" -lt "$end" ] || die "$what: not within the time limit; see $logs"
    sleep 0.1
  done
}

api() { curl -sf --max-time 5 --cacert "$pki/ca.crt" --cert "$pki/admin.crt" --key "$pki/admin.key" "https://127.0.0.1:$api_port$1"; }
api_ready() { [ "$(api /readyz)" = ok ]; }
node_ready() { api "/api/v1/nodes/$node" | jq -e '.status.conditions[] | select(.type == "Ready" and .status == "True")'; }
dns_ready() { api /apis/apps/v1/namespaces/kube-system/deployments/coredns | jq -e '.status.readyReplicas >= 1'; }
kube() { kubectl --kubeconfig "$state/kubeconfig" "$@"; }
containers() { ctr -a "$socket" -n k8s.io "$@"; }

# ---------------------------------------------------------------------------------------------- configuration

configure() {
  local ip=$1
  mkdir -p "$etc/cni" "$run" "$logs" "$data"
  # A nameserver on a loopback address is not one that a pod reaches.
  { grep -E '^(nameserver|search|options)' /etc/resolv.conf || true; } | { grep -vE '^nameserver (127\.|::1)' || true; } >"$etc/resolv.conf"

  cat >"$etc/containerd.toml" <<EOF
version = 2
root = "$data/containerd"
state = "$run/containerd"
[grpc]
  address = "$socket"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  # Where root lacks CAP_SYS_RESOURCE, nothing may make itself less likely to be killed than it is.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$etc/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
EOF

  # Masquerading is left to the table in network(): the plugin's own leaves iptables chains behind.
  cat >"$etc/cni/10-real.conflist" <<EOF
{"cniVersion": "1.0.0", "name": "real", "plugins": [
  {"type": "bridge", "bridge": "$bridge", "isGateway": true, "ipMasq": false, "hairpinMode": true,
   "ipam": {"type": "host-local", "ranges": [[{"subnet": "$pod_cidr"}]${ipv6:+, [{\"subnet\": \"$pod_cidr6\"\}]}],
            "routes": [{"dst": "0.0.0.0/0"}${ipv6:+, {\"dst\": \"::/0\"\}}], "dataDir": "$data/cni"}},
  {"type": "portmap", "capabilities": {"portMappings": true}}
]}
EOF

  cat >"$etc/kubelet.yaml" <<EOF
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
containerRuntimeEndpoint: unix://$socket
failCgroupV1: false
failSwapOn: false
cgroupDriver: cgroupfs
clusterDNS: [$dns_service]
clusterDomain: cluster.local
resolvConf: $etc/resolv.conf
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $pki/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: $pki/kubelet.crt
tlsPrivateKeyFile: $pki/kubelet.key
podLogsDir: $logs/pods
volumePluginDir: $data/volume-plugins
serializeImagePulls: false
maxPods: 240
# The machine's disk is shared with other work: its filling up is not this node's to act on.
imageGCHighThresholdPercent: 100
evictionHard: {memory.available: 100Mi, nodefs.available: 0%, nodefs.inodesFree: 0%, imagefs.available: 0%}
EOF

  cat >"$etc/proxy.yaml" <<EOF
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: $proxy_mode
clusterCIDR: $pod_cidr${ipv6:+,$pod_cidr6}
hostnameOverride: $node
clientConnection: {kubeconfig: $etc/proxy.kubeconfig}
conntrack: {maxPerCore: 0, min: 0, tcpCloseWaitTimeout: 0s, tcpEstablishedTimeout: 0s}
EOF
}

# network: what the machine has to do for pods: forward, masquerade, and show bridged packets to the service rules.
network() {
  local setting
  for setting in net.ipv4.ip_forward net.bridge.bridge-nf-call-iptables \
    ${ipv6:+net.ipv6.conf.all.forwarding net.bridge.bridge-nf-call-ip6tables}; do
    [ "$(sysctl -n $setting 2>/dev/null)" = 1 ] || sysctl -qw $setting=1 || true
  done
  nft -f - <<EOF
table ip e2e-cluster
delete table ip e2e-cluster
table ip e2e-cluster {
  chain postrouting {
    type nat hook postrouting priority srcnat;
    ip saddr $pod_cidr ip daddr != $pod_cidr masquerade
  }
}
EOF
  # `ip netns` makes this folder a mount of its own when it is first used; the network namespaces of pods that were
  # mounted in it before are hidden then, and those pods are never removed.
  mkdir -p /run/netns
  mountpoint -q /run/netns || { mount --bind /run/netns /run/netns && mount --make-shared /run/netns; }
  # Docker, where it runs, drops what is forwarded between networks that are not its own.
  local way tables
  for tables in iptables ${ipv6:+ip6tables}; do
    for way in -i -o; do
      $tables -w -C FORWARD $way $bridge -j ACCEPT 2>/dev/null || $tables -w -I FORWARD $way $bridge -j ACCEPT
    done
  done
}

# Settings of the machine that kubelet overwrites; down puts them back.
settings="vm.overcommit_memory vm.panic_on_oom kernel.panic kernel.panic_on_oops kernel.keys.root_maxkeys kernel.keys.root_maxbytes net.ipv4.ip_forward net.bridge.bridge-nf-call-iptables net.ipv4.conf.all.route_localnet net.ipv6.conf.all.forwarding net.bridge.bridge-nf-call-ip6tables"

remember() {
  local setting
  [ -e "$state/settings" ] || for setting in $settings; do sysctl "$setting" 2>/dev/null || true; done >"$state/settings"
}

# ---------------------------------------------------------------------------------------------- up

up() {
  local ip archive
  [ "$(id -u)" = 0 ] || die "root only"
  if [ -n "${KUBECONFIG:-}" ] && [ "$KUBECONFIG" != "$state/kubeconfig" ]; then
    echo "KUBECONFIG names a cluster already ($KUBECONFIG): it is used, and nothing is started. Unset KUBECONFIG to start one here."
    return
  fi
  if alive apiserver && alive kubelet && { node_ready && dns_ready; } >/dev/null 2>&1; then say "running already; KUBECONFIG=$state/kubeconfig"; return; fi
  # Sockets are found by a path of at most 107 bytes.
  [ ${#socket} -le 107 ] || die "the path of the state folder is too long: set CLUSTER_STATE to a shorter one"
  built || build
  ip=$(node_ip)
  mkdir -p "$run" "$logs" "$data"
  remember
  cgroups
  [ -e "$pki/accounts.pub" ] || identities "$ip"
  configure "$ip"
  network
  say "identities and configuration"

  alive etcd || start etcd etcd --data-dir "$data/etcd" --unsafe-no-fsync --log-level warn \
    --listen-client-urls "http://127.0.0.1:$etcd_port" --advertise-client-urls "http://127.0.0.1:$etcd_port" \
    --listen-peer-urls "http://127.0.0.1:$((etcd_port + 1))"
  alive apiserver || start apiserver kube-apiserver \
    --etcd-servers "http://127.0.0.1:$etcd_port" --secure-port "$api_port" --advertise-address "$ip" \
    --service-cluster-ip-range "$service_cidr${ipv6:+,$service_cidr6}" --allow-privileged \
    --authorization-mode Node,RBAC --enable-admission-plugins NodeRestriction \
    --client-ca-file "$pki/ca.crt" --tls-cert-file "$pki/apiserver.crt" --tls-private-key-file "$pki/apiserver.key" \
    --kubelet-client-certificate "$pki/apiserver-kubelet.crt" --kubelet-client-key "$pki/apiserver-kubelet.key" \
    --kubelet-certificate-authority "$pki/ca.crt" --kubelet-preferred-address-types InternalIP \
    --service-account-issuer https://kubernetes.default.svc.cluster.local \
    --service-account-key-file "$pki/accounts.pub" --service-account-signing-key-file "$pki/accounts.key" \
    --requestheader-client-ca-file "$pki/front-proxy-ca.crt" --requestheader-allowed-names front-proxy \
    --requestheader-username-headers X-Remote-User --requestheader-group-headers X-Remote-Group \
    --requestheader-extra-headers-prefix X-Remote-Extra- \
    --proxy-client-cert-file "$pki/front-proxy.crt" --proxy-client-key-file "$pki/front-proxy.key"
  alive containerd || start containerd containerd --config "$etc/containerd.toml"
  until_ok 30 containerd containers version
  for archive in "$images"/*.tar; do import "$archive"; done &
  local imports=$!
  until_ok 90 kube-apiserver api_ready
  say "kube-apiserver ready"

  # Each controller asks for a token of its own: at the default rate that alone takes four seconds.
  alive controller-manager || start controller-manager kube-controller-manager --leader-elect=false \
    --kube-api-qps 200 --kube-api-burst 400 \
    --kubeconfig "$etc/controller-manager.kubeconfig" --authentication-kubeconfig "$etc/controller-manager.kubeconfig" \
    --authorization-kubeconfig "$etc/controller-manager.kubeconfig" --use-service-account-credentials \
    --root-ca-file "$pki/ca.crt" --service-account-private-key-file "$pki/accounts.key" \
    --cluster-signing-cert-file "$pki/ca.crt" --cluster-signing-key-file "$pki/ca.key" \
    --service-cluster-ip-range "$service_cidr${ipv6:+,$service_cidr6}"
  alive scheduler || start scheduler kube-scheduler --leader-elect=false --kubeconfig "$etc/scheduler.kubeconfig" \
    --authentication-kubeconfig "$etc/scheduler.kubeconfig" --authorization-kubeconfig "$etc/scheduler.kubeconfig"
  alive kubelet || start kubelet kubelet --config "$etc/kubelet.yaml" --kubeconfig "$etc/kubelet.kubeconfig" \
    --hostname-override "$node" --node-ip "$ip" --root-dir "$data/kubelet"
  alive proxy || start proxy kube-proxy --config "$etc/proxy.yaml"
  until_ok 60 node node_ready
  say "node ready"
  wait "$imports" || die "an image was not imported; see $logs"
  say "images imported"
  sed -e "s/@DNS@/$dns_service/" -e "$(forwarding)" "$here/coredns.yaml" | kube apply -f - >/dev/null
  until_ok 90 CoreDNS dns_ready
  say "CoreDNS ready; KUBECONFIG=$state/kubeconfig"
}

# forwarding: a sed command that leaves out CoreDNS's forwarding where this machine has no nameserver to forward to.
forwarding() { grep -q ^nameserver "$etc/resolv.conf" || echo '/^ *forward /d'; }

# cgroups: the hierarchies that kubelet needs, where this machine has not mounted them.
cgroups() {
  local controller
  [ ! -e /sys/fs/cgroup/cgroup.controllers ] || return 0
  mountpoint -q /sys/fs/cgroup || mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup
  for controller in cpu cpuacct cpuset memory devices freezer blkio pids; do
    mountpoint -q "/sys/fs/cgroup/$controller" && continue
    mkdir -p "/sys/fs/cgroup/$controller"
    mount -t cgroup -o "$controller" cgroup "/sys/fs/cgroup/$controller"
  done
}

import() { containers images import "$1" >/dev/null; }

# ---------------------------------------------------------------------------------------------- down

down() {
  local task target netns setting
  stop controller-manager
  stop scheduler
  if alive apiserver && alive kubelet; then
    # Pods are ended by kubelet, which takes their mounts, cgroups and network down with them.
    kube delete pods --all --all-namespaces --grace-period 1 --wait --timeout 30s >/dev/null 2>&1 || true
    say "pods ended"
  fi
  stop kubelet
  stop proxy
  # It would wait a minute for its clients' watches to end.
  stop apiserver 1
  stop etcd 1
  [ "$proxy_mode" != nftables ] || nft delete table ip kube-proxy 2>/dev/null || true
  [ "$proxy_mode" != nftables ] || nft delete table ip6 kube-proxy 2>/dev/null || true
  [ "$proxy_mode" = nftables ] || kube-proxy --cleanup >/dev/null 2>&1 || true
  if alive containerd; then
    for task in $(containers containers ls -q); do
      netns=$(containers containers info "$task" | jq -r '.Spec.linux.namespaces[]? | select(.type == "network") | .path // empty')
      containers tasks rm -f "$task" >/dev/null 2>&1 || true
      containers containers rm "$task" >/dev/null 2>&1 || true
      [ -z "$netns" ] || ip netns delete "${netns##*/}" 2>/dev/null || true
    done
  fi
  stop containerd
  findmnt -rno TARGET | { grep -F "$state/" || true; } | sort -r | while read -r target; do umount -l "$target" || true; done
  ip link delete $bridge 2>/dev/null || true
  nft delete table ip e2e-cluster 2>/dev/null || true
  iptables -w -D FORWARD -i $bridge -j ACCEPT 2>/dev/null || true
  iptables -w -D FORWARD -o $bridge -j ACCEPT 2>/dev/null || true
  ip6tables -w -D FORWARD -i $bridge -j ACCEPT 2>/dev/null || true
  ip6tables -w -D FORWARD -o $bridge -j ACCEPT 2>/dev/null || true
  [ ! -e "$state/settings" ] || while read -r setting; do sysctl -qw "${setting// /}" || true; done <"$state/settings"
  find /sys/fs/cgroup/*/kubepods -depth -type d -exec rmdir {} \; 2>/dev/null || true
  rm -rf "$data" "$run" "$etc" "$pki" "$logs" "$state/kubeconfig" "$state/settings"
  say "down"
}

status() {
  local name pid
  for name in etcd apiserver controller-manager scheduler kubelet proxy containerd; do
    if alive "$name"; then
      pid=$(cat "$run/$name.pid")
      printf '%-20s pid %-7s %5.0f MiB resident\n' "$name" "$pid" "$(awk '/^VmRSS/ {print $2 / 1024}' "/proc/$pid/status")"
    else
      printf '%-20s not running\n' "$name"
    fi
  done
  alive apiserver || return 0
  kube get nodes -o wide
  kube get pods --all-namespaces -o wide
}

case ${1:-} in
build | up | down | status) "$1" ;;
kubectl) prepare_kubectl "${2:-}" ;;
import) import "${2:?an image archive}" ;;
stop) stop "${2:?etcd, apiserver, controller-manager, scheduler, kubelet, proxy or containerd}" 1 ;;
*) sed -n '2,/^set/{s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; exit 2 ;;
esac
