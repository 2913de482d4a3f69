#!/bin/sh
# After a deb or rpm was removed; an upgrade runs this before the new version's own script puts everything back.
set -e

remove_link() {
  # What somebody else has put there in the meantime stays.
  case $(readlink "$1" 2>/dev/null) in
    /opt/Telepresence/*) rm -f "$1" ;;
  esac
}

remove_link /usr/bin/telepresence
remove_link /usr/bin/telepresence-desktop
remove_link /usr/share/bash-completion/completions/telepresence
remove_link /usr/share/zsh/site-functions/_telepresence
remove_link /usr/share/fish/vendor_completions.d/telepresence.fish

case ${1:-} in
  remove | purge | 0)
    if [ -d /run/systemd/system ]; then
      systemctl disable --now 'telepresence-helper@*.service' 2>/dev/null || true
      rm -f /etc/systemd/system/telepresence-helper@.service
      systemctl daemon-reload
    fi
    ;;
esac
