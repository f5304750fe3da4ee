"""Starts and stops jobs over and over, ending a part of each at a random moment, or when its workers are at work: the agent by
any of its signals or by SIGKILL, a worker by SIGKILL, or nothing. Whatever is hit: no hang, no orphan, no file and no port left, and the status says
what happened.

usage: cycles.py [TIMES] [SEED]      (lmf of LMF_BUILD)
"""
import os
import random
import re
import signal
import socket
import sys
import time

from harness import Job, find_launchers, processes_with

PLAN = {"*": ["child", "daemon", "sleep 0.4"]}
PLAN_AT_WORK = {"*": ["child", "daemon", "note at work", "wait"]}
STATUS_OF_AGENT = {"SIGTERM": 143, "SIGINT": 130, "SIGHUP": 129, "SIGQUIT": 131, "SIGKILL": "killed by SIGKILL"}


def port_is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return probe.connect_ex(("127.0.0.1", int(port))) != 0


def one_cycle(launcher, dice, victim):
    """What went wrong, "" for nothing."""
    at_work = victim != "nothing" and dice.random() < 0.5
    with Job(launcher, ["--nproc-per-node=2", "--standalone"], PLAN_AT_WORK if at_work else PLAN) as job:
        if at_work:
            job.until("at work", 2)
        else:
            time.sleep(dice.random() * 0.6)
        expected = {0}
        if victim == "worker":
            workers = [event["pid"] for event in job.events("start")]
            pid = dice.choice(workers) if workers else None
            try:
                # Only while it is still that worker.
                if pid in processes_with(job.mark):
                    os.kill(pid, signal.SIGKILL)
                    expected = {137} if at_work else {0, 137}  # it may have ended just before
            except ProcessLookupError:
                pass
        elif victim != "nothing":
            if job.process.poll() is None:
                job.signal(victim)
                # Before it has set its handlers up, or after it is done with them, a signal does what it does to any program.
                expected = {STATUS_OF_AGENT[victim]} if at_work else {0, STATUS_OF_AGENT[victim], f"killed by {victim}"}
        status = job.status()
        wrong = []
        if status not in expected:
            wrong.append(f"status {status}, expected one of {expected}: {job.errors()[-300:]}")
        if job.left() != "nothing left":
            wrong.append("orphans")
        if job.files_left() != "no file left":
            wrong.append("files left")
        ports = {event["environment"]["MASTER_PORT"] for event in job.events("start")}
        if not all(port_is_free(port) for port in ports):
            wrong.append("port still open")
        if re.search(r"crashed|internal error|terminate", job.errors()):
            wrong.append(f"crash: {job.errors()[-300:]}")
        return "; ".join(wrong)


def main(times=100, seed=None):
    seed = int(seed) if seed else random.randrange(1 << 30)
    print(f"seed {seed}")
    dice = random.Random(seed)
    launcher = find_launchers()["lmf"]
    launcher.python = sys.executable
    victims = ["worker", "nothing", *STATUS_OF_AGENT]
    failures = 0
    for cycle in range(int(times)):
        victim = victims[cycle % len(victims)]
        wrong = one_cycle(launcher, dice, victim)
        failures += bool(wrong)
        if wrong:
            print(f"cycle {cycle}, {victim}: {wrong}", flush=True)
    print(f"{times} cycles, {failures} went wrong")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
