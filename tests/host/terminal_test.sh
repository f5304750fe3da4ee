#!/usr/bin/env bash
# Help on a terminal: its width, colour unless somebody forbids it, a man page through man.
set -u
source "$LMF_SOURCE/tests/e2e/expect.sh"
command -v script >/dev/null || { echo "skipped: script(1) is not here"; exit 77; }
export TERM=xterm MANPAGER=cat LC_ALL=C.UTF-8
unset NO_COLOR COLUMNS
on_terminal() { # columns, command; its output without carriage returns
  status=0
  script -qec "stty cols $1 rows 50; $2" /dev/null </dev/null | tr -d '\r' >said || status=$?
}
bold=$(printf '\033\\[1m')
on_terminal 60 "'$LMF_BUILD/bin/lmf' help"
expect_said "help on a terminal is coloured" "$bold" "$(printf '\033\\[36m')train"
sed 's/\x1b\[[0-9]*m//g' said >plain
expect_true "and as wide as it" awk 'length > 60 { wide = 1 } length > 50 { near = 1 } END { exit wide || !near }' plain
on_terminal 60 "COLUMNS=100 '$LMF_BUILD/bin/lmf' help"
sed 's/\x1b\[[0-9]*m//g' said >plain
expect_true "or as COLUMNS says" awk 'length > 80 { wide = 1 } END { exit !wide }' plain
for variable in NO_COLOR=1 TERM=dumb TERM=; do
  on_terminal 80 "$variable '$LMF_BUILD/bin/lmf' help train"
  expect_not_said "$variable: no colour" "$bold"
  expect_said "$variable: help" 'lora_rank=INTEGER'
done
"$LMF_BUILD/bin/lmf" help train >said
expect_not_said "off a terminal: no colour" "$bold"
if man --version 2>/dev/null | grep -q '^man '; then
  on_terminal 80 "'$LMF_BUILD/bin/lmf' help train --man | cat"
  expect_said "off a terminal the page is roff" '^\.TH "LMF'
  on_terminal 80 "'$LMF_BUILD/bin/lmf' help train --man"
  expect_not_said "on one it is laid out" '^\.TH "LMF'
  expect_said "on one it is laid out" 'LMF-TRAIN(1)'
fi
on_terminal 80 "PATH=/nowhere '$LMF_BUILD/bin/lmf' help train --man"
expect_said "without man that is said" 'cannot show the page' 'lmf help train'
finish
