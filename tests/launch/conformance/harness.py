"""Starts launchers, reads what their workers wrote down, and finds what they left behind."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup's would be inherited by the launchers, which leave it ignored

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "support"))
from free_port import free_port  # noqa: E402, F401  (the cases take it from here)

WORKER = str(HERE / "worker.py")
PATIENCE = 120  # seconds until something counts as hanging: far above what anything takes


class Launcher:
    """`lmf run` or torchrun, with the Python that its workers run in."""

    def __init__(self, name, command, python):
        self.name, self.command, self.python = name, command, python
        self.is_lmf = name == "lmf"

    def has_torch(self):
        return subprocess.run([self.python, "-c", "import importlib.util, sys; sys.exit(not importlib.util.find_spec('torch'))"]).returncode == 0


def find_launchers():
    """lmf of the build; torchrun where the checkout's environment (or LMF_TORCHRUN) has it."""
    source = pathlib.Path(os.environ.get("LMF_SOURCE", HERE.parents[2]))
    torchrun = pathlib.Path(os.environ.get("LMF_TORCHRUN", source / ".venv/bin/torchrun"))
    python = str(torchrun.parent / "python") if torchrun.exists() else sys.executable
    lmf = Launcher("lmf", [os.path.join(os.environ["LMF_BUILD"], "bin", "lmf"), "run"], sys.executable)
    if not lmf.has_torch():
        lmf.python = python
    launchers = {"lmf": lmf}
    if torchrun.exists():
        launchers["torchrun"] = Launcher("torchrun", [str(torchrun)], python)
    return launchers


def processes_with(entry):
    """Processes whose environment has that NAME=VALUE."""
    found = []
    for folder in pathlib.Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            state = (folder / "stat").read_text().rsplit(")", 1)[1].split()[0]
            if state != "Z" and entry.encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
        except OSError:
            pass
    return found


class Job:
    """One launcher at work, in a session of its own."""

    def __init__(self, launcher, options, plan=None, words=(), environment=None, program=None):
        self.launcher = launcher
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="launch-"))
        (self.folder / "seen").mkdir()
        (self.folder / "tmp").mkdir()
        self.mark = "LMF_CONFORMANCE=" + uuid.uuid4().hex
        base = {name: value for name, value in os.environ.items()
                if not name.startswith(("PET_", "TORCHELASTIC", "LMF_")) and name not in
                ("OMP_NUM_THREADS", "RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")}
        base.update(OBSERVE=str(self.folder / "seen"), TMPDIR=str(self.folder / "tmp"), PYTHON_EXEC=launcher.python)
        base.update(dict([self.mark.split("=")]), **(environment or {}))
        program = [WORKER, json.dumps(plan or {})] if program is None else program
        self.out, self.err = open(self.folder / "out", "wb"), open(self.folder / "err", "wb")
        self.began = time.time()
        self.process = subprocess.Popen([*launcher.command, *options, *program, *words], stdin=subprocess.DEVNULL,
                                        stdout=self.out, stderr=self.err, env=base, cwd=self.folder, start_new_session=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.clean()

    def clean(self):
        self.process.poll() is None and self.process.kill()
        self.process.wait()
        for pid in processes_with(self.mark):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        shutil.rmtree(self.folder, ignore_errors=True)

    def status(self, patience=PATIENCE):
        """The exit status, 128+n for a signal, or "hangs"."""
        try:
            code = self.process.wait(patience)
        except subprocess.TimeoutExpired:
            return "hangs"
        self.ended = time.time()
        return code if code >= 0 else f"killed by {signal.Signals(-code).name}"

    def events(self, name=None):
        found = []
        for file in (self.folder / "seen").glob("*.jsonl"):
            found += [json.loads(line) for line in file.read_text().splitlines() if line.endswith("}")]
        found.sort(key=lambda event: event["time"])
        return [event for event in found if name in (None, event["event"])]

    def until(self, event, count=1):
        """Waits for that many events of a kind."""
        limit = time.time() + PATIENCE
        while len(self.events(event)) < count:
            if time.time() > limit:
                raise TimeoutError(f"no {event} ({count}) in {PATIENCE} s; stderr: {self.errors()[-500:]}")
            time.sleep(0.02)
        return self.events(event)

    def environments(self):
        return {event["environment"]["RANK"]: event["environment"] for event in self.events("start")}

    def errors(self):
        return (self.folder / "err").read_text(errors="replace")

    def output(self):
        return (self.folder / "out").read_text(errors="replace")

    def signal(self, name):
        self.process.send_signal(getattr(signal, name))

    def left(self):
        """What is still there of the job after the launcher's end; it is given a moment, as a killed launcher cannot wait."""
        for _ in range(50):
            found = processes_with(self.mark)
            if not found:
                return "nothing left"
            time.sleep(0.1)
        return "orphans"

    def files_left(self):
        return "no file left" if not any((self.folder / "tmp").iterdir()) else "files left"


beside_torchrun = False  # for the reader: worth more repetitions than a test of every change
_cases = []


def case(identity, what, lmf, torchrun=None, needs=None):
    """A function of a launcher that returns what was observed; expected: `lmf` of lmf, `torchrun` (for the reader) of torchrun.
    `needs`: "torch" in the workers' Python, or "torchrun"."""

    def register(function):
        _cases.append((identity, what, lmf, torchrun if torchrun is not None else lmf, needs, function))
        return function

    return register


def cases():
    return _cases
