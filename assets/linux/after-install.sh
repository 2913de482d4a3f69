#!/bin/sh
# After a deb or rpm was unpacked: the command on PATH, completions, the unit of the helper, the sandbox of Chromium.
set -e

app=/opt/Telepresence
product=$app/resources/product

link() {
  mkdir -p "$(dirname "$2")"
  ln -sf "$1" "$2"
}

link "$product/bin/telepresence" /usr/bin/telepresence
link "$app/telepresence-desktop" /usr/bin/telepresence-desktop
link "$product/completions/telepresence.bash" /usr/share/bash-completion/completions/telepresence
link "$product/completions/_telepresence" /usr/share/zsh/site-functions/_telepresence
link "$product/completions/telepresence.fish" /usr/share/fish/vendor_completions.d/telepresence.fish

# The sandbox works without set-uid where user namespaces are open to everybody, and needs it elsewhere.
if ! unshare --user true 2>/dev/null; then
  chown root:root "$app/chrome-sandbox"
  chmod 4755 "$app/chrome-sandbox"
fi

# Installed, and started for nobody: `systemctl enable --now telepresence-helper@$(id -u)` does that.
if [ -d /run/systemd/system ]; then
  install -m 0644 "$product/service/telepresence-helper@.service" /etc/systemd/system/telepresence-helper@.service
  systemctl daemon-reload
fi

update-desktop-database -q /usr/share/applications 2>/dev/null || true
