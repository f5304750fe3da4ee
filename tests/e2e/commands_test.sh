#!/usr/bin/env bash
# lmf as a user runs it: exit statuses, both of its names, other working directories, odd paths, a home it may not write to.
set -u
source "$LMF_SOURCE/tests/e2e/expect.sh"
bin=$LMF_BUILD/bin
lmf() { status=0; timeout 60 "${program:-$bin/lmf}" "$@" >said 2>&1 </dev/null || status=$?; }

lmf version
expect "version" status 0
expect_said "version says which" 'lmf [0-9]*\.[0-9]*\.[0-9]*'
for arguments in "" -h --help help; do
  lmf $arguments
  expect "lmf $arguments" status 0
  expect_said "lmf $arguments lists the commands" train chat api export env version
done
for command in train chat api export env version help; do
  lmf help $command
  expect "help $command" status 0
  expect_said "help $command shows its use" "$command"
  lmf $command --help
  expect "$command --help" status 0
done
lmf env
expect "env" status 0
expect_said "env says what a bug report needs" lmf libtorch CPU
lmf env --json
expect "env --json" status 0
expect_true "env --json is JSON" python3 -m json.tool said

lmf trian
expect "an unknown command" status 127
expect_said "an unknown command gets a suggestion" train
lmf xyzzyxyzzy
expect "an unknown command like no other" status 127
for command in webui webchat; do
  lmf $command
  expect "$command, known but not written yet" status 127
  expect_said "$command is said not to be in this version" 'not part of this version'
done
lmf version --no-such-option
expect "an unknown option of the host" status 2
lmf env --jsno
expect "an unknown option of a plugin" status 2
expect_said "an unknown option gets a suggestion" '--json'
lmf train
expect "train without a configuration" status 2
lmf train no-such-file.yaml
expect "train with a file that is not there" status 2
expect_said "the file is named" 'no-such-file.yaml'
printf 'stage: sft\nlerning_rate: 1.0e-4\n' >typo.yaml
lmf train --check typo.yaml
expect "train with an unknown key" status 2
expect_said "the unknown key is named with its place and a suggestion" 'typo.yaml:2' 'learning_rate'
lmf chat --model_name_or_path no/such/folder --template qwen
expect_true "chat with a model that is not there fails" test $status -ne 0
expect_said "the model is named" 'no/such/folder'

lmf api --model_name_or_path no/such/folder
expect "api with a model that is not there" status 2
expect_said "the model is named" 'no/such/folder'

lmf export --model_name_or_path no/such/folder --export_dir no-output
expect "export of a model that is not there" status 2
expect_said "the model is named" 'no/such/folder'
LD_DEBUG=files lmf export --model_name_or_path "$LMF_SOURCE/tests/fixtures/export/base-float32" --export_dir no-output --verify=off
expect_true "export loads its plugin" grep -q 'liblmf-export.so' said
expect_not_said "and no libtorch" 'libtorch'

# Before libgomp is loaded, which cannot be told later. Another OpenMP than libgomp says nothing of it.
gomp() { ldd "$LMF_BUILD"/lib/lmf/*/"$1" | grep -q libgomp; }
for words in "chat --model_name_or_path no/such/folder" \
  "train model_name_or_path=no/such/folder dataset=$LMF_SOURCE/share/data/countries.json template=chatml do_train=true use_cpu=true output_dir=no-output"; do
  case ${words%% *} in chat) library=liblmf-chat.so ;; *) library=liblmf-train-worker.so ;; esac
  gomp $library || { echo "${words%% *} uses no libgomp: how it waits is not looked at"; continue; }
  for chosen in "" GOMP_SPINCOUNT=77 OMP_WAIT_POLICY=active; do
    env $chosen OMP_DISPLAY_ENV=verbose "$bin/lmf" $words >said 2>&1 </dev/null
    spins=$(sed -n "s/.*GOMP_SPINCOUNT = '\(.*\)'.*/\1/p" said)
    expect_true "${words%% *} says how it waits ($chosen)" test -n "$spins"
    case $chosen in
      "") expect_true "${words%% *} spins shortly ($spins)" test "$spins" = 1000 ;;
      GOMP*) expect_true "${words%% *} spins as the user says ($spins)" test "$spins" = 77 ;;
      *) expect_true "${words%% *} waits as the user says ($spins)" test "$spins" != 1000 ;;
    esac
  done
done

program=$bin/llamafactory-cli
lmf trian
expect "by its other name" status 127
expect_said "messages use the name it was called by" '^llamafactory-cli: '
lmf version
expect "version by its other name" status 0

place="$PWD/größe und 名前"
rm -rf "$place"
mkdir -p "$place/bin" "$place/cwd"
ln -s "$bin/lmf" "$place/bin/lmf"
(cd "$place/cwd" && timeout 60 "$place/bin/lmf" env) >said 2>&1 </dev/null
status=$?
expect "through a link in a folder with blanks and other scripts" status 0
expect_said "its plugins are found from there" 'train'
(cd / && PATH="$bin:$PATH" timeout 60 lmf help train) >said 2>&1 </dev/null
status=$?
expect "from PATH, in another working directory" status 0
mkdir -p readonly
chmod 500 readonly
for home in "$PWD/readonly" /no/such/home ""; do
  HOME=$home XDG_CACHE_HOME= lmf env
  expect "with the home '$home'" status 0
done
env -i "$bin/lmf" version >said 2>&1
status=$?
expect "with no environment at all" status 0
status=0
"$bin/lmf" help >/dev/full 2>said || status=$?
expect "help into a full disk" status 1
finish
