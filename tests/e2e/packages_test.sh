#!/usr/bin/env bash
# The packages that packaging/packages.sh makes: their contents, and what a user sees while they come and go in a root of their own
# whose dpkg believes that this machine's packages are installed. libtorch's is only listed: it takes minutes to make.
set -u
source "$LMF_SOURCE/tests/e2e/expect.sh"
skip() { echo "skipped: $*"; exit 77; }
command -v dpkg-shlibdeps >/dev/null && command -v file >/dev/null || skip "dpkg-shlibdeps or file is not installed (dpkg-dev, file)"
if [ "$(id -u)" -ne 0 ] && [ "${1:-}" != mapped ]; then
  unshare --map-root-user true 2>/dev/null || skip "neither root nor user namespaces"
  exec unshare --map-root-user bash "$LMF_SOURCE/tests/e2e/packages_test.sh" mapped
fi
if [ ! -f "$LMF_BUILD/CPackConfig.cmake" ]; then # built with a CUDA libtorch
  status=0
  "$LMF_SOURCE/packaging/packages.sh" deb none >said 2>&1 || status=$?
  expect "no packages of a CUDA build" status 1
  expect_said "which is explained" "CUDA libtorch"
  finish
fi
scratch=$(mktemp -d "${TMPDIR:-/tmp}/lmf-packages-XXXXXX")
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
umask 022
run() { status=0; timeout 300 "$@" >said 2>&1 </dev/null || status=$?; }
make() { run "$LMF_SOURCE/packaging/packages.sh" "$@"; expect "packages.sh $*" status 0; }
libdir=$(sed -n 's/^CMAKE_INSTALL_LIBDIR:[A-Z]*=//p' "$LMF_BUILD/CMakeCache.txt")

make deb first lmf lmf-env lmf-chat lmf-sdk-dev
[ "$failures" = 0 ] || finish
make deb second lmf lmf-env
for package in lmf lmf-env; do
  expect_true "$package is made twice with the same bytes" cmp first/${package}_*.deb second/${package}_*.deb
done
for package in lmf lmf-env lmf-chat lmf-sdk-dev; do
  deb=$(echo first/${package}_*.deb)
  run dpkg-deb -c "$deb"
  expect_said "$package has what Debian's policy asks for" "usr/share/doc/$package/copyright" "usr/share/doc/$package/changelog.gz"
  expect_not_said "$package has no libtorch" 'libtorch_cpu'
  expect_true "$package belongs to root, written by nobody else" sh -c \
    'dpkg-deb -c "$1" | awk "{ if (\$2 != \"root/root\" || substr(\$1, 1, 1) != \"l\" && (substr(\$1, 6, 1) == \"w\" || substr(\$1, 9, 1) == \"w\")) bad = 1 } END { exit bad }"' - "$deb"
  dpkg-deb --ctrl-tarfile "$deb" | tar -t | sort >said
  expect_true "$package runs no scripts" sh -c '[ "$(tr -d "\n" <said)" = ./control./md5sums ]'
done
run dpkg-deb -c first/lmf_*.deb
expect_said "man pages and completion are where Debian looks" "man1/lmf.1.gz" "man5/lmf-plugin.toml.5.gz" "bash-completion/completions/lmf" "zsh/vendor-completions/_lmf"
run dpkg-deb -c first/lmf-chat_*.deb
expect_said "a command's man page comes with it" "man1/lmf-chat.1.gz"
run dpkg-deb -I first/lmf_*.deb
expect_said "lmf provides the plugin ABI" 'Provides: lmf-plugin-abi-1 (= 1\.[0-9]*)' 'Depends:.*libc6'
run dpkg-deb -I first/lmf-chat_*.deb
expect_said "a plugin depends on it, and on what it links" 'Depends:.*lmf-plugin-abi-1' 'Depends:.*libedit2' 'Depends:.*lmf (>= '
run dpkg-deb -c first/lmf-chat_*.deb
expect_said "it lies where lmf looks" "usr/$libdir/lmf/plugins-1/liblmf-chat.so" "usr/$libdir/lmf/plugins-1/chat.lmf-plugin.toml"
run dpkg-deb -c first/lmf-sdk-dev_*.deb
expect_said "the SDK is whole" "include/lmf/abi.h" "include/lmf/sdk/base/log.hpp" "cmake/lmf-sdk/" "cmake/lmf-engine/" "template/rust" "plugins/tokens/tokens.cpp"
if command -v lintian >/dev/null; then
  run lintian --allow-root --fail-on error first/*.deb
  expect "lintian finds no error" status 0
else
  echo "lintian is not there: not tried"
fi

# A root where they come and go.
root=$scratch/root
mkdir -p "$root/var/lib/dpkg/info" "$root/var/lib/dpkg/updates" "$root/tmp"
awk 'BEGIN { RS = ""; ORS = "\n\n" } !/^Package: lmf/' /var/lib/dpkg/status >"$root/var/lib/dpkg/status"
in_root() { run dpkg --root="$root" --log=/dev/null --force-bad-path "$@"; }
lmf() { run env -u LMF_PLUGIN_PATH HOME=/nonexistent "$root/usr/bin/lmf" "$@"; }
in_root -i first/lmf-env_*.deb
expect "a plugin alone is refused" status 1
expect_said "for want of lmf" 'lmf-env depends on lmf-plugin-abi-1'
in_root -P lmf-env
in_root -i first/lmf_*.deb
expect "lmf alone is installed" status 0
lmf help
expect "and helps" status 0
expect_said "it names what is not installed" "train  *.*package 'lmf-train'" "env  *.*package 'lmf-env'"
lmf env
expect "a command that is not installed" status 127
expect_said "is explained" "'env' is not installed. It is in the package 'lmf-env'."
lmf plugin new greet --directory "$scratch/greet"
expect_said "the SDK's package is named" "lmf-sdk-dev"
in_root -i first/lmf-env_*.deb
expect "env is added" status 0
lmf help
expect_not_said "help follows at once" "package 'lmf-env'"
lmf env
expect "and env runs" status 0
expect_said "from its place" "$root/usr/bin/lmf"

# States in which an installation that was cut short, or an upgrade, leaves it.
plugins=$root/usr/$libdir/lmf/plugins-1
cp "$plugins/env.lmf-plugin.toml" kept.toml
sed -i 's/^version = .*/version = "0.0.9"/' "$plugins/env.lmf-plugin.toml"
lmf env
expect "library and manifest of two versions" status 126
expect_said "are explained" "0.0.9" "Install the package 'lmf-env' again"
cp kept.toml "$plugins/env.lmf-plugin.toml"
mv "$plugins/liblmf-env.so" kept.so
lmf env
expect "a manifest without its library" status 126
expect_said "names the package" "Install the package 'lmf-env' again"
head -c 4000 kept.so >"$plugins/liblmf-env.so"
lmf env
expect "half a library" status 126
expect_said "is explained" "cannot load lmf.env"
lmf help
expect "none of it harms the rest" status 0
in_root -i first/lmf-env_*.deb
lmf env
expect "installing it again mends it" status 0
in_root --force-depends -i first/lmf-chat_*.deb
if [ ! -e "$root/usr/$libdir/lmf/private/libtorch_cpu.so" ] && ldd "$plugins/liblmf-chat.so" | grep -q 'libtorch_cpu.*not found'; then
  lmf chat
  expect "a plugin without the libtorch it needs" status 126
  expect_said "is explained" "libtorch_cpu.so\|libc10.so" "Install libtorch (of lmf's packages: lmf-torch)"
fi
in_root -r lmf-chat lmf-env
expect "plugins are removed" status 0
lmf env
expect "env is gone at once" status 127
in_root -P lmf lmf-env lmf-chat
expect "all are purged" status 0
expect_true "nothing is left" sh -c '[ -z "$(find "$1/usr" ! -type d 2>/dev/null)" ]' - "$root"

# An archive that works wherever it is unpacked.
make tgz archive lmf lmf-env
mkdir "any where"
tar -xzf archive/*.tar.gz -C "any where"
run "any where"/*/bin/lmf env
expect "the unpacked archive runs" status 0
expect_said "with the plugin beside it" "$scratch/any where"

if command -v rpmbuild >/dev/null; then
  make rpm rpms lmf lmf-chat
  run rpm -qp --provides --requires rpms/lmf-0*.rpm rpms/lmf-chat-0*.rpm
  expect_not_said "the rpms ask for no library that is lmf's own" 'libtorch_cpu\|libc10\|liblmf'
  expect_said "the rpms say what they offer and need" "lmf-plugin-abi-1 = 1" "^lmf-plugin-abi-1$" "^lmf >= "
  run rpm -qp --qf '%{LICENSE}' rpms/lmf-chat-0*.rpm
  expect_said "and under what licence they are" '^Apache-2.0$'
  licence=$(sed -n 's/^set(CPACK_RPM_PACKAGE_LICENSE "\(.*\)")$/\1/p' "$LMF_BUILD/CPackConfig.cmake" | sed 's/\\"/"/g')
  run rpm --define 'name lmf-torch' --eval "$licence"
  expect_said "which is another for libtorch" '^BSD-3-Clause$'
  run rpm -qpl rpms/lmf-0*.rpm
  expect_said "lmf is in its own" "/usr/bin/lmf$"
else
  echo "rpmbuild is not there: not tried"
fi

# What the package of libtorch would hold.
if grep -q 'CPACK_COMPONENTS_ALL.*lmf-torch' "$LMF_BUILD/CPackConfig.cmake"; then
  run cmake --install "$LMF_BUILD" --prefix "$scratch/torch" --component lmf-torch
  (cd torch && find . -type f | sort) >said
  expect_said "libtorch's package has it and its licence" "/lmf/private/libtorch_cpu.so" "/lmf/private/libc10.so" "libtorch-licenses/LICENSE"
  expect_not_said "and nothing but that" '^\./\(bin\|share\|include\)\|plugins-1'
fi
run "$LMF_SOURCE/packaging/packages.sh" deb third lmf-nothing
expect "an unknown package" status 2
expect_said "is refused by name" "there is no package lmf-nothing"
finish
