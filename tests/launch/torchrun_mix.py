"""Static jobs whose one node is torchrun's and the other one lmf's, both ways; the workers form a gloo group.
Usage: torchrun_mix.py RENDEZVOUS_PEER, an lmf agent whose workers this program starts."""
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
import torch.distributed as dist

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from free_port import free_port  # noqa: E402

PEER = sys.argv[1]
WORKER = [sys.executable, os.path.abspath(__file__), PEER, "worker"]


def worker():
    dist.init_process_group("gloo")
    value = torch.ones(1)
    dist.all_reduce(value)
    assert value.item() == dist.get_world_size() == int(os.environ["WORLD_SIZE"]) > 1, value
    print("worker", os.environ["RANK"], os.environ["GROUP_RANK"], flush=True)
    dist.destroy_process_group()
    sys.exit(int(os.environ.get("LMF_TEST_STATUS", "0")))


class Torchrun:
    def __init__(self, rank, workers, port, status=0, identical=False):
        self.folder = tempfile.TemporaryDirectory()
        command = [sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--node_rank", str(rank), "--nproc_per_node",
                   str(workers), "--master_addr", "127.0.0.1", "--master_port", str(port), "--log-dir", self.folder.name]
        self.process = subprocess.Popen(command + WORKER[1:], env=dict(os.environ, LMF_TEST_STATUS=str(status),
                                        TORCH_ELASTIC_WORKER_IDENTICAL=str(int(identical))))

    def wait(self):
        status = self.process.wait(200)
        self.folder.cleanup()
        return status


class Lmf:
    def __init__(self, rank, workers, port, identical=False):
        self.workers = workers
        command = [PEER, "backend=fixed", "min=2", "max=2", "host=127.0.0.1", f"port={port}", "id=none", f"rank={rank}",
                   f"workers={workers}", f"identical={int(identical)}"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def line(self, begin):
        for line in self.process.stdout:
            if line.startswith(begin):
                return line
        raise AssertionError(f"lmf's agent did not say {begin}")

    def run_workers(self):
        assigned = re.match(r"assigned attempt=0 group=(\d)/2 ranks=(\d)\+\d/(\d) .*master=(.*):(\d+) ", self.line("assigned"))
        group, first, world, address, port = assigned.groups()
        started = []
        for local in range(self.workers):
            environment = dict(os.environ, RANK=str(int(first) + local), WORLD_SIZE=world, LOCAL_RANK=str(local),
                               GROUP_RANK=group, MASTER_ADDR=address, MASTER_PORT=port, TORCHELASTIC_RUN_ID="none",
                               TORCHELASTIC_USE_AGENT_STORE="True")
            started.append(subprocess.Popen(WORKER, env=environment))
        return [one.wait(200) for one in started]

    def tell(self, words):
        self.process.stdin.write(words + "\n")
        self.process.stdin.flush()


def well(lmf_rank, identical=False):
    """`identical`: TORCH_ELASTIC_WORKER_IDENTICAL, with which torchrun's agents exchange no roles."""
    port = free_port()
    torchrun = Torchrun(1 - lmf_rank, 2 if identical else 1, port, identical=identical)
    lmf = Lmf(lmf_rank, 2, port, identical)
    assert lmf.run_workers() == [0, 0]
    lmf.tell("restart just to ask")
    assert "run by torchrun" in lmf.line("refused")
    lmf.tell("done")
    assert lmf.process.wait(200) == 0
    assert torchrun.wait() == 0


def torchrun_host_fails():
    port = free_port()
    torchrun = Torchrun(0, 1, port, status=3)
    lmf = Lmf(1, 2, port)
    assert lmf.run_workers() == [0, 0]
    assert "is lost" in lmf.line("change store_lost")
    assert lmf.process.wait(200) == 1
    assert torchrun.wait() == 1


def torchrun_guest_fails():
    """lmf hosts the store, is done, and sees that torchrun's node has left without saying that it is."""
    port = free_port()
    torchrun = Torchrun(1, 1, port, status=3)
    lmf = Lmf(0, 2, port)
    assert lmf.run_workers() == [0, 0]
    lmf.tell("done")
    assert "node 1, run by torchrun, has left" in lmf.line("change closed")
    assert lmf.process.wait(200) == 1
    assert torchrun.wait() == 1


def elastic_torchrun(port):
    return [sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--rdzv-backend", "c10d", "--rdzv-id", "mix",
            "--rdzv-endpoint", f"127.0.0.1:{port}"] + WORKER[1:]


def elastic_lmf(port):
    return [PEER, "min=2", "max=2", "host=127.0.0.1", f"port={port}", "id=mix"]


def wait_for_key(port, key):
    dist.TCPStore("127.0.0.1", int(port), is_master=False, wait_for_workers=False).wait([key])


def elastic_is_refused():
    port = free_port()
    torchrun = subprocess.Popen(elastic_torchrun(port))
    try:
        wait_for_key(port, "torch.rendezvous.mix")
        lmf = subprocess.run(elastic_lmf(port), capture_output=True, stdin=subprocess.DEVNULL, text=True, timeout=200)
        assert lmf.returncode == 1 and "agents of torchrun have begun the elastic job mix" in lmf.stdout, lmf
    finally:
        torchrun.kill()
        torchrun.wait(200)


def elastic_is_left_to_lmf():
    """torchrun comes to a store that lmf hosts: it ends with a sentence, lmf says so, and its job is none the worse."""
    port, started = free_port(), []
    start = lambda: started.append(subprocess.Popen(elastic_lmf(port), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
    try:
        start()
        wait_for_key(port, "lmf/mix/state")
        for _ in range(2):
            torchrun = subprocess.run(elastic_torchrun(port), capture_output=True, stdin=subprocess.DEVNULL, text=True, timeout=200)
            assert torchrun.returncode == 1 and "lmf hosts this elastic job: start all of its nodes with lmf" in torchrun.stderr, torchrun
        line = next(line for line in started[0].stdout if "torchrun" in line)
        assert "came to join job mix (its key: torch.rendezvous.mix) and was turned away" in line, line
        start()
        for one in started:
            assert any(line.startswith("assigned") for line in one.stdout)
            one.stdin.write("done\n")
            one.stdin.flush()
        assert [one.wait(200) for one in started] == [0, 0]
    finally:
        for one in started:
            one.kill()
            one.wait(200)


if sys.argv[2:] == ["worker"]:
    worker()
else:
    well(lmf_rank=1)
    well(lmf_rank=0)
    for rank in (0, 1):
        well(rank, identical=True)
    torchrun_host_fails()
    torchrun_guest_fails()
    elastic_is_refused()
    elastic_is_left_to_lmf()
