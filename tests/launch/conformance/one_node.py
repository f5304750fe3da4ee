"""Cases of one node: what workers are given, options, output."""
import glob
import os
import re
import socket

from harness import Job, Launcher, case, free_port

SECTION_1 = ["RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "GROUP_RANK", "GROUP_WORLD_SIZE", "ROLE_NAME",
             "ROLE_RANK", "ROLE_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "TORCHELASTIC_RUN_ID",
             "TORCHELASTIC_RESTART_COUNT", "TORCHELASTIC_MAX_RESTARTS", "TORCHELASTIC_USE_AGENT_STORE",
             "TORCHELASTIC_ERROR_FILE", "TORCHELASTIC_SIGNALS_TO_HANDLE", "TORCH_NCCL_ASYNC_ERROR_HANDLING", "OMP_NUM_THREADS"]
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@case("C01", "two workers get every variable of the contract", "status 0, ranks 0 1, missing none")
def c01(launcher):
    with Job(launcher, ["--standalone", "--nproc-per-node=2"]) as job:
        status, seen = job.status(), job.environments()
        missing = sorted({name for env in seen.values() for name in SECTION_1 if name not in env})
        return f"status {status}, ranks {' '.join(sorted(seen))}, missing {' '.join(missing) or 'none'}"


@case("C02", "no options: one worker, a run id nobody else has, no OMP_NUM_THREADS",
      "status 0, world 1, uuid True, agent store True, OMP_NUM_THREADS None, no file left",
      "status 0, world 1, uuid True, agent store True, OMP_NUM_THREADS None, files left")
def c02(launcher):
    with Job(launcher, []) as job:
        status, env = job.status(), job.environments()["0"]
        return (f"status {status}, world {env['WORLD_SIZE']}, uuid {bool(UUID.fullmatch(env['TORCHELASTIC_RUN_ID']))}, "
                f"agent store {env['TORCHELASTIC_USE_AGENT_STORE']}, OMP_NUM_THREADS {env.get('OMP_NUM_THREADS')}, {job.files_left()}")


@case("L08", "a temporary folder that is not there: another one is used", "status 0, not made True", "status 0, not made True")
def l08(launcher):
    with Job(launcher, [], environment={"TMPDIR": "/no/such/folder"}) as job:
        return f"status {job.status()}, not made {not os.path.exists('/no')}"


@case("L09", "too few files may be open: which limit, and what to do", "1 1 1, says it True True True", "1 hangs 0, says it False False False")
def l09(launcher):
    statuses, says = [], []
    for most in (8, 12, 30):  # for the agent itself, for its port, for all of its workers
        limited = Launcher(launcher.name, ["sh", "-c", f'ulimit -n {most}; exec "$@"', "sh", *launcher.command], launcher.python)
        with Job(limited, ["--nproc-per-node=16"]) as job:
            statuses.append(str(job.status()))
            says.append(str("ulimit -n" in job.errors()))
    return f"{' '.join(statuses)}, says it {' '.join(says)}"


@case("C03", "a master port makes it static", "status 0, 127.0.0.1, the port, none")
def c03(launcher):
    port = free_port()
    with Job(launcher, ["--nproc-per-node=2", "--master_port", port]) as job:
        status, env = job.status(), job.environments()["1"]
        return (f"status {status}, {env['MASTER_ADDR']}, {'the port' if env['MASTER_PORT'] == port else env['MASTER_PORT']}, "
                f"{env['TORCHELASTIC_RUN_ID']}")


@case("C07", "the user's own values are left alone", "status 0, 4 3")
def c07(launcher):
    with Job(launcher, ["--nproc-per-node=2"], environment={"OMP_NUM_THREADS": "4", "TORCH_NCCL_ASYNC_ERROR_HANDLING": "3"}) as job:
        status, env = job.status(), job.environments()["1"]
        return f"status {status}, {env['OMP_NUM_THREADS']} {env['TORCH_NCCL_ASYNC_ERROR_HANDLING']}"


@case("C08", "PET_ variables are defaults, the command line wins", "status 0, 2 workers; status 0, 3 workers")
def c08(launcher):
    environment = {"PET_NPROC_PER_NODE": "2", "PET_STANDALONE": "1"}
    results = []
    for options in ([], ["--nproc-per-node=3"]):
        with Job(launcher, options, environment=environment) as job:
            results.append(f"status {job.status()}, {len(job.environments())} workers")
    return "; ".join(results)


@case("C09", "an empty PET_STANDALONE counts as unset", "status 0", "status 1")
def c09(launcher):
    with Job(launcher, [], environment={"PET_STANDALONE": ""}) as job:
        return f"status {job.status()}"


@case("C10", "a program that is not Python's", "status 0, RANK=0")
def c10(launcher):
    with Job(launcher, ["--no-python"], program=["/usr/bin/env"]) as job:
        return f"status {job.status()}, {next(line for line in job.output().splitlines() if line.startswith('RANK='))}"


@case("C11", "--no-python and --module contradict each other", "status 2", "status 1")
def c11(launcher):
    with Job(launcher, ["--no-python", "-m"], program=["json.tool"]) as job:
        return f"status {job.status()}"


@case("C12", "${local_rank} in an argument, by the rules of Python's Template",
      "status 0, ['x0', '0-', '$HOME', '$other', '${local_rank', '$'] ['x1', '1-', '$HOME', '$other', '${local_rank', '$']")
def c12(launcher):
    with Job(launcher, ["--nproc-per-node=2"], words=["x${local_rank}", "$local_rank-", "$$HOME", "$other", "${local_rank", "$"]) as job:
        status = job.status()
        starts = sorted(job.events("start"), key=lambda event: event["rank"])
        return f"status {status}, {starts[0]['words']} {starts[1]['words']}"


@case("C13", "--virtual-local-rank", "status 0, 0:4 0:6")
def c13(launcher):
    with Job(launcher, ["--nproc-per-node=2", "--virtual-local-rank"], environment={"CUDA_VISIBLE_DEVICES": "4,6"}) as job:
        status, seen = job.status(), job.environments()
        return f"status {status}, " + " ".join(f"{seen[r]['LOCAL_RANK']}:{seen[r]['CUDA_VISIBLE_DEVICES']}" for r in "01")


@case("C14", "a worker leads its own session; its parent is the agent", "status 0, leader True, child True")
def c14(launcher):
    with Job(launcher, []) as job:
        status, start = job.status(), job.events("start")[0]
        return (f"status {status}, leader {start['pid'] == start['group'] == start['session']}, "
                f"child {start['parent'] == job.process.pid}")


@case("C15", "impossible values are refused, no worker starts", "2 2 2 2 2, 0 workers", "1 1 1 1 1, 0 workers")
def c15(launcher):
    statuses, workers = [], 0
    for options in (["--nnodes=2:1"], ["--nnodes=2:20:30"], ["--max-restarts=-1"], ["--nproc-per-node=0"],
                    ["--rdzv-backend=nope", "--rdzv-endpoint=localhost:1"]):
        with Job(launcher, options) as job:
            statuses.append(str(job.status()))
            workers += len(job.events("start"))
    return f"{' '.join(statuses)}, {workers} workers"


@case("C16", "an unknown option; no program", "2 2")
def c16(launcher):
    statuses = []
    for options, program in ((["--nprocs=2"], None), ([], [])):
        with Job(launcher, options, program=program) as job:
            statuses.append(str(job.status()))
    return " ".join(statuses)


@case("C17", "a script that is not there", "status 2, says its name", "status 1, says its name")
def c17(launcher):
    with Job(launcher, [], program=["nowhere.py"]) as job:
        return f"status {job.status()}, {'says its name' if 'nowhere.py' in job.errors() else 'says nothing'}"


@case("C18", "gpu without one; a word that is no count", "2 2", "1 1")
def c18(launcher):
    statuses = []
    for count in ("gpu", "many"):
        with Job(launcher, [f"--nproc-per-node={count}"], environment={"CUDA_VISIBLE_DEVICES": ""}) as job:
            statuses.append(str(job.status()))
    return " ".join(statuses)


@case("C40", "a launcher under a launcher: the inner values win", "status 0, worlds 1 1 1 1")
def c40(launcher):
    inner = [*launcher.command, "--nproc-per-node=1", "--standalone"]
    with Job(launcher, ["--nproc-per-node=2", "--no-python"], program=[*inner, os.path.join(os.path.dirname(__file__), "worker.py")]) as job:
        status, starts = job.status(), job.events("start")
        return f"status {status}, worlds " + " ".join(e["environment"]["WORLD_SIZE"] + " " + e["environment"]["LOCAL_WORLD_SIZE"] for e in starts)


@case("C48", "an IPv6 address of the master", "status 0, ::1")
def c48(launcher):
    with Job(launcher, ["--master_addr=::1", f"--master_port={free_port(socket.AF_INET6)}"]) as job:
        return f"status {job.status()}, {job.environments()['0']['MASTER_ADDR']}"


@case("C49", "redirects, tee, one rank alone, filter: files and console",
      "r3 files 4 console none | t3 files 4 console [default0]:o 0 [default1]:o 1 | r1:3 files 2 console o 0 | filter console o 1")
def c49(launcher):
    plan = {"0": ["stdout o 0", "stderr e 0"], "*": ["stdout o 1", "stderr e 1"]}
    results = []
    for name, options in (("r3", ["-r", "3"]), ("t3", ["-t", "3"]), ("r1:3", ["-r", "1:3"]), ("filter", ["--local-ranks-filter=1"])):
        with Job(launcher, ["--nproc-per-node=2", "--log-dir=logs", *options], plan) as job:
            job.status()
            console = " ".join(sorted(job.output().split("\n"))).strip() or "none"
            full = [f for f in glob.glob(str(job.folder / "logs/*/attempt_0/*/std*.log")) if os.path.getsize(f)]
            results.append(f"{name} console {console}" if name == "filter" else f"{name} files {len(full)} console {console}")
    return " | ".join(results)


@case("C50", "lines that match a filter are kept apart", "status 0, [default0]:apple 0 [default1]:apple 1")
def c50(launcher):
    plan = {"0": ["stdout apple 0", "stdout pear 0"], "*": ["stdout pear 1", "stdout apple 1"]}
    with Job(launcher, ["--nproc-per-node=2", "--log-dir=logs", "-t", "3", "--duplicate-stdout-filters=apple"], plan) as job:
        status = job.status()
        lines = open(glob.glob(str(job.folder / "logs/*/attempt_0/filtered_stdout.log"))[0]).read().split("\n")
        return f"status {status}, {' '.join(sorted(lines)).strip()}"


@case("C51", "the prefix of a teed line is a template", "status 0, [rank0]: hello")
def c51(launcher):
    with Job(launcher, ["-t", "1"], {"*": ["stdout hello"]},
             environment={"TORCHELASTIC_LOG_LINE_PREFIX_TEMPLATE": "[rank${rank}]: "}) as job:
        return f"status {job.status()}, {job.output().strip()}"


def error_file_in_table(job):
    """Without --log-dir: the file that the table names is there and is the worker's."""
    named = re.search(r"error_file *: (.*)", job.errors())
    return bool(named) and os.path.isfile(named[1]) and "py_callstack" in open(named[1]).read()


@case("C52", "an error file: its traceback in the table, the file named and kept, and handed on to the agent's own",
      "status 1, table True, kept True, handed on 1")
def c52(launcher):
    import json
    with Job(launcher, [], {"*": ["raise"]}, environment={"TORCHELASTIC_ERROR_FILE": "handed-on.json"}) as job:
        status = job.status()
        code = json.load(open(job.folder / "handed-on.json"))["message"].get("errorCode")
        table = "Traceback (most recent call last):\n" in job.errors() and '  File "made_up.py", line 7, in main\n' in job.errors()
        return f"status {status}, table {table}, kept {error_file_in_table(job)}, handed on {code}"


@case("L11", "torch's own @record, without --log-dir", "status 1, table True, kept True", needs="torch")
def l11(launcher):
    with Job(launcher, [], {"*": ["record"]}) as job:
        status, table = job.status(), job.errors().split("Root Cause")[-1]
        whole = all(part in table for part in ("Traceback (most recent call last):", "worker.py", "ZeroDivisionError"))
        return f"status {status}, table {whole}, kept {error_file_in_table(job)}"


@case("L12", "an error file of an attempt that was followed by a good one leaves nothing", "status 0, no file left", "status 0, files left")
def l12(launcher):
    with Job(launcher, ["--max-restarts=1"], {"*": ["once", "raise", "else"]}) as job:
        return f"status {job.status()}, {job.files_left()}"


@case("L13", "a worker that writes to standard output alone: its last lines are in the table",
      "shown True, redirected True, not shown True, after lines on standard error False",
      "shown False, redirected False, not shown False, after lines on standard error False")
def l13(launcher):
    results = []
    for name, options, plan in (("shown", [], ["stdout oh no"]), ("redirected", ["-r", "1", "--log-dir=logs"], ["stdout oh no"]),
                                ("not shown", ["--local-ranks-filter=7"], ["stdout oh no"]),
                                ("after lines on standard error", [], ["stderr oh yes", "stdout oh no"])):
        with Job(launcher, options, {"*": [*plan, "exit 3"]}) as job:
            job.status()
            results.append(f"{name} {'    | oh no' in job.errors()}")
    return ", ".join(results)


@case("L14", "the reader of standard output: one that leaves ends the job, one that is slow gets all of it, as without a launcher",
      "left: ended, nothing left; slow: 300000 lines")
def l14(launcher):
    # 7 s: longer than the agent waits, once its workers have ended, for a reader that takes nothing (kFlushPatience).
    leaves, slow = (Launcher(launcher.name, ["sh", "-c", f'"$@" 2> errors | {reader}', "sh", *launcher.command], launcher.python)
                    for reader in ("head -n 1", "(sleep 7; wc -l)"))
    with Job(leaves, ["--no-python"], program=["yes"]) as job:
        result = f"left: {'ended' if job.status() != 'hangs' else 'hangs'}, {job.left()}"
    with Job(slow, ["--no-python"], program=["seq", "300000"]) as job:
        job.status()
        return f"{result}; slow: {job.output().strip()} lines"


@case("L15", "standard output is closed: the workers hear that, too", "status 9", "status 1")
def l15(launcher):
    closed = Launcher(launcher.name, ["sh", "-c", 'exec "$@" >&-', "sh", *launcher.command], launcher.python)
    with Job(closed, ["--no-python"], program=["sh", "-c", "echo hi || exit 9"]) as job:
        return f"status {job.status()}"


@case("L16", "a program whose interpreter is not there: that is said, and not that it is missing itself",
      "status 127, says it True", "status 1, says it False")
def l16(launcher):
    made = Launcher(launcher.name, ["sh", "-c", "echo '#!/no/such/interpreter' > script; chmod 700 script; exec \"$@\"", "sh", *launcher.command],
                    launcher.python)
    with Job(made, ["--no-python"], program=["./script"]) as job:
        return f"status {job.status()}, says it {'the interpreter that it names is not there' in job.errors()}"


@case("L17", "of ranks that waited in vain for a late one, the late one alone was at work", "status 1, names it True", "status 1, names it False")
def l17(launcher):
    waited = "echo 'Timed out waiting 1000ms for recv operation to complete' >&2"
    script = (f"case $RANK in 0) until [ -e said ]; do sleep 0.05; done; {waited}; exit 1;; "
              f"2) {waited}; > said; esac; exec sleep 600")
    with Job(launcher, ["--nproc-per-node=3", "--no-python"], program=["sh", "-c", script]) as job:
        status = job.status()
        return f"status {status}, names it {'it waited 1 s for others in vain; rank 1 was still at work: its own' in job.errors()}"


@case("C53", "not sharing the store: the worker of rank 0 hosts it, on a port that is free",
      "status 0, False, sums 2.0 2.0", needs="torch")
def c53(launcher):
    with Job(launcher, ["--nproc-per-node=2", "--standalone"], {"*": ["all_reduce 2"]},
             environment={"TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}) as job:
        status = job.status()
        return (f"status {status}, {job.environments()['0']['TORCHELASTIC_USE_AGENT_STORE']}, "
                f"sums {' '.join(str(e['sum']) for e in job.events('reduced'))}")


@case("C54", "env:// under a static launch, store of the agent", "status 0, sums 2.0 2.0", needs="torch")
def c54(launcher):
    with Job(launcher, ["--nproc-per-node=2", f"--master_port={free_port()}"], {"*": ["all_reduce 2"]}) as job:
        return f"status {job.status()}, sums {' '.join(str(e['sum']) for e in job.events('reduced'))}"


@case("C55", "cpu as a count", "status 0, all cores True")
def c55(launcher):
    with Job(launcher, ["--nproc-per-node=cpu"]) as job:
        # torchrun counts the machine's, lmf those that the process may use
        return f"status {job.status()}, all cores {len(job.environments()) in (os.cpu_count(), len(os.sched_getaffinity(0)))}"


@case("C56", "--rdzv-conf: quotes and unknown keys pass, an empty value does not", "0 2", "1 1")
def c56(launcher):
    statuses = []
    for conf in ("join_timeout='60',unheard_of=1", "join_timeout="):
        with Job(launcher, ["--standalone", f"--rdzv-conf={conf}"]) as job:
            statuses.append(str(job.status()))
    return " ".join(statuses)
