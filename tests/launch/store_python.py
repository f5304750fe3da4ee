"""Python's TCPStore and lmf's, each as the other's server and client; a gloo process group through lmf's store.
Usage: store_python.py STORE_PEER, the program that speaks for lmf."""
import datetime
import os
import subprocess
import sys

import torch
import torch.distributed as dist

PEER = sys.argv[1]
LIMIT = datetime.timedelta(seconds=60)


def serve():
    server = subprocess.Popen([PEER, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    return server, int(server.stdout.readline())


def end(server):
    server.stdin.close()
    assert server.wait(60) == 0


def expect_error(operation, kind=dist.DistStoreError):
    try:
        operation()
    except kind:
        return
    raise AssertionError("no error")


def python_client(libuv):
    server, port = serve()
    store = dist.TCPStore("localhost", port, world_size=2, is_master=False, timeout=LIMIT, use_libuv=libuv)
    store.set("key", "value")
    assert store.get("key") == b"value"
    assert store.add("number", 3) == 3 and store.add("number", -1) == 2
    assert store.compare_set("cas", "", "one") == b"one" and store.compare_set("cas", "two", "three") == b"one"
    assert store.compare_set("gone", "expected", "x") == b"expected" and not store.check(["gone"])
    store.append("key", "+")
    store.multi_set(["a", "b"], ["1", "2" * 1000000])
    assert store.multi_get(["key", "a", "b"]) == [b"value+", b"1", b"2" * 1000000]
    assert store.check(["key", "a"]) and not store.check(["key", "c"])
    assert store.num_keys() == 6, store.num_keys()  # and init/
    assert store.delete_key("a") and not store.delete_key("a")
    expect_error(lambda: store.wait(["never"], datetime.timedelta(milliseconds=50)))
    store.wait(["key"], LIMIT)
    other = store.clone()
    expect_error(lambda: other.wait(["late"], datetime.timedelta(milliseconds=50)))
    store.set("late", "1")
    other.wait(["late"], LIMIT)
    if libuv:
        store.queue_push("queue", "x")
        assert other.queue_len("queue") == 1 and other.queue_pop("queue") == b"x"
        expect_error(lambda: other.queue_pop("queue", block=False), dist.QueueEmptyError)
        if hasattr(store, "list_keys"):
            assert "late" in store.list_keys()
        if hasattr(store, "barrier"):
            expect_error(lambda: store.barrier("gate", 2, datetime.timedelta(milliseconds=50)))
            other.barrier("gate", 2, LIMIT)
    end(server)
    expect_error(lambda: store.get("key"), dist.DistNetworkError)


def python_server(libuv):
    store = dist.TCPStore("localhost", 0, is_master=True, timeout=LIMIT, wait_for_workers=False, use_libuv=libuv)
    store.set("from_peer", "bonjour")
    command = [PEER, "use", "localhost", str(store.port)] + ([] if libuv else ["legacy"])
    client = subprocess.Popen(command)
    store.wait(["lmf_waits"], LIMIT)
    store.set("late", "1")
    store.wait(["lmf_is_done"], LIMIT)
    assert store.get("from_lmf") == b"hello"
    assert client.wait(60) == 0


def worker():
    dist.init_process_group("gloo", timeout=LIMIT)
    value = torch.tensor([float(dist.get_rank() + 1)])
    dist.all_reduce(value)
    assert value.item() == 3, value
    dist.destroy_process_group()


def process_group():
    server, port = serve()
    workers = []
    for rank in range(2):
        environment = dict(os.environ, MASTER_ADDR="localhost", MASTER_PORT=str(port), WORLD_SIZE="2", RANK=str(rank),
                           LOCAL_RANK=str(rank), TORCHELASTIC_RUN_ID="none", TORCHELASTIC_USE_AGENT_STORE="True")
        workers.append(subprocess.Popen([sys.executable, __file__, PEER, "worker"], env=environment))
    assert [one.wait(120) for one in workers] == [0, 0]
    end(server)


if sys.argv[2:] == ["worker"]:
    worker()
else:
    for libuv in (True, False):
        python_client(libuv)
        python_server(libuv)
    process_group()
