# Completion of lmf and llamafactory-cli in bash. It asks the program itself, so that what is installed later is completed at once:
#   source <(lmf completion bash)
_lmf_complete() {
  # Bash cuts words at '=' and ':'; here they are joined again as they stand in the line, up to the cursor.
  local line=${COMP_LINE:0:COMP_POINT} program words=() word i
  line=${line#*"${COMP_WORDS[0]}"}
  for ((i = 1; i <= COMP_CWORD; i++)); do
    if [[ $i -eq 1 || $line == [[:space:]]* ]]; then
      line=${line#"${line%%[![:space:]]*}"}
      words+=('')
    fi
    word=${COMP_WORDS[i]}
    [[ $i -lt $COMP_CWORD ]] || word=$line
    words[-1]+=$word
    line=${line#"$word"}
  done
  program=$(type -P -- "${COMP_WORDS[0]/#\~/$HOME}") || program=lmf # an alias

  local current=${words[-1]} candidates=() files=() fields=() name pattern
  while IFS= read -r line; do
    word=${line%%$'\t'*}
    if [[ $word == :* ]]; then
      IFS=$'\x1f' read -ra fields <<<"${line//$'\t'/$'\x1f'}" # an empty field counts
      while IFS= read -r name; do
        if [[ $word == :folders || ${#fields[@]} -lt 3 || -d ${name/#\~/$HOME} ]]; then
          files+=("${fields[1]}$name")
        else
          for pattern in "${fields[@]:2}"; do
            # shellcheck disable=SC2053 # it is a pattern
            [[ $name != $pattern ]] || files+=("${fields[1]}$name")
          done
        fi
      done < <(compgen "-$([[ $word == :files ]] && echo f || echo d)" -- "${current#"${fields[1]}"}")
    elif [[ -n $word ]]; then
      candidates+=("$word")
    fi
  done < <("$program" __complete -- "${words[@]}" 2>/dev/null)

  # Bash quotes what it takes for names of files, also a key's '='. With both kinds there is no single one to quote.
  [[ ${#candidates[@]} -gt 0 || ${#files[@]} -eq 0 ]] || compopt -o filenames 2>/dev/null

  # What lies before the last '=' or ':' stays as it is where bash cuts there.
  local fixed=
  [[ $COMP_WORDBREAKS != *=* || $current != *=* ]] || fixed=${current%"${current##*=}"}
  [[ $COMP_WORDBREAKS != *:* || ${current#"$fixed"} != *:* ]] || fixed=${current%"${current##*:}"}
  COMPREPLY=()
  for word in "${candidates[@]}" "${files[@]}"; do COMPREPLY+=("${word#"$fixed"}"); done
  [[ ${#COMPREPLY[@]} -ne 1 || ${COMPREPLY[0]} != *= ]] || compopt -o nospace 2>/dev/null
}
complete -F _lmf_complete lmf llamafactory-cli
