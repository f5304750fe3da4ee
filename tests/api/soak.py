"""Thousands of requests to one server, a third of whose clients go in the midst of it: memory stays, every slot is free at the end.

usage: soak.py [REQUESTS]     LMF_BUILD names the build
"""
import concurrent.futures
import json
import random
import sys
import tempfile

from server import make_model, serving

REQUESTS = int(sys.argv[1]) if len(sys.argv) > 1 else 10000


def one(server, number):
    chance = random.Random(number)
    members = {"messages": [{"role": "user", "content": f"{chance.randrange(50)} " * chance.randrange(1, 60)}], "max_tokens": chance.randrange(1, 60),
               "temperature": chance.choice([0, 1]), "n": chance.choice([1, 1, 2]), "stream": chance.random() < 0.6, "stop": chance.choice([None, ["a"], ["xyz"]])}
    body = json.dumps(members).encode()
    link = server.raw()
    try:
        link.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        goes_after = chance.randrange(0, 3000) if chance.random() < 0.33 else None
        seen = b""
        while goes_after is None or len(seen) < goes_after:
            part = link.recv(65536)
            if not part:
                break
            seen += part
        if goes_after is None:
            assert seen.startswith(b"HTTP/1.1 200"), seen[:400]
            assert not members["stream"] or seen.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n"), seen[-200:]
    finally:
        link.close()


def run(server, numbers):
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        for done in concurrent.futures.as_completed([pool.submit(one, server, number) for number in numbers]):
            done.result()
    server.until("requests_running", 0)
    server.until("requests_waiting", 0)
    return server.metric("process_resident_memory_bytes") / 2**20


with tempfile.TemporaryDirectory() as folder:
    with serving(make_model(folder + "/noise")) as server:
        begin = run(server, range(REQUESTS // 10))  # all buffers are there then
        end = run(server, range(REQUESTS // 10, REQUESTS))
        print(f"{REQUESTS} requests, {server.metric('cancelled_total'):.0f} of their answers cancelled; memory {begin:.1f} MiB after the first tenth, {end:.1f} at the end")
        assert server.metric("kv_cache_usage_ratio") == 0
        assert end < begin + 20, "memory has grown"
