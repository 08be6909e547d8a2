#!/bin/sh
# Makes a checkout ready for `npm run demo` and `npm test`: system packages, node_modules, dist. Silent when nothing is
# to do. As root on Debian and its kin it installs what is missing; elsewhere it names it and stops.
set -eu
cd "$(dirname "$0")/.."
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
log=$(mktemp)
trap 'rm -f "$log"' EXIT

say() { echo "setup: $*" >&2; }
fail() {
  say "$@"
  exit 1
}
has() { command -v "$1" >/dev/null 2>&1; }

# Runs a command quietly; its output is shown only if it fails.
quietly() {
  "$@" >"$log" 2>&1 </dev/null || {
    cat "$log" >&2
    return 1
  }
}

# missing COMMAND PACKAGE …: the packages whose command is not there.
missing() {
  while [ $# -gt 0 ]; do
    has "$1" || printf '%s ' "$2"
    shift 2
  done
}

# install WHY PACKAGE …: with apt-get, or says what the reader has to do.
install() {
  why=$1
  shift
  if [ "$(id -u)" = 0 ] && has apt-get; then
    say "installing $* ($why)"
    export DEBIAN_FRONTEND=noninteractive
    quietly apt-get update || say "apt-get update failed; trying with the lists there are"
    quietly apt-get install -y --no-install-recommends "$@" || fail "could not install $*"
  else
    fail "missing: $* ($why). On Debian or Ubuntu: sudo apt-get install $*"
  fi
}

has node || fail "Node.js 20.19 or later is needed, with npm; there is no node in PATH"
node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' ||
  fail "Node.js 20.19 or later is needed; this is $(node --version)"
has npm || fail "npm is needed; it comes with Node.js, on Debian also as the package npm"

packages=$(missing ip iproute2 iptables-legacy iptables nft nftables sysctl procps umount mount nsenter util-linux)
# shellcheck disable=SC2086 # a list of words
[ -z "$packages" ] || install "network namespaces, and iptables to compare with" $packages

# Both native addons are loaded, not just looked for: they may be there for another Node version.
addons_load() { node -e 'require("koffi"); new (require("better-sqlite3"))(":memory:").close()' >"$log" 2>&1; }

# Addons without a prebuilt binary are compiled: with the headers beside this Node, if it has them.
prepare_compiling() {
  packages=$(missing python3 python3 make make g++ g++)
  # shellcheck disable=SC2086
  [ -z "$packages" ] || install "to compile better-sqlite3" $packages
  prefix=$(node -p 'require("path").resolve(process.execPath, "../..")')
  [ ! -e "$prefix/include/node/node.h" ] || export npm_config_nodedir="$prefix"
}

installed=node_modules/.package-lock.json
if [ ! -e "$installed" ] || [ -n "$(find package-lock.json -newer "$installed")" ]; then
  say "npm ci"
  npm ci --no-audit --no-fund >"$log" 2>&1 </dev/null || {
    prepare_compiling
    quietly npm ci --no-audit --no-fund || fail "npm ci failed"
  }
  touch "$installed"
fi
addons_load || {
  prepare_compiling
  say "npm rebuild koffi better-sqlite3"
  quietly npm rebuild koffi better-sqlite3 || fail "could not build the native addons"
  addons_load || {
    cat "$log" >&2
    fail "the native addons do not load"
  }
}

# dist/demo.js is written last.
if [ ! -e dist/demo.js ] || [ -n "$(find src grammar test package-lock.json -newer dist/demo.js \
  \( -name '*.ts' -o -name build.mjs -o -name package-lock.json \) ! -name '*.test.ts' -print | head -n 1)" ]; then
  quietly node test/build.mjs || fail "the build failed"
fi
