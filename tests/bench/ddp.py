"""Two processes: a data parallel step of llama-110m beside the original, and our reduction beside c10d's own allreduce.

ddp.py {step|bandwidth} [REPETITIONS]: `step` needs the originals and the models of make_models.py in LMF_BENCH_FOLDER; both
programs launch their own two processes on CPUs from the same configuration. `bandwidth` needs the tool bench_ranks.
"""
import os
import pathlib
import statistics
import subprocess
import sys

import measure

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from free_port import free_port  # noqa: E402

RANKS = 2


def reduction(mebibytes, repetitions):
    """Seconds of c10d's allreduce, of a backward that reduces through DataParallel, of one that does not."""
    tool, port = os.path.join(measure.build(), "bench", "ranks_tool"), free_port()
    ranks = [subprocess.Popen([tool, str(mebibytes), str(repetitions)], stdout=subprocess.PIPE, text=True,
                              env=dict(os.environ, RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(RANKS),
                                       LOCAL_WORLD_SIZE=str(RANKS), MASTER_ADDR="127.0.0.1", MASTER_PORT=port,
                                       OMP_NUM_THREADS="1"))
             for rank in range(RANKS)]
    outputs = [rank.communicate()[0] for rank in ranks]
    if any(rank.returncode for rank in ranks):
        sys.exit(f"ranks_tool ended with {[rank.returncode for rank in ranks]}")
    return map(float, outputs[0].split())


def bandwidth(repetitions):
    print(f"| {RANKS} ranks, gradients of | c10d allreduce, MiB/s | DataParallel, MiB/s | of c10d's |")
    print("|---|---|---|---|")
    for mebibytes in (16, 64, 400):
        plain, reduced, alone = reduction(mebibytes, repetitions)
        # What the backward itself takes is not the reduction's; the part that hides behind it counts for it.
        ours = mebibytes / max(reduced - alone, 1e-9)
        print(f"| {mebibytes} MiB | {mebibytes / plain:.0f} | {ours:.0f} | {ours * plain / mebibytes:.2f} |")


def step(repetitions):
    import train  # configuration, and the log that is watched

    programs = {"lmf": measure.lmf()}
    if measure.peer("llamafactory-cli"):
        programs["original"] = measure.peer("llamafactory-cli")
        os.environ["PATH"] = os.path.dirname(programs["original"]) + os.pathsep + os.environ["PATH"]  # its torchrun
    os.environ.update(FORCE_TORCHRUN="1", NPROC_PER_NODE=str(RANKS), OMP_NUM_THREADS="1")
    steps, runs = 6, {name: [] for name in programs}
    for _ in range(repetitions):
        for name, program in programs.items():
            os.environ["MASTER_PORT"] = free_port()
            runs[name].append(train.train(f"ddp-{name}", program, "m110", steps))
    train.report(f"ddp: m110 on {RANKS} ranks", runs, steps, repetitions)


if len(sys.argv) < 2 or sys.argv[1] not in ("step", "bandwidth"):
    sys.exit(__doc__)
(step if sys.argv[1] == "step" else bandwidth)(int(sys.argv[2]) if len(sys.argv) > 2 else 3)
