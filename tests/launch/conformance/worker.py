"""A worker that does what it is told, and writes down what it sees: one JSON line per event, into a file of its own.

usage: worker.py '{"0": ["sleep 30"], "*": ["stderr oh no", "exit 3"]}' [further words]
The key is the rank, or rank/world size, "*" any other. Steps: sleep S, wait, stdout T, stderr T, exit N, kill SIGNAL, ignore SIGNAL,
catch SIGNAL, leave SIGNAL N (exit N on it), save SIGNAL S (take S seconds, note it and exit 0), note EVENT, child, daemon, once (the following steps only before a restart), raise, record, all_reduce N.
"""
import json
import os
import signal
import subprocess
import sys
import time

rank = os.environ.get("RANK", "?")
log = open(os.path.join(os.environ["OBSERVE"], f"{rank}-{os.getpid()}.jsonl"), "a")


def note(event, **facts):
    log.write(json.dumps({"event": event, "rank": rank, "pid": os.getpid(), "time": time.time(), **facts}) + "\n")
    log.flush()


def caught(number, _frame):
    note("signal", name=signal.Signals(number).name)


def all_reduce(times):
    import datetime

    import torch
    import torch.distributed as dist

    dist.init_process_group("gloo", timeout=datetime.timedelta(seconds=60))
    value = torch.ones(1)
    dist.all_reduce(value)
    note("group")
    value.fill_(1)
    for _ in range(times):
        dist.all_reduce(value)
        value.fill_(1)
    dist.all_reduce(value)
    note("reduced", sum=value.item())
    dist.destroy_process_group()


def fail_as_record_does():
    """What torch's @record writes for an exception."""
    stack = 'Traceback (most recent call last):\n  File "made_up.py", line 7, in main\nValueError: made up\n'
    message = {"message": "ValueError: made up", "extraInfo": {"py_callstack": stack, "timestamp": str(int(time.time()))}}
    with open(os.environ["TORCHELASTIC_ERROR_FILE"], "w") as file:
        json.dump({"message": message}, file)
    sys.exit(1)


def do(step):
    word, _, rest = step.partition(" ")
    if word == "sleep":
        end = time.time() + float(rest)
        while time.time() < end:  # a signal handler would otherwise shorten nothing and hide nothing
            time.sleep(min(0.05, max(0, end - time.time())))
    elif word == "wait":
        while True:
            time.sleep(0.05)
    elif word in ("stdout", "stderr"):
        print(rest, file=getattr(sys, word), flush=True)
    elif word == "exit":
        note("exit", code=int(rest))
        os._exit(int(rest))
    elif word == "kill":
        os.kill(os.getpid(), getattr(signal, rest))
    elif word == "ignore":
        signal.signal(getattr(signal, rest), signal.SIG_IGN)
    elif word == "catch":
        signal.signal(getattr(signal, rest), caught)
    elif word == "leave":
        name, code = rest.split()
        signal.signal(getattr(signal, name), lambda number, _: (caught(number, _), os._exit(int(code))))
    elif word == "save":
        name, seconds = rest.split()
        signal.signal(getattr(signal, name), lambda *_: (time.sleep(float(seconds)), note("saved"), os._exit(0)))
    elif word == "note":
        note(rest)
    elif word in ("child", "daemon"):
        child = subprocess.Popen(["sleep", "600"], start_new_session=word == "daemon")
        note(word, child=child.pid)
    elif word == "raise":
        fail_as_record_does()
    elif word == "record":
        from torch.distributed.elastic.multiprocessing.errors import record

        record(lambda: 1 // 0)()
    elif word == "all_reduce":
        all_reduce(int(rest))
    else:
        sys.exit(f"worker.py: unknown step {step}")


plan = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}
steps = plan.get(f"{rank}/{os.environ.get('WORLD_SIZE')}", plan.get(rank, plan.get("*", [])))
if "once" in steps and os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") != "0":
    steps = steps[: steps.index("once")] + steps[steps.index("else") + 1 :] if "else" in steps else steps[: steps.index("once")]
elif "else" in steps:
    steps = steps[: steps.index("else")]
note("start", environment=dict(os.environ), words=sys.argv[2:], parent=os.getppid(), group=os.getpgid(0),
     session=os.getsid(0), directory=os.getcwd())
for step in steps:
    if step != "once":
        do(step)
note("end")
