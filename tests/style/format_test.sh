#!/usr/bin/env bash
# Every C++ and C file is as clang-format-14 writes it. Other versions write some lines differently, so no other is taken.
set -u
command -v clang-format-14 >/dev/null || { echo "skipped: clang-format-14 is not installed"; exit 77; }
cd "$LMF_SOURCE" || exit
mapfile -d '' -t files < <(find host packaging plugins sdk tests -regex '.*\.[ch]\(pp\)?' -print0)
[ ${#files[@]} -gt 100 ] || { echo "only ${#files[@]} files were found in $LMF_SOURCE"; exit 1; }
clang-format-14 --dry-run -Werror --ferror-limit=1 "${files[@]}" && exit
echo "Next: clang-format-14 -i on the files named above"
exit 1
