"""Cases of several agents, all on this machine: static and elastic rendezvous."""
import os
import signal
import time
import uuid

from harness import Job, case, free_port
from stopping import signals_of


class Nodes:
    """Agents of one job, started one after the other."""

    def __init__(self, launcher, options, environment=None):
        self.launcher, self.options, self.environment, self.jobs = launcher, options, environment, []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for job in self.jobs:
            job.clean()

    def start(self, plan=None, options=(), launcher=None):
        self.jobs.append(Job(launcher or self.launcher, [*self.options, *options], plan, environment=self.environment))
        return self.jobs[-1]

    def until(self, condition, patience=120):
        limit = time.time() + patience
        while not condition():
            if time.time() > limit:
                raise TimeoutError("; ".join(f"[{n}] status {job.process.poll()} {job.errors()[-300:]}" for n, job in enumerate(self.jobs)))
            time.sleep(0.05)


def static(launcher, nodes=2, environment=None, conf=None):
    options = [f"--nnodes={nodes}", "--master-addr=127.0.0.1", f"--master-port={free_port()}"]
    return Nodes(launcher, options + ([f"--rdzv-conf={conf}"] if conf else []), environment)


def elastic(launcher, nodes="2", conf="last_call_timeout=1", environment=None):
    options = [f"--nnodes={nodes}", "--rdzv-backend=c10d", f"--rdzv-endpoint=127.0.0.1:{free_port()}",
               f"--rdzv-id={uuid.uuid4().hex[:8]}"]
    return Nodes(launcher, options + ([f"--rdzv-conf={conf}"] if conf else []), environment)


def place(job):
    found = job.environments()
    return " ".join(f"{r}/{found[r]['WORLD_SIZE']}" for r in sorted(found))


def worlds(job):
    """The world sizes that the workers of an agent have seen, in order, each once in a row."""
    seen = []
    for event in job.events("start"):
        size = event["environment"]["WORLD_SIZE"]
        if not seen or seen[-1] != size:
            seen.append(size)
    return " ".join(seen)


@case("C04", "static, nodes of 1 and 2 workers", "0 0, 0/3 and 1/3 2/3, local 1 2, OMP False True")
def c04(launcher):
    with static(launcher) as nodes:
        a = nodes.start(options=["--node-rank=0", "--nproc-per-node=1"])
        b = nodes.start(options=["--node-rank=1", "--nproc-per-node=2"])
        statuses = f"{a.status()} {b.status()}"
        one, two = a.environments()["0"], b.environments()["1"]
        return (f"{statuses}, {place(a)} and {place(b)}, local {one['LOCAL_WORLD_SIZE']} {two['LOCAL_WORLD_SIZE']}, "
                f"OMP {'OMP_NUM_THREADS' in one} {'OMP_NUM_THREADS' in two}")


@case("C05", "elastic, nodes of 1 and 2 workers", "0 0, ranks 0 1 2 of 3, groups 2 of 2, another port for the workers")
def c05(launcher):
    with elastic(launcher) as nodes:
        a = nodes.start(options=["--nproc-per-node=1"])
        b = nodes.start(options=["--nproc-per-node=2"])
        statuses = f"{a.status()} {b.status()}"
        found = {**a.environments(), **b.environments()}
        env = found["0"]
        groups = {e["GROUP_RANK"] for e in found.values()}
        port = "another port" if f":{env['MASTER_PORT']}" not in " ".join(nodes.options) else "the same port"
        return f"{statuses}, ranks {' '.join(sorted(found))} of {env['WORLD_SIZE']}, groups {len(groups)} of {env['GROUP_WORLD_SIZE']}, {port} for the workers"


@case("C06", "static, three nodes of 1, 2 and 3 workers in two roles", "0 0 0, RANK 0 | 1 2 | 3 4 5, ROLE_RANK 0 | 0 1 | 2 3 4")
def c06(launcher):
    with static(launcher, nodes=3) as nodes:
        for rank, role in enumerate(("master", "trainer", "trainer")):
            nodes.start(options=[f"--node-rank={rank}", f"--nproc-per-node={rank + 1}", f"--role={role}"])
        statuses = " ".join(str(job.status()) for job in nodes.jobs)
        found = [sorted(job.environments().values(), key=lambda e: int(e["RANK"])) for job in nodes.jobs]
        shown = [" | ".join(" ".join(e[name] for e in envs) for envs in found) for name in ("RANK", "ROLE_RANK")]
        return f"{statuses}, RANK {shown[0]}, ROLE_RANK {shown[1]}"


@case("C25", "elastic, a worker of one node fails once: both restart, in the same attempt",
      "0 0, starts 2 2, attempts 0 1 and 0 1", "0 0, starts 2 2, attempts ? ? and ? ?")
def c25(launcher):
    with elastic(launcher) as nodes:
        a = nodes.start({"*": ["once", "leave SIGTERM 0", "wait", "else"]}, ["--max-restarts=1"])
        b = nodes.start({"*": ["once", "sleep 1", "exit 3", "else"]}, ["--max-restarts=1"])
        # "once" is by the agent's own count, which stays 0 on a: its second worker has to be let go by the attempt.
        nodes.until(lambda: len(a.events("start")) == 2 and len(b.events("start")) == 2)
        attempts = [" ".join(e["environment"].get("LMF_ATTEMPT", "?") for e in job.events("start")) for job in (a, b)]
        return f"{leave(a)} {b.status()}, starts {len(a.events('start'))} {len(b.events('start'))}, attempts {attempts[0]} and {attempts[1]}"


def leave(job):
    """Lets a worker that waits end, by its own way out of SIGTERM, sent to the worker alone."""
    for event in job.events("start"):
        try:
            os.kill(event["pid"], signal.SIGTERM)
        except ProcessLookupError:
            pass
    return job.status()


@case("C26", "the same with collectives", "0 0, 4 times the sum 2.0", "0 0, 4 times the sum 2.0", needs="torch")
def c26(launcher):
    plan = {"*": ["all_reduce 3"]}
    with elastic(launcher) as nodes:
        a = nodes.start(plan, ["--max-restarts=1"])
        b = nodes.start({"*": ["all_reduce 3", "once", "exit 3", "else"]}, ["--max-restarts=1"])
        statuses = f"{a.status()} {b.status()}"
        sums = [e["sum"] for job in (a, b) for e in job.events("reduced")]
        return f"{statuses}, {len(sums)} times the sum {' '.join(str(s) for s in set(sums))}"


@case("C27", "elastic, a node that is not the store's host fails for good: the other ends too, and says which and its last words",
      "3 3, SIGTERM, named True, its words True", "hangs 1, none, named False, its words False")
def c27(launcher):
    return one_node_fails(launcher, host_fails=False)


@case("C28", "elastic, the store's host fails for good: the other ends too",
      "3 3, SIGTERM, named True, its words True", "1 1, SIGTERM, named False, its words False")
def c28(launcher):
    return one_node_fails(launcher, host_fails=True)


def one_node_fails(launcher, host_fails):
    good, bad = {"*": ["leave SIGTERM 0", "wait"]}, {"*": ["sleep 1", "stderr out of luck", "exit 3"]}
    with elastic(launcher) as nodes:
        a = nodes.start(bad if host_fails else good)
        nodes.until(lambda: is_listening(nodes))
        b = nodes.start(good if host_fails else bad)
        survivor = b if host_fails else a
        statuses = f"{a.status(30)} {b.status(30)}"
        named = "exit code 3" in survivor.errors()
        words = "| out of luck" in survivor.errors()
        return f"{statuses}, {signals_of(survivor, survivor.events('start')[0]['rank'])}, named {named}, its words {words}"


def is_listening(nodes):
    """Whether the nodes' meeting place, the endpoint or MASTER_PORT, is open."""
    import socket
    given = dict(option.split("=", 1) for option in nodes.options)
    port = given.get("--rdzv-endpoint", given.get("--master-port")).rsplit(":", 1)[-1]
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(port))) == 0


@case("C29", "elastic, the store's host is killed: the other ends, nothing is left on either",
      "killed by SIGKILL 1, nothing left, nothing left", "killed by SIGKILL 1, orphans, nothing left")
def c29(launcher):
    with elastic(launcher) as nodes:
        a = nodes.start({"*": ["wait"]})
        nodes.until(lambda: is_listening(nodes))
        b = nodes.start({"*": ["wait"]})
        nodes.until(lambda: a.events("start") and b.events("start"))
        a.signal("SIGKILL")
        return f"{a.status()} {b.status(40)}, {a.left()}, {b.left()}"


@case("C30", "elastic 1:2, a node is killed amid collectives: the other goes on alone", "0, worlds 2 1", "0, worlds 2 1", needs="torch")
def c30(launcher):
    # Whether the worker's error or the node's absence is seen first decides whether it counts as a restart, so that the
    # worker goes by the size of its world.
    plan = {"0/1": ["all_reduce 3"], "*": ["all_reduce 100000000"]}
    with elastic(launcher, "1:2", "last_call_timeout=60") as nodes:
        a = nodes.start(plan, ["--max-restarts=3"])
        nodes.until(lambda: is_listening(nodes))
        b = nodes.start(plan, ["--max-restarts=3"])
        a.until("group"), b.until("group")
        b.signal("SIGKILL")
        return f"{a.status()}, worlds {worlds(a)}"


@case("C31", "elastic 1:2, a node is killed, workers silent: the other is started again alone",
      "worlds 2 1, says good-bye: worlds 2 1", "TimeoutError")
def c31(launcher):
    results = []
    for name in ("SIGKILL", "SIGTERM"):
        with elastic(launcher, "1:2") as nodes:
            a = nodes.start({"*": ["wait"]})
            nodes.until(lambda: is_listening(nodes))
            b = nodes.start({"*": ["wait"]})
            nodes.until(lambda: b.events("start") and worlds(a).endswith("2"))
            b.signal(name)
            nodes.until(lambda: worlds(a).endswith("1") and worlds(a) != "1", 30)
            results.append(f"worlds {worlds(a)[-3:]}")
    return f"{results[0]}, says good-bye: {results[1]}"


@case("C32", "elastic 1:2, a second node comes while the first works: both start together, no restart is used up",
      "worlds 1 2 and 2, count 0", "TimeoutError")
def c32(launcher):
    with elastic(launcher, "1:2") as nodes:
        a = nodes.start({"*": ["wait"]})
        nodes.until(lambda: a.events("start"))
        b = nodes.start({"*": ["wait"]})
        nodes.until(lambda: b.events("start") and worlds(a).endswith("2"), 60)
        return f"worlds {worlds(a)} and {worlds(b)}, count {a.events('start')[-1]['environment']['TORCHELASTIC_RESTART_COUNT']}"


@case("C33", "elastic 2:2, a node is killed and another comes: it takes its place", "worlds 2, starts 2 1, clocks agree", "TimeoutError")
def c33(launcher):
    with elastic(launcher, "2") as nodes:
        a = nodes.start({"*": ["wait"]})
        nodes.until(lambda: is_listening(nodes))
        b = nodes.start({"*": ["wait"]})
        nodes.until(lambda: a.events("start") and b.events("start"))
        b.signal("SIGKILL")
        c = nodes.start({"*": ["wait"]})
        nodes.until(lambda: c.events("start") and len(a.events("start")) == 2, 60)
        # The newcomer has waited for long until the killed one is missed, which is no difference of their clocks.
        clocks = "differ" if "the clock of" in a.errors() + c.errors() else "agree"
        return f"worlds {worlds(a)}, starts {len(a.events('start'))} {len(c.events('start'))}, clocks {clocks}"


@case("C34", "elastic 2:2, a third node waits as a spare and ends well with the job", "0 0 0, no worker", "0 0 1, no worker")
def c34(launcher):
    with elastic(launcher, "2") as nodes:
        plan = {"*": ["sleep 4"]}
        a = nodes.start(plan)
        nodes.until(lambda: is_listening(nodes))
        b = nodes.start(plan)
        nodes.until(lambda: a.events("start") and b.events("start"))
        c = nodes.start(plan)
        return f"{a.status()} {b.status()} {c.status()}, {'no worker' if not c.events('start') else 'workers'}"


@case("C35", "elastic, one node's workers end 4 s before the other's", "0 0")
def c35(launcher):
    with elastic(launcher) as nodes:
        a = nodes.start({"*": ["sleep 0.5"]})
        b = nodes.start({"*": ["sleep 4.5"]})
        return f"{a.status()} {b.status()}"


@case("C37", "SIGTERM while nodes are waited for", "143, nothing left", "killed by SIGTERM, nothing left")
def c37(launcher):
    with elastic(launcher) as nodes:
        a = nodes.start()
        nodes.until(lambda: is_listening(nodes))
        a.signal("SIGTERM")
        return f"{a.status()}, {a.left()}"


@case("C43", "elastic, one of two nodes comes in time: says how many", "1, counts True", "1, counts False")
def c43(launcher):
    with elastic(launcher, conf="join_timeout=4") as nodes:
        a = nodes.start()
        return f"{a.status()}, counts {'1 of 2' in a.errors()}"


@case("C44", "static, the peer or the server is missing", "1 1, says who True True", "1 1, says who False False")
def c44(launcher):
    statuses, says = [], []
    for rank in ("0", "1"):
        with static(launcher, conf="timeout=4") as nodes:
            a = nodes.start(options=[f"--node-rank={rank}"])
            statuses.append(str(a.status()))
            says.append(str("node" in a.errors().lower() and "Traceback" not in a.errors()))
    return f"{' '.join(statuses)}, says who {' '.join(says)}"


@case("C45", "static, node rank 0 twice on one machine: the second says so, and what to do",
      "1, says so True, NODE_RANK True", "1, says so True, NODE_RANK False")
def c45(launcher):
    with static(launcher, conf="timeout=8") as nodes:
        nodes.start(options=["--node-rank=0"])
        nodes.until(lambda: is_listening(nodes))
        b = nodes.start(options=["--node-rank=0"])
        status, said = b.status(), b.errors()
        return f"{status}, says so {'in use' in said or 'taken' in said or 'EADDRINUSE' in said}, NODE_RANK {'NODE_RANK' in said}"


@case("C46", "static, the port is another program's", "1, says so True", "1, says so True")
def c46(launcher):
    import socket
    with socket.socket() as holder:
        holder.bind(("0.0.0.0", 0))
        holder.listen()
        nodes = Nodes(launcher, ["--nnodes=2", "--master-addr=127.0.0.1", f"--master-port={holder.getsockname()[1]}"])
        with nodes:
            a = nodes.start(options=["--node-rank=0"])
            return f"{a.status()}, says so {'in use' in a.errors() or 'taken' in a.errors() or 'EADDRINUSE' in a.errors()}"


@case("C47", "two jobs at one endpoint, with names of their own: neither needs the other", "0 0", "0 1")
def c47(launcher):
    with elastic(launcher, "1") as nodes:
        a = nodes.start({"*": ["sleep 1.5"]})
        nodes.until(lambda: is_listening(nodes))
        b = nodes.start({"*": ["sleep 5"]}, ["--rdzv-id=another"])
        return f"{a.status()} {b.status()}"


@case("C57", "static with collectives, one node's worker crashes and may be restarted: together, or a clean end",
      "0 0, sums 2.0 2.0", "hangs", needs="torch")
def c57(launcher):
    with static(launcher) as nodes:
        a = nodes.start({"*": ["all_reduce 5000"]}, ["--node-rank=0", "--max-restarts=2"])
        b = nodes.start({"*": ["once", "all_reduce 3", "exit 3", "else", "all_reduce 5000"]}, ["--node-rank=1", "--max-restarts=2"])
        statuses = f"{a.status()} {b.status()}"
        # The last of each: the first attempt of b ended after its own.
        return f"{statuses}, sums {' '.join(str(job.events('reduced')[-1]['sum']) for job in (a, b))}"


@case("C58", "the store's host is stopped: the other says so in bounded time, and ends", "1, nothing left", "hangs, orphans")
def c58(launcher):
    with elastic(launcher, conf=None) as nodes:
        a = nodes.start({"*": ["wait"]})
        nodes.until(lambda: is_listening(nodes))
        b = nodes.start({"*": ["wait"]})
        nodes.until(lambda: a.events("start") and b.events("start"))
        a.signal("SIGSTOP")
        return f"{b.status(60)}, {b.left()}"


@case("L06", "the same with a node that is not the host, and nothing set: it is missed, named, and its part of the job stopped",
      "SIGTERM, named True, 143, nothing left", "TimeoutError")
def l06(launcher):
    with elastic(launcher, conf=None) as nodes:
        a = nodes.start({"*": ["leave SIGTERM 0", "wait"]})
        nodes.until(lambda: is_listening(nodes))
        b = nodes.start({"*": ["wait"]})
        nodes.until(lambda: a.events("start") and b.events("start"))
        b.signal("SIGSTOP")
        nodes.until(lambda: a.events("signal") and "is lost" in a.errors(), 60)
        told, named = signals_of(a, a.events("start")[0]["rank"]), "is lost: not a sign of life for 15 s" in a.errors()
        a.signal("SIGTERM")
        return f"{told}, named {named}, {a.status()}, {a.left()}"


@case("L11", "elastic 1:2, a node is missed; a worker of the other that has its own way with SIGTERM, but only waits, does not hold up "
      "the next attempt", "SIGTERM, killed True, worlds 2 1", "TimeoutError")
def l11(launcher):
    with elastic(launcher, "1:2", conf="last_call_timeout=1,keep_alive_interval=1,keep_alive_max_attempt=2") as nodes:
        plan = {"0/1": ["note alone"], "*": ["catch SIGTERM", "note both", "wait"]}
        a = nodes.start(plan)
        nodes.until(lambda: is_listening(nodes))
        b = nodes.start(plan)
        nodes.until(lambda: a.events("both") and b.events("both"))
        b.signal("SIGSTOP")
        a.status()
        told = signals_of(a, a.events("both")[-1]["rank"])
        return f"{told}, killed {'has done nothing for 5 s' in a.errors()}, worlds {' '.join(worlds(a).split()[-2:])}"


@case("C60", "static, one node torchrun's and one lmf's, either way round", "0 0, 0 0, 4 sums", "0 0, 0 0, 4 sums", needs="torchrun")
def c60(launcher):
    from harness import find_launchers
    torchrun = find_launchers()["torchrun"]
    results, sums = [], 0
    for first, second in ((torchrun, launcher), (launcher, torchrun)):
        with static(launcher) as nodes:
            a = nodes.start({"*": ["all_reduce 3"]}, ["--node-rank=0"], first)
            b = nodes.start({"*": ["all_reduce 3"]}, ["--node-rank=1"], second)
            results.append(f"{a.status()} {b.status()}")
            sums += len(a.events("reduced")) + len(b.events("reduced"))
    return f"{', '.join(results)}, {sums} sums"


@case("L01", "elastic, a node fails for good while a worker of its own does not stop: the other ends with its status meanwhile",
      "3 meanwhile, then 3", "hangs")
def l01(launcher):
    with elastic(launcher) as nodes:
        a = nodes.start({"0": ["leave SIGTERM 3", "wait"], "*": ["ignore SIGTERM", "note ready", "wait"]},
                        ["--nproc-per-node=2", "--shutdown-timeout=600", "--node-rank=0"])
        nodes.until(lambda: is_listening(nodes))
        b = nodes.start({"*": ["leave SIGTERM 0", "wait"]}, ["--node-rank=1"])
        a.until("ready")
        b.until("start")
        first, stubborn = sorted(a.until("start", 2), key=lambda event: event["rank"])
        os.kill(first["pid"], signal.SIGTERM)
        meanwhile = f"{b.status()} {'meanwhile' if a.process.poll() is None else 'afterwards'}"
        os.kill(stubborn["pid"], signal.SIGKILL)
        return f"{meanwhile}, then {a.status()}"


@case("L02", "elastic, SIGTERM while the last words of a failed job wait for a node that is stopped", "143, nothing left", "1, nothing left")
def l02(launcher):
    with elastic(launcher) as nodes:
        a = nodes.start({"*": ["leave SIGTERM 3", "note ready", "wait"]})
        nodes.until(lambda: is_listening(nodes))
        b = nodes.start({"*": ["wait"]})
        b.until("start")
        ready = a.until("ready")[0]
        b.signal("SIGSTOP")
        os.kill(ready["pid"], signal.SIGTERM)
        nodes.until(lambda: "Root Cause" in a.errors())
        a.signal("SIGTERM")
        return f"{a.status()}, {a.left()}"


@case("L05", "elastic 1:2, a node that comes begins another attempt: its logs and error files are not those of the one before",
      "attempt_0 world 1, attempt_1 world 2", "TimeoutError")
def l05(launcher):
    with elastic(launcher, "1:2") as nodes:
        a = nodes.start({"0/1": ["stdout world 1", "note alone", "wait"], "*": ["stdout world 2", "note both", "wait"]}, ["--log-dir=logs", "-r3"])
        a.until("alone")
        nodes.start({"*": ["wait"]})
        a.until("both")
        logs = sorted(a.folder.glob("logs/*/attempt_*/0/stdout.log"))
        return ", ".join(f"{log.parts[-3]} {log.read_text().strip()}" for log in logs)
