"""How fast jobs start, how fast a failure is noticed and a restart is there, and what the agent takes: lmf run beside torchrun,
in alternation. torchrun is that of the checkout's .venv, or LMF_TORCHRUN.

usage: launch.py [TIMES]      LMF_BUILD as for the other benchmarks, configured with -DLMF_BENCHMARKS=ON
"""
import math
import os
import pathlib
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

import measure

SOURCE = pathlib.Path(__file__).resolve().parents[2]
TIMES = int(sys.argv[1]) if len(sys.argv) > 1 else 5
TORCHRUN = os.environ.get("LMF_TORCHRUN", str(SOURCE / ".venv/bin/torchrun"))
LAUNCHERS = {"lmf": [os.path.join(measure.build(), "bin", "lmf"), "run"]}
if os.path.exists(TORCHRUN):
    LAUNCHERS["torchrun"] = [TORCHRUN]

# What starts is the smallest worker there is, so that the launcher is measured. The others are shells that write the time down.
STARTED = [os.path.join(measure.build(), "bench", "start_tool")]
NOTE = 'date +%s.%N >> "$BENCH_LOG/$1-$TORCHELASTIC_RESTART_COUNT-$RANK"'
# Rank 0 waits and notes when it is told to stop; rank 1 notes when it fails.
FAILING = ["sh", "-c", f'trap \'{NOTE.replace("$1", "told")}; exit 0\' TERM; if [ $RANK = 1 ]; then sleep 0.3; {NOTE.replace("$1", "fail")}; exit 3; '
                       f'else while :; do sleep 0.01; done; fi']
RESTARTED = ["sh", "-c", f'{NOTE.replace("$1", "start")}; if [ $TORCHELASTIC_RESTART_COUNT = 0 ]; then {NOTE.replace("$1", "fail")}; exit 3; fi']
WAITING = ["sh", "-c", f'{NOTE.replace("$1", "start")}; exec sleep 60']


def run(launcher, options, program, while_running=None):
    """The times that the workers wrote down, by name; the first and last of these include the launcher's own."""
    with tempfile.TemporaryDirectory() as folder:
        environment = dict(os.environ, BENCH_LOG=folder)
        began = time.time()
        process = subprocess.Popen([*LAUNCHERS[launcher], *options, "--no-python", *program], env=environment,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        seen = while_running(process, folder) if while_running else None
        process.wait()
        written = {file.name: file.read_text().split() for file in pathlib.Path(folder).iterdir()}
        times = {name: float(words[0]) for name, words in written.items() if words}
        return began, times, time.time(), seen


def last(times, word):
    return max(at for name, at in times.items() if name.startswith(word))


def start(launcher, workers):
    began, times, _, _ = run(launcher, ["--standalone", f"--nproc-per-node={workers}"], STARTED)
    return last(times, "start") - began


def without_launcher(_, workers):
    """The same programs from a loop of a shell: what the machine takes for them alone."""
    loop = f'for i in $(seq {workers}); do RANK=$i "$@" & done; wait'
    with tempfile.TemporaryDirectory() as folder:
        began = time.time()
        subprocess.run(["sh", "-c", loop, "sh", *STARTED], env=dict(os.environ, BENCH_LOG=folder, TORCHELASTIC_RESTART_COUNT="0"))
        return max(float(file.read_text()) for file in pathlib.Path(folder).iterdir()) - began


def whole(launcher, workers):
    began, _, ended, _ = run(launcher, ["--standalone", f"--nproc-per-node={workers}"], STARTED)
    return ended - began


def noticed(launcher, _):
    _, times, _, _ = run(launcher, ["--standalone", "--nproc-per-node=2"], FAILING)
    return last(times, "told") - last(times, "fail")


def restarted(launcher, _):
    _, times, _, _ = run(launcher, ["--standalone", "--nproc-per-node=1", "--max-restarts=1"], RESTARTED)
    return last(times, "start-1") - last(times, "fail")


def memory(launcher, workers):
    """Largest resident memory of the agent in MiB, while its workers run."""

    def look(process, folder):
        while len(list(pathlib.Path(folder).iterdir())) < workers:
            time.sleep(0.01)
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        process.send_signal(signal.SIGTERM)
        return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))

    return run(launcher, ["--standalone", f"--nproc-per-node={workers}"], WAITING, look)[3]


def scaled_up(launcher, _):
    """From the start of a second agent, which joins an elastic job of one node, to the last of the two nodes' workers."""
    note = ["sh", "-c", 'date +%s.%N > "$BENCH_LOG/world$WORLD_SIZE-$RANK"; exec sleep 60']
    with tempfile.TemporaryDirectory() as folder, socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        held.close()
        options = ["--nnodes=1:2", "--nproc-per-node=1", "--rdzv-backend=c10d", f"--rdzv-endpoint=127.0.0.1:{port}",
                   "--rdzv-id=scale", "--rdzv-conf=last_call_timeout=1", "--max-restarts=3"]

        def agent():
            return subprocess.Popen([*LAUNCHERS[launcher], *options, "--no-python", *note], env=dict(os.environ, BENCH_LOG=folder),
                                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def await_world(size):
            deadline = time.time() + 30
            while time.time() < deadline:
                files = [file for file in pathlib.Path(folder).glob(f"world{size}-*") if file.read_text()]
                if len(files) == size:
                    return max(float(file.read_text()) for file in files)
                time.sleep(0.01)
            return math.inf  # seen with torchrun 2.13: it tells its worker to stop, and waits for ever

        agents = [agent()]
        await_world(1)
        began = time.time()
        agents.append(agent())
        took = await_world(2) - began
        for process in reversed(agents):  # the store's host last; its worker's sleep would end by itself
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        return took


ROWS = [(f"start of {n} worker{'s' if n > 1 else ''}, to the last one's first instruction, s", start, n) for n in (1, 2, 8, 64)]
ROWS += [("64 started by a shell's loop instead, s", without_launcher, 64)]
ROWS += [("a whole job of 2 workers that do nothing, s", whole, 2), ("a failure, to its sibling being told, s", noticed, 2),
         ("a failure, to the restarted worker, s", restarted, 1), ("a node that joins, to the last worker of both, s", scaled_up, 2),
         ("memory of the agent with 2 workers, MiB", memory, 2),
         ("the same with 64", memory, 64)]

print(f"| median of {TIMES}, in alternation | " + " | ".join(LAUNCHERS) + " | ratio |\n|---|" + "---|" * (len(LAUNCHERS) + 1))
for title, measure, workers in ROWS:
    results = {name: [] for name in LAUNCHERS}
    for _ in range(TIMES):
        for name in LAUNCHERS:
            results[name].append(measure(name, workers))
    medians = [statistics.median(values) for values in results.values()]
    ratio = f"{medians[-1] / medians[0]:.1f}" if len(medians) > 1 else ""
    print(f"| {title} | " + " | ".join(f"{value:.3f}" if value < 10 else f"{value:.1f}" for value in medians) + f" | {ratio} |", flush=True)
