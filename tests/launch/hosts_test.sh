# Nodes on several hosts that meet, that are cut off, that are told to stop.
. "${LMF_SOURCE:-$(dirname "$0")/../..}/tests/launch/hosts.sh"

for host in 1 2 3; do elastic $host cut 2:3 --rdzv-conf last_call_timeout=60,$impatient; done
for host in 1 2 3; do seen "three hosts meet" $host cut "of 3, attempt 0, master 10.77.0.1"; done
ip link set v3 down
seen "a host that is cut off is missed" 1 cut "is lost: not a sign of life"
for host in 1 2; do seen "the others go on without it" $host cut "of 2, attempt 1, master 10.77.0.1"; done
ended "who is cut off gives up" 3 cut 1
expect_said "who is cut off says why" "the store at 10.77.0.1:29400 is lost: it has not answered for 3 s"
expect_true "it leaves no worker behind" [ "$(workers_on 3)" = 0 ]
ip link set v3 up
elastic 3 cut 2:3 --rdzv-conf last_call_timeout=60,$impatient
seen "the cable is in again, and a new agent joins" 3 cut "of 3, attempt 2"
kill -TERM "${agents[cut.2]}"
ended "one is told to stop" 2 cut 143
for host in 1 3; do seen "its good-bye is heard" $host cut "of 2, attempt 3"; done
touch logs/stop.cut
ended "the job ends well on the host of the store" 1 cut 0
ended "the job ends well on the newcomer" 3 cut 0

static 1 fixed 0
static 2 fixed 1
for host in 1 2; do seen "static: two hosts meet" $host fixed "of 2, attempt 0, master 10.77.0.1"; done
ip link set v2 down
ended "static: node 0 ends when node 1 is cut off" 1 fixed 1
expect_said "static: node 0 names it" "node 1 (host .* is lost"
ended "static: node 1 ends as well" 2 fixed 1
expect_said "static: node 1 says why" "the store at 10.77.0.1:29500 is lost"
for host in 1 2; do expect_true "no worker is left on host $host" [ "$(workers_on $host)" = 0 ]; done
finish
