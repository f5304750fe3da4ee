"""Runs programs and measures them: wall time, CPU time, peak memory. Shared by the benchmarks of this folder."""
import dataclasses
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time


@dataclasses.dataclass
class Run:
    status: int
    wall: float  # seconds
    cpu: float  # seconds, user and system, with its children
    peak: float | None = None  # MiB, the largest process, when asked for


def run(command, environment=None, log=None, while_running=None, peak=False):
    """Runs `command`; its output goes to `log` or nowhere. `while_running` is called every few milliseconds.

    `peak` is measured by time(1), Debian's package, which costs a millisecond: to the system the peak of a process begins with
    that of the one that started it, and this one may have imported much.
    """
    if peak:
        if not shutil.which("time"):
            sys.exit("time(1) is not installed, and no peak can be measured: apt-get install time")
        with tempfile.NamedTemporaryFile() as file:
            of_time = run(["time", "-q", "-f", "%M", "-o", file.name, *command], environment, log, while_running)
            return dataclasses.replace(of_time, peak=int(file.read().split()[-1]) / 1024)
    output = open(log, "wb") if log else subprocess.DEVNULL
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                               env=dict(os.environ, **(environment or {})))
    if while_running:
        while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            while_running()
            time.sleep(0.002)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    return Run(process.returncode, wall, usage.ru_utime + usage.ru_stime)


def checked(command, **how):
    result = run(command, **how)
    if result.status != 0:
        log = how.get("log")
        tail = open(log, errors="replace").read()[-2000:] if log else ""
        sys.exit(f"{' '.join(map(str, command))}: ended with {result.status}\n{tail}")
    return result


def alternating(commands, times):
    """Runs the named commands in turn, `times` times each, so that what else the machine does hits all of them alike."""
    runs = {name: [] for name in commands}
    for _ in range(times):
        for name, command in commands.items():
            runs[name].append(checked(command))
    return runs


def median(runs, what):
    return statistics.median(getattr(one, what) for one in runs)


def build():
    """The build tree: LMF_BUILD, or where run.sh looks without it."""
    return os.environ.get("LMF_BUILD") or os.path.join(os.path.dirname(__file__), "../../build/release")


def lmf():
    return os.path.join(build(), "bin", "lmf")


def peer(program):
    """A program of the originals' environment, None without one."""
    folder = os.environ.get("LMF_PEERS")
    return os.path.join(folder, "bin", program) if folder else None
