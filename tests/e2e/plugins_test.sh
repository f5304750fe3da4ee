#!/usr/bin/env bash
# Plugins as a user has them: found in every place, switched off and on, chosen, examined, and programs on PATH beside them.
set -u
source "$LMF_SOURCE/tests/e2e/expect.sh"
greet=$LMF_BUILD/tests/plugins/greet
scratch=$(mktemp -d "${TMPDIR:-/tmp}/lmf plugins XXXXXX")
trap 'rm -rf "$scratch"' EXIT
prefix=$scratch/prefix
mkdir -p "$prefix/bin" "$prefix/lib/lmf/plugins-1" "$scratch/config" "$scratch/data" "$scratch/programs" "$scratch/cwd"
cp "$LMF_BUILD/bin/lmf" "$prefix/bin/"
ln -s "$LMF_BUILD/share" "$prefix/share"
export XDG_CONFIG_HOME=$scratch/config XDG_DATA_HOME=$scratch/data
unset LMF_PLUGIN_PATH LMF_SAFE_MODE LMF_PLUGIN_ALLOW
lmf() { status=0; timeout 60 "$prefix/bin/lmf" "$@" >said 2>&1 </dev/null || status=$?; }
add() { mkdir -p "$1" && cp "$greet"/* "$1"; }

# Rows 1 to 4; the system's own are put into a mount namespace below.
add "$scratch/given"
add "$scratch/path"
add "$prefix/lib/lmf/plugins-1"
for triplet in x86_64-linux-gnu aarch64-linux-gnu x86_64-linux aarch64-linux; do add "$scratch/data/lmf/plugins-1/$triplet"; done
host() { LMF_PLUGIN_PATH=$scratch/path lmf "$@" greet host; }
host --plugin-dir "$scratch/given"
expect_said "--plugin-dir comes first" "^library $scratch/given/"
host
expect_said "then LMF_PLUGIN_PATH" "^library $scratch/path/"
lmf greet host
expect_said "then what is beside the executable" "^library $prefix/lib/lmf/plugins-1/"
rm "$prefix/lib/lmf/plugins-1"/*
lmf greet host
expect_said "then the user's own" "^library $scratch/data/lmf/plugins-1/"
LMF_SAFE_MODE=1 lmf greet host
expect "in safe mode none of the user's" status 127
host --safe-mode --plugin-dir "$scratch/given"
expect "nor of those that are named" status 127
rm -r "$scratch/data/lmf"
cp "$greet"/* "$scratch/cwd"
(cd "$scratch/cwd" && LMF_PLUGIN_PATH=:. timeout 60 "$prefix/bin/lmf" greet) >said 2>&1
status=$?
expect "never what is in the current directory" status 127

add "$prefix/lib/lmf/plugins-1"
lmf plugin disable greet
expect "switching a plugin off" status 0
lmf greet
expect "it is off" status 126
expect_said "and who says so" "$scratch/config/lmf/plugins.toml:2"
lmf plugin list
expect_said "the list, too" 'acme.greet 1.2.3 (greet): disabled'
lmf plugin enable acme.greet
lmf greet Ada
expect_said "it is on again" 'hello \[Ada\]'
printf '[override]\ngreet = 7\n' >"$scratch/config/lmf/plugins.toml"
lmf help
expect "a wrong plugins.toml leaves help alone" status 0
expect_said "but for a line" 'plugins.toml:2:9: override.greet is not a text'
lmf greet
expect "and stops what it is about" status 126
lmf --safe-mode greet
expect "unless one goes without it" status 0
rm "$scratch/config/lmf/plugins.toml"

# The HOME of somebody else, as sudo and containers leave it.
someone=
[ "$(id -u)" != 0 ] || someone='setpriv --reuid 65534 --regid 65534 --clear-groups'
mkdir -p "$scratch/hidden/lmf"
printf '[disable]\nplugins = ["greet"]\n' >"$scratch/hidden/lmf/plugins.toml"
chmod 755 "$scratch" "$prefix" "$prefix"/* && chmod 000 "$scratch/hidden"
status=0
XDG_CONFIG_HOME=$scratch/hidden $someone timeout 60 "$prefix/bin/lmf" greet Ada >said 2>&1 || status=$?
expect "a plugins.toml that this user may not look for decides nothing" status 0
XDG_CONFIG_HOME=$scratch/hidden $someone timeout 60 "$prefix/bin/lmf" plugin list >said 2>&1
expect_said "which is said" "hidden/lmf/plugins.toml does not count"
chmod 700 "$scratch/hidden"

lmf plugin doctor
expect "the doctor finds nothing" status 0
: >"$prefix/lib/lmf/plugins-1/liblmf-greet.so"
lmf plugin doctor --json
expect "and something" status 1
expect_said "which it names" '"status": "load"'
lmf plugin info greet
expect "info says so by its status" status 1

printf '#!/bin/sh\necho "from outside: $*"; "$LMF" version\n' >"$scratch/programs/lmf-outside"
chmod +x "$scratch/programs/lmf-outside"
PATH=$scratch/programs:$PATH lmf outside a b
expect "a program on PATH" status 0
expect_said "gets its words and can call back" 'from outside: a b' '^lmf [0-9]'
PATH=$scratch/programs:$PATH lmf help outside
expect_said "help asks it" 'from outside: --help'
PATH=$scratch/programs:$PATH lmf help
expect_said "and help lists it" "outside .*/lmf-outside"

# With the rights of another user than the one who calls, nothing of the caller's counts.
if [ "$(id -u)" = 0 ]; then
  mkdir "$scratch/other" "$scratch/other/bin"
  cp "$LMF_BUILD/bin/lmf" "$scratch/other/bin/"
  chmod 755 "$scratch" "$scratch/other" "$scratch/other/bin"
  chown 65534 "$scratch/other/bin/lmf"
  chmod 4755 "$scratch/other/bin/lmf"
  rm "$prefix/lib/lmf/plugins-1"/*
  cp "$greet"/* "$prefix/lib/lmf/plugins-1"
  secure() { status=0; PATH=$scratch/programs:$PATH LMF_PLUGIN_PATH=$scratch/path "$scratch/other/bin/lmf" "$@" >said 2>&1 </dev/null || status=$?; }
  if ! findmnt -no OPTIONS -T "$scratch" | grep -q nosuid; then
    secure --plugin-dir "$scratch/given" greet
    expect "run with other rights, lmf passes over named folders" status 127
    secure outside
    expect "and over PATH" status 127
    secure version
    expect "and works" status 0
  else
    echo "other rights are not tried: $scratch is mounted with nosuid"
  fi
fi

# The system's folders, where nobody else sees it; and another user's plugin.
if unshare --mount --map-root-user true 2>/dev/null; then
  export prefix scratch greet
  unshare --mount --map-root-user bash -c '
    mount -t tmpfs none /usr/local
    for triplet in x86_64-linux-gnu aarch64-linux-gnu x86_64-linux aarch64-linux; do mkdir -p /usr/local/lib/$triplet/lmf/plugins-1; cp "$greet"/* /usr/local/lib/$triplet/lmf/plugins-1; done
    rm "$prefix/lib/lmf/plugins-1"/*
    "$prefix/bin/lmf" --safe-mode greet host' >said 2>&1 </dev/null
  expect_said "then the folder of /usr/local with the triplet, also in safe mode" '^library /usr/local/lib/[a-z0-9_-]*/lmf/plugins-1/'
  unshare --mount --map-root-user bash -c '
    mount -t tmpfs none /usr/local
    mkdir -p /usr/local/lib/lmf/plugins-1; cp "$greet"/* /usr/local/lib/lmf/plugins-1
    "$prefix/bin/lmf" --safe-mode greet host' >said 2>&1 </dev/null
  expect_said "then the one without" '^library /usr/local/lib/lmf/plugins-1/'
  cp "$greet"/* "$prefix/lib/lmf/plugins-1"
  unshare --mount --map-root-user bash -c 'mount -t tmpfs none /proc && cd "$prefix" && bin/lmf greet host' >said 2>&1 </dev/null
  expect_said "where /proc is not mounted lmf finds what is beside it, too" "^library $prefix/lib/lmf/plugins-1/" "^executable $prefix/bin/lmf"
else
  echo "the folders of /usr/local are not looked at: mount namespaces are not allowed here"
fi
finish
