#compdef lmf llamafactory-cli
# Completion of lmf and llamafactory-cli in zsh. It asks the program itself, so that what is installed later is completed at once:
#   source <(lmf completion zsh)     after compinit; or this file as _lmf in a folder of $fpath
_lmf() {
  local line word meaning
  local -a plain open shown_plain shown_open fields
  local -a asked=("${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}")
  local result=1
  for line in "${(@f)$("${(Q)words[1]/#\~/$HOME}" __complete -- "${asked[@]}" 2>/dev/null)}"; do
    fields=("${(@ps:\t:)line}")
    word=$fields[1] meaning=${fields[2]:-}
    case $word in
      '') ;;
      :files | :folders)
        [[ -z $meaning ]] || compset -P "${(b)meaning}"
        if [[ $word == :folders ]]; then
          _files -/ && result=0
        elif (( $#fields > 2 )); then
          _files -g "${(j: :)fields[3,-1]}" && result=0
        else
          _files && result=0
        fi ;;
      *=) open+=("$word") shown_open+=("$word${meaning:+  -- $meaning}") ;;
      *) plain+=("$word") shown_plain+=("$word${meaning:+  -- $meaning}") ;;
    esac
  done
  if (( $#plain )); then compadd -l -d shown_plain -a plain && result=0; fi
  if (( $#open )); then compadd -l -S '' -d shown_open -a open && result=0; fi
  return $result
}
if [[ $funcstack[1] == _lmf ]]; then _lmf "$@"; else compdef _lmf lmf llamafactory-cli; fi
