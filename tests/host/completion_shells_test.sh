#!/usr/bin/env bash
# Completion in the real shells, typed on a terminal: bash always, zsh and fish where they are there. `lmf` on PATH is a script
# that completes as the program does, and writes the words it is otherwise called with into the file `called`.
set -u
source "$LMF_SOURCE/tests/e2e/expect.sh"
rm -rf bin home files && mkdir -p bin home/zsh files/configs files/'a b'
touch files/configs/one.yaml files/configs/other.txt files/'a b'/two.yaml files/data.json
for name in lmf llamafactory-cli; do
  cat >bin/$name <<S
#!/bin/bash
case \${1:-} in
  __complete) "$LMF_BUILD/bin/$name" "\$@" && echo >>"$PWD/called.answered" ;;
  completion) exec "$LMF_BUILD/bin/$name" "\$@" ;;
  *) printf '<%s>' "\$@" >"$PWD/called.new" && mv "$PWD/called.new" "$PWD/called" ;;
esac
S
  chmod +x bin/$name
done
export PATH=$PWD/bin:$PATH HOME=$PWD/home XDG_CONFIG_HOME=$PWD/home XDG_DATA_HOME=$PWD/home XDG_CACHE_HOME=$PWD/home LC_ALL=C.UTF-8 TERM=vt100
export LMF_PLUGIN_PATH=$LMF_BUILD/tests/plugins/greet ZDOTDIR=$PWD/home/zsh
printf 'source <(lmf completion bash)\nPS1="$ "\n' >home/bashrc
printf 'autoload -Uz compinit && compinit -u -D\nsource <(lmf completion zsh)\nPS1="$ "\nunsetopt prompt_sp\n' >home/zsh/.zshrc
mkdir -p home/fish && printf 'set -g fish_greeting\nlmf completion fish | source\n' >home/fish/config.fish

types() { # what it shows, keys, a pattern of the words that the program is to be called with
  rm -f called called.ready called.answered
  (cd files && printf '%s\n' "$2" | python3 "$LMF_SOURCE/tests/host/type_line.py" ../called "${shell[@]}") >said 2>&1
  [ ! -e called ] || cat called >>said
  expect_true "${shell[0]}: $1 ($2 gives $3)" grep -qx -- "$3" called
}

for name in bash zsh fish; do
  command -v $name >/dev/null || { echo "$name is not here: its completion is not looked at"; continue; }
  case $name in
    bash) shell=(bash --noprofile --rcfile "$HOME/bashrc" -i) ;;
    *) shell=($name -i) ;;
  esac
  types "a command" 'lmf gree\t Ada' '<greet><Ada>'
  types "by its other name" 'llamafactory-cli gree\t Ada' '<greet><Ada>'
  types "an alias" 'lmf hell\t' '<hello>'
  types "a qualified name" 'lmf acme.g\t' '<acme.greet>'
  types "an option" 'lmf greet --lo\t' '<greet><--loud>'
  types "a key, and its value" 'lmf greet lang\tf\t' '<greet><language=fr>'
  types "a choice after a blank" 'lmf greet --language e\t' '<greet><--language><en>'
  types "a configuration file in a folder" 'lmf train conf\tone\t' '<train><configs/one.yaml>'
  types "no other file" 'lmf train configs/o\t' '<train><configs/one.yaml>'
  types "a file as a value" 'lmf train dataset=da\t' '<train><dataset=data.json>'
  types "a folder with a blank in its name" 'lmf train dataset=a\ttwo\t' '<train><dataset=a b/two.yaml>'
  types "a language for a new plugin" 'lmf plugin new my --language r\t' '<plugin><new><my><--language><rust>'
  types "a host option's folder" 'lmf --plugin-dir conf\t' '<--plugin-dir><configs/\?>'
done
finish
