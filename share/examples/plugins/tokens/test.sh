# The command as a user runs it, with the model and a data set that lmf brings: test.sh LMF FOLDER_OF_THE_PLUGIN
lmf=$1 folder=$2 failed=0
share=$(cd "$(dirname "$lmf")/../share/lmf" && pwd)
expect() { # sentence, exit status, text of the output, words of the command
  sentence=$1 wanted=$2 text=$3
  shift 3
  output=$("$lmf" --plugin-dir "$folder" tokens "$@" 2>&1)
  status=$?
  case $output in *"$text"*) said=yes ;; *) said=no ;; esac
  if [ $status -ne "$wanted" ] || [ $said = no ]; then
    printf 'FAILED: %s: expected status %s and "%s", got %s and:\n%s\n' "$sentence" "$wanted" "$text" $status "$output"
    failed=1
  fi
}
cat >rows.json <<'R'
[{"instruction": "a", "output": "b"}, {"instruction": "What is the capital of Norway?", "output": "Oslo."}]
R
set -- --model "$share/models/demo" --template chatml
expect "it counts" 0 "2 rows, " rows.json "$@"
expect "each row has a line" 0 "rows.json:1 (record 1)	" rows.json "$@" --per_row
expect "all are longer than nothing" 0 "2 (100.0 %) longer than cutoff_len 1" rows.json "$@" --cutoff_len 1
expect "none is longer than much" 0 "0 (0.0 %) longer than cutoff_len 4096" rows.json "$@" cutoff_len=4096
expect "a data set of lmf" 0 "336 rows, " "$share/data/countries.json" "$@"
expect "a wrong number is explained" 2 "cutoff_len" rows.json "$@" --cutoff_len no
expect "a misspelt option is known" 2 "Did you mean" rows.json "$@" --cutof_len 3
expect "a file that is not there" 2 "none.json" none.json "$@"
expect "no model" 2 "expected --model" rows.json
expect "no file" 2 "expected the data file first"
exit $failed
