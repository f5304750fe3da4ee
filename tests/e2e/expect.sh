# Expectations of the tests in bash: each prints one line; `finish` ends the test with 0 only when all of them held.
# They read $status, and the files `said` (output) and `calls` (calls of faked tools) of the current folder.
failures=0 held=0
verdict() { # what was expected, did it hold
  if [ "$2" = 0 ]; then
    held=$((held + 1))
  else
    failures=$((failures + 1))
    printf 'FAILED: %s\n' "$1"
    sed 's/^/    | /' said | tail -n 20
  fi
}
expect() { # sentence, "status", the exit status
  [ "$status" = "$3" ]
  verdict "$1: status $3, was $status" $?
}
expect_said() { # sentence, patterns that the output has to contain
  local sentence=$1 pattern
  shift
  for pattern; do
    grep -q -- "$pattern" said
    verdict "$sentence: /$pattern/" $?
  done
}
expect_not_said() { ! grep -q -- "$2" said; verdict "$1: not /$2/" $?; }
expect_call() { grep -q -- "$2" calls; verdict "$1: /$2/" $?; }
expect_no_call() { ! grep -q -- "$2" calls; verdict "$1: no /$2/" $?; }
expect_true() { # sentence, command...
  local sentence=$1
  shift
  "$@" >/dev/null 2>&1
  verdict "$sentence: $*" $?
}
finish() {
  printf '%d expectations held, %d did not\n' "$held" "$failures"
  [ "$failures" = 0 ]
  exit
}
