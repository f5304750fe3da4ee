"""The HTTP layer alone, a stub behind it: the server on one core, wrk (Debian's package) on another.

usage: http_layer.py HTTP_TOOL [SECONDS]

Requests a second and latencies of a small GET and of a chat request, with 64 connections; the same while 1,000 streams are open
that get ten events a second each. On a machine of two cores the load generator is the neighbour, not a guest.
"""
import os
import re
import selectors
import shutil
import socket
import subprocess
import sys
import tempfile
import time

TOOL, SECONDS = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "5"
if not shutil.which("wrk"):
    sys.exit("left out: there is no wrk (Debian: apt-get install wrk)")

CORES = sorted(os.sched_getaffinity(0))
BODY = '{"model":"stub","messages":[{"role":"user","content":"Which city is the capital of Norway?"}],"max_tokens":64}'
SCRIPT = f"""
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = [[{BODY}]]
done = function(summary, latency)
  io.write(string.format("result %d %d %d %d\\n", summary.requests * 1e6 / summary.duration, latency:percentile(50),
    latency:percentile(99), summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout + summary.errors.status))
end
"""


def load(port, path, script):
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script)
        file.flush()
        out = subprocess.run(["taskset", "-c", str(CORES[-1]), "wrk", "-t1", "-c64", f"-d{SECONDS}s", "-s", file.name,
                              f"http://127.0.0.1:{port}{path}"], capture_output=True, text=True, check=True).stdout
    return [int(word) for word in re.search(r"result (\d+) (\d+) (\d+) (\d+)", out).groups()]


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def report(name, server, port, path, script):
    before, began = cpu_seconds(server.pid), time.time()
    rate, p50, p99, errors = load(port, path, script)
    cpu = (cpu_seconds(server.pid) - before) / (time.time() - began)
    print(f"| {name} | {rate} | {p50 / 1000:.2f} | {p99 / 1000:.2f} | {errors} | {100 * cpu:.0f} % |", flush=True)


server = subprocess.Popen(["taskset", "-c", str(CORES[0]), TOOL, "10"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
port = int(server.stdout.readline())
get = SCRIPT.replace('wrk.method = "POST"', "").replace(f"wrk.body = [[{BODY}]]", "")
print("| request | per second | p50, ms | p99, ms | errors | server's core |\n| --- | --- | --- | --- | --- | --- |")
report("GET /health", server, port, "/health", get)
report("POST, a chat request", server, port, "/v1/chat/completions", SCRIPT)

streams = selectors.DefaultSelector()
for _ in range(1000):
    client = socket.create_connection(("127.0.0.1", port))
    client.sendall(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
    client.setblocking(False)
    streams.register(client, selectors.EVENT_READ)


def events(seconds):
    """Events of all streams, and the time in which they came."""
    count, began = 0, time.time()
    while time.time() - began < seconds:
        for key, _ in streams.select(0.1):
            count += key.fileobj.recv(1 << 20).count(b"data: ")
    return count, time.time() - began


events(1)
before = cpu_seconds(server.pid)
count, took = events(float(SECONDS))
print(f"\n1,000 streams: {count / took:.0f} events a second of 10,000 that were sent, {100 * (cpu_seconds(server.pid) - before) / took:.0f} % of "
      f"the server's core, {int(open(f'/proc/{server.pid}/statm').read().split()[1]) * 4096 >> 20} MiB")
server.stdin.close()
server.wait()
