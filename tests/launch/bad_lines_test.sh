# Nodes on several hosts whose lines are slow and lose packets, or carry them one way only.
set_up_more() { # what a host sends waits in a slow line, what reaches it passes a filter
  why_not="there is no nft(8)"
  command -v nft > /dev/null || return
  why_not="packets cannot be lost or delayed here"
  local host
  for host in 1 2; do
    tc -n h$host qdisc add dev eth0 root tbf rate 64kbit burst 2kb latency 4s 2> /dev/null || return
    filter $host 'numgen inc mod 10 == 0 counter drop' 2> /dev/null || return
  done
}
filter() { # host, rule: for what reaches it
  ip netns exec h"$1" nft -f - <<END
table netdev line
delete table netdev line
table netdev line { chain in { type filter hook ingress device eth0 priority 0; $2; }; }
END
}
. "${LMF_SOURCE:-$(dirname "$0")/../..}/tests/launch/hosts.sh"

for host in 1 2; do elastic $host bad 2 --max-restarts 1; done
for host in 1 2; do seen "two hosts meet over bad lines" $host bad "of 2, attempt 0, master 10.77.0.1"; done
touch logs/fail.bad.0
for host in 1 2; do seen "after a failure they start again together" $host bad "of 2, attempt 1, master 10.77.0.1"; done
for host in 1 2; do
  expect_true "packets to host $host were lost" grep -qv 'packets 0 ' <(ip netns exec h$host nft list table netdev line | grep counter)
done
touch logs/stop.bad
for host in 1 2; do
  ended "they end well" $host bad 0
  expect_not_said "nobody is taken for lost" "lost"
done

for host in 1 2; do filter $host accept; elastic $host deaf 1:2 --rdzv-conf last_call_timeout=60,$impatient; done
for host in 1 2; do seen "two hosts meet" $host deaf "of 2, attempt 0"; done
filter 1 'ip saddr 10.77.0.2 drop' # the other direction stays
seen "who is no longer heard is missed" 1 deaf "is lost: not a sign of life"
seen "the other goes on alone" 1 deaf "of 1, attempt 1"
ended "who is not heard gives up" 2 deaf 1
expect_said "who is not heard says why" "the store at 10.77.0.1:29400 is lost: it has not"
expect_true "it leaves no worker behind" [ "$(workers_on 2)" = 0 ]
touch logs/stop.deaf
ended "the job ends well" 1 deaf 0
finish
