#!/usr/bin/env bash
# The man pages, by hand and made by the build, are what man(1) and groff(1) take without a word, and are named as they are installed.
set -u
source "$LMF_SOURCE/tests/e2e/expect.sh"
man --version 2>/dev/null | grep -q "^man " && command -v groff >/dev/null || { echo "skipped: man or groff is not here"; exit 77; }
export LC_ALL=C.UTF-8 MANWIDTH=80
pages=$LMF_BUILD/share/man
for page in lmf.1 lmf-plugins.7 lmf-plugin.toml.5 lmf-train.1 lmf-run.1 lmf-chat.1 lmf-api.1 lmf-export.1 lmf-env.1; do
  man --warnings -l "$pages/$page" >shown 2>said
  status=$?
  expect "man shows $page" status 0
  expect_true "man warns of nothing in $page" test ! -s said
  groff -ww -man -Tutf8 "$pages/$page" >/dev/null 2>said
  expect_true "groff warns of nothing in $page" test ! -s said
  expect_true "$page has a name and a synopsis or description" grep -q 'NAME' shown
  if command -v mandoc >/dev/null; then
    mandoc -T lint -W warning "$pages/$page" 2>&1 | grep -v 'missing date' >said # none, so that builds repeat
    expect_true "mandoc finds nothing in $page" test ! -s said
  fi
done
man -l "$pages/lmf-train.1" 2>/dev/null | col -b >said
expect_said "lmf-train(1) says what help says" 'lora_rank=INTEGER' 'Inner width of the adapter' 'Default: 8' 'NOT IN THIS VERSION' -- '--check'
# What help lists of the program itself, the pages by hand have too.
for page in lmf.1 lmf-plugins.7; do MANWIDTH=200 man --nh --nj -l "$pages/$page" 2>/dev/null | col -b; done >said
while read -r word; do
  expect_true "the pages have '$word'" grep -qwF -- "$word" said
done < <({ "$LMF_BUILD/bin/lmf" help; "$LMF_BUILD/bin/lmf" help plugin; } 2>/dev/null | grep -oE -e '^  [a-z][a-z-]*' -e '--[a-z][a-z-]*' | grep -vx -e '  web.*' | sort -u)
"$LMF_BUILD/bin/lmf" help train --man >again 2>/dev/null
expect_true "it is the page that help --man prints" cmp again "$pages/lmf-train.1"
finish
