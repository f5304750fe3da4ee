#!/usr/bin/env bash
# The demo: packaging/demo.sh [BUILD_FOLDER [OUTPUT_FOLDER]]. Trains a small model from nothing on share/data/countries.json,
# then asks it three questions, the last of them worded as no example is. Ends with 1 when an answer is wrong.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$(cd "${1:-$root/build/release}" && pwd)
output=${2:-$root/saves/demo}
lmf=$build/bin/lmf
cd "$root"

questions=("Which city is the capital of Norway?" "What is Brazil's main language?" "Do you know the currency of Japan?")
answers=("The capital of Norway is Oslo." "The main language of Brazil is Portuguese." "The currency of Japan is the yen.")
if grep -qF "${questions[2]% Japan?}" share/data/countries.json; then
  echo "packaging/demo.sh: the data now has the wording \"${questions[2]}\": ask something new" >&2
  exit 1
fi

echo "== lmf train share/examples/demo.yaml output_dir=$output"
begin=$SECONDS
"$lmf" train share/examples/demo.yaml output_dir="$output"
echo "== trained in $((SECONDS - begin)) s; the loss's course is in $output/training_loss.png"

ask=("$lmf" chat --model_name_or_path "$output" --template chatml --do_sample false)
for question in "${questions[@]}"; do ask+=(--prompt "$question"); done
mapfile -t said < <("${ask[@]}")

wrong=0
for number in "${!questions[@]}"; do
  printf '\nUser:      %s\nAssistant: %s\n' "${questions[number]}" "${said[number]:-}"
  if [ "${said[number]:-}" != "${answers[number]}" ]; then
    printf '           expected: %s\n' "${answers[number]}"
    wrong=1
  fi
done
printf '\nThe last question is worded as none of the examples. Ask more:\n  %s\n' \
  "$lmf chat --model_name_or_path $output --template chatml"
exit "$wrong"
