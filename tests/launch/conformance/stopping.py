"""Cases of one node: failures, restarts, signals, and what is left."""
import os
import signal
import time

import harness
from harness import Job, case


def signals_of(job, rank):
    return " ".join(event["name"] for event in job.events("signal") if event["rank"] == rank) or "none"


@case("C19", "a failing worker: its sibling is told to stop, the table names the first",
      "status 3, rank 0 SIGTERM, root rank 1 True", "status 1, rank 0 SIGTERM, root rank 1 True")
def c19(launcher):
    plan = {"0": ["leave SIGTERM 0", "wait"], "1": ["sleep 0.5", "exit 3"]}
    with Job(launcher, ["--nproc-per-node=2"], plan) as job:
        status = job.status()
        root = job.errors().split("Root Cause")[-1]
        return f"status {status}, rank 0 {signals_of(job, '0')}, root rank 1 {'rank      : 1' in root and 'exitcode  : 3' in root}"


@case("L03", "a worker that fails while others are still being started: each of those hears of it, and nobody else",
      "3 3 3 3 3 3, all in the table True", "1 1 1 1 1 1, all in the table False")
def l03(launcher):
    statuses, told = [], True
    for _ in range(6):
        with Job(launcher, ["--nproc-per-node=16", "--shutdown-timeout=600", "--no-python"],
                 program=["sh", "-c", "[ $RANK = 0 ] && exit 3; exec sleep 1000"]) as job:
            statuses.append(str(job.status()))
            told = told and "because of it: rank 1-15" in job.errors()
    return f"{' '.join(statuses)}, all in the table {told}"


@case("L04", "SIGUSR1 while workers are being started ends none of them", "status 0, 16 workers", "status killed by SIGUSR1, 1 workers")
def l04(launcher):
    with Job(launcher, ["--nproc-per-node=16", "--no-python"], program=["sh", "-c", "> $OBSERVE/$RANK; exec sleep 2"]) as job:
        started = lambda: len(list((job.folder / "seen").iterdir()))  # noqa: E731
        while job.process.poll() is None and started() < 16:
            if started() > 0:
                job.signal("SIGUSR1")
            time.sleep(0.001)
        return f"status {job.status()}, {started()} workers"


@case("C20", "a worker that is killed", "status 137, rank 0 SIGTERM, SIGKILL in the table True",
      "status 1, rank 0 SIGTERM, SIGKILL in the table True")
def c20(launcher):
    plan = {"0": ["leave SIGTERM 0", "wait"], "1": ["sleep 0.5", "kill SIGKILL"]}
    with Job(launcher, ["--nproc-per-node=2"], plan) as job:
        return f"status {job.status()}, rank 0 {signals_of(job, '0')}, SIGKILL in the table {'SIGKILL' in job.errors() or '-9' in job.errors()}"


@case("C21", "a sibling that ignores SIGTERM is killed after the grace that was asked for (3 s)",
      "status 3, nothing left, in less than 20 s True", "status 1, nothing left, in less than 20 s False")
def c21(launcher):
    plan = {"0": ["ignore SIGTERM", "wait"], "1": ["sleep 0.5", "exit 3"]}
    with Job(launcher, ["--nproc-per-node=2", "--shutdown-timeout=3"], plan) as job:
        job.until("start", 2)
        begin = time.time()
        return f"status {job.status()}, {job.left()}, in less than 20 s {time.time() - begin < 20}"


@case("C22", "fails once, may be restarted", "status 0, counts of rank 1: 0 1")
def c22(launcher):
    plan = {"0": ["once", "wait", "else"], "1": ["once", "exit 3", "else"]}
    with Job(launcher, ["--nproc-per-node=2", "--max-restarts=2"], plan) as job:
        status = job.status()
        return f"status {status}, counts of rank 1: " + " ".join(
            e["environment"]["TORCHELASTIC_RESTART_COUNT"] for e in job.events("start") if e["rank"] == "1")


@case("C23", "fails always", "status 3, 2 attempts", "status 1, 2 attempts")
def c23(launcher):
    with Job(launcher, ["--max-restarts=1"], {"*": ["exit 3"]}) as job:
        return f"status {job.status()}, {len(job.events('start'))} attempts"


@case("C24", "a process group after a crash and a restart, over and over", "every time", "1 of 2", needs="torch")
def c24(launcher):
    good, times = 0, 2 if not launcher.is_lmf else 10 if harness.beside_torchrun else 3
    plan = {"0": ["once", "all_reduce 100000000", "else", "all_reduce 3"], "1": ["once", "all_reduce 3", "kill SIGKILL", "else", "all_reduce 3"]}
    for _ in range(times):
        with Job(launcher, ["--standalone", "--nproc-per-node=2", "--max-restarts=1"], plan) as job:
            good += job.status() == 0 and len(job.events("reduced")) >= 2
    return "every time" if good == times else f"{good} of {times}"


@case("C36", "signals to the agent reach the workers", "143 SIGTERM, 130 SIGINT, 129 SIGHUP, 131 SIGQUIT", "1 SIGTERM, 1 SIGINT, 1 SIGHUP, 1 SIGQUIT")
def c36(launcher):
    results = []
    for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"):
        with Job(launcher, [], {"*": [f"leave {name} 0", "stdout ready", "child", "wait"]}) as job:
            job.until("child")
            job.signal(name)
            results.append(f"{job.status()} {signals_of(job, '0')}")
    return ", ".join(results)


@case("L07", "a worker that answers the agent's SIGTERM with a failure: the job says which and ends as it did",
      "status 9, named with its last words True", "status 1, named with its last words False")
def l07(launcher):
    plan = {"0": ["leave SIGTERM 0", "note ready", "wait"], "1": ["stderr no room for the checkpoint", "leave SIGTERM 9", "note ready", "wait"]}
    with Job(launcher, ["--nproc-per-node=2"], plan) as job:
        job.until("ready", 2)
        job.signal("SIGTERM")
        status = job.status()
        return f"status {status}, named with its last words {'rank 1 ' in job.errors() and 'it said last: no room for the checkpoint' in job.errors()}"


@case("C38", "SIGUSR1: passed on without ending the job; when listed, it ends it",
      "status 0 SIGUSR1, status 138 SIGUSR1, deaf worker: status 0, nothing left",
      "status killed by SIGUSR1 none, status 1 SIGUSR1, deaf worker: status killed by SIGUSR1, orphans")
def c38(launcher):
    results = []
    for options, last in (([], ["sleep 1.5"]), (["--signals-to-handle=SIGUSR1,SIGTERM"], ["wait"])):
        plan = {"*": ["catch SIGUSR1" if not options else "leave SIGUSR1 0", "child", *last]}
        with Job(launcher, options, plan) as job:
            job.until("child")
            job.signal("SIGUSR1")
            results.append(f"status {job.status()} {signals_of(job, '0')}")
    with Job(launcher, [], {"*": ["child", "sleep 1.5"]}) as job:
        job.until("child")
        job.signal("SIGUSR1")
        results.append(f"deaf worker: status {job.status()}, {job.left()}")
    return ", ".join(results)


@case("C39", "a second Ctrl-C kills at once", "status 130, nothing left, in less than 15 s True", "status 1, nothing left, in less than 15 s False")
def c39(launcher):
    with Job(launcher, [], {"*": ["ignore SIGINT", "ignore SIGTERM", "child", "wait"]}) as job:
        job.until("child")
        job.signal("SIGINT")
        time.sleep(1)
        begin = time.time()
        job.signal("SIGINT")
        return f"status {job.status()}, {job.left()}, in less than 15 s {time.time() - begin < 15}"


@case("C41", "an agent that is killed leaves nothing", "status killed by SIGKILL, nothing left, no file left",
      "status killed by SIGKILL, orphans, files left")
def c41(launcher):
    plan = {"*": ["ignore SIGTERM", "daemon", "child", "wait"]}
    with Job(launcher, ["--nproc-per-node=2"], plan) as job:
        job.until("child", 2)
        job.signal("SIGKILL")
        return f"status {job.status()}, {job.left()}, {job.files_left()}"


def guards(job):
    """lmf's process that outlives an agent that is killed."""
    return [pid for pid in harness.processes_with(job.mark) if name_of(pid) == "lmf-guard"]


def name_of(pid):
    try:
        with open(f"/proc/{pid}/comm") as file:
            return file.read().strip()
    except OSError:
        return ""


@case("L10", "the agent's guard is killed, then the agent: there is another guard by then", "said True, killed by SIGKILL, nothing left, no file left",
      "no guard")
def l10(launcher):
    plan = {"*": ["ignore SIGTERM", "daemon", "child", "wait"]}
    with Job(launcher, ["--nproc-per-node=2"], plan) as job:
        job.until("child", 2)
        first = guards(job)
        if not first:
            return "no guard"
        os.kill(first[0], signal.SIGKILL)
        said = lambda: f"guard (process {first[0]}) was ended from outside" in job.errors()  # noqa: E731
        limit = time.time() + harness.PATIENCE
        while time.time() < limit and (not said() or guards(job) in ([], first)):
            time.sleep(0.02)
        job.signal("SIGKILL")
        return f"said {said()}, {job.status()}, {job.left()}, {job.files_left()}"


@case("C42", "what a failing worker left in the background is gone too", "status 3, nothing left", "status 1, orphans")
def c42(launcher):
    plan = {"0": ["child", "wait"], "1": ["child", "daemon", "sleep 0.5", "exit 3"]}
    with Job(launcher, ["--nproc-per-node=2"], plan) as job:
        return f"status {job.status()}, {job.left()}"


@case("C59", "as LLaMA-Factory's users start it (lmf needs no program around the launcher), with workers that take 1 s to save: "
      "SIGTERM to what was started, Ctrl-C to all of the terminal", "SIGTERM: saved, nothing left; Ctrl-C: saved, nothing left",
      "SIGTERM: not saved, orphans; Ctrl-C: not saved, orphans")
def c59(launcher):
    results = []
    wrapper = [] if launcher.is_lmf else [launcher.python, "-c", "import subprocess, sys; subprocess.run(sys.argv[1:], check=True)"]
    started = harness.Launcher(launcher.name, [*wrapper, *launcher.command], launcher.python)
    for name, shown in (("SIGTERM", "SIGTERM"), ("SIGINT", "Ctrl-C")):
        with Job(started, ["--nproc-per-node=2"], {"*": [f"save {name} 1", "child", "wait"]}) as job:
            job.until("child", 2)
            job.signal(name) if name == "SIGTERM" else os.killpg(job.process.pid, signal.SIGINT)
            job.status()
            left = job.left()
            results.append(f"{shown}: {'saved' if len(job.events('saved')) == 2 else 'not saved'}, {left}")
    return "; ".join(results)
