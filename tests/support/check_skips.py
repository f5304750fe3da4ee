"""Prints which tests of a run were skipped and why, and fails when these are not the agreed ones.

usage: check_skips.py RESULTS.xml SKIPS.txt
RESULTS.xml is what `ctest --output-junit` wrote. A line of SKIPS.txt agrees to one test: its name (or a shell pattern) and what
has to be missing on this machine for it to be skipped. A test that is skipped though everything is there, or that no line names,
fails the run: a skip is a decision, not an accident.
"""
import fnmatch
import os
import pathlib
import shutil
import subprocess
import sys
import xml.etree.ElementTree as xml

root = pathlib.Path(__file__).resolve().parents[2]


def has_cuda():
    libtorch = list(root.glob(".venv/lib/python*/site-packages/torch/lib/libtorch_cuda.so"))
    return bool(libtorch) and bool(shutil.which("nvidia-smi")) and subprocess.run(["nvidia-smi", "-L"], capture_output=True).returncode == 0


def own_probe(test):
    """For a test that needs much: what it does itself before it skips."""
    return subprocess.run(["bash", root / "tests" / test, "probe"], capture_output=True).returncode == 0


# What a test may need that a machine may lack.
present = {
    "shared": lambda: (pathlib.Path(os.environ.get("LMF_SHARED", root / "../shared")) / "parity").is_dir(),
    "peers": lambda: bool(os.environ.get("LMF_PEERS")),
    "clients": lambda: bool(os.environ.get("LMF_CLIENTS")),
    "cuda": has_cuda,
    "namespaces": lambda: subprocess.run(["unshare", "--mount", "--map-root-user", "true"], capture_output=True).returncode == 0,
    "net-namespaces": lambda: own_probe("launch/hosts_test.sh"),
    "bad-lines": lambda: own_probe("launch/bad_lines_test.sh"),
    "memory-groups": lambda: own_probe("launch/out_of_memory_test.sh"),
    "python-torch": lambda: any(
        subprocess.run([python, "-c", "import torch.distributed"], capture_output=True).returncode == 0
        for python in (os.environ.get("LMF_PYTHON"), root / ".venv/bin/python", "python3") if python and shutil.which(python)),
    "torchrun": lambda: pathlib.Path(os.environ.get("LMF_TORCHRUN", root / ".venv/bin/torchrun")).exists(),
    "mpirun": lambda: bool(shutil.which("mpirun")),
    "slurm": lambda: own_probe("launch/srun_test.sh"),
    "package-tools": lambda: bool(shutil.which("dpkg-shlibdeps") and shutil.which("file")),
    "man": lambda: bool(shutil.which("man") and shutil.which("groff")) and subprocess.run(["man", "--version"], capture_output=True).stdout.startswith(b"man "),
    "clang-format": lambda: bool(shutil.which("clang-format-14")),
}


def agreed_skips(path):
    lines = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        words = line.split("#")[0].split()
        if not words:
            continue
        if len(words) != 2 or words[1] not in present:
            sys.exit(f"{path}:{number}: expected a test's name and one of {', '.join(present)}")
        lines.append((words[0], words[1]))
    return lines


def reason(case):
    output = (case.findtext("system-out") or "").strip().splitlines()
    said = [line for line in output if "skipped" in line.lower()]
    return (said or output or ["no reason given"])[-1]


def main(results, agreed):
    cases = xml.parse(results).getroot().findall("testcase")
    lacking = {need for need, check in present.items() if not check()}
    ran, unexpected = 0, []
    print(f"\nSkipped tests (this machine lacks: {', '.join(sorted(lacking)) or 'nothing'}):")
    for case in cases:
        name = case.get("name")
        if case.find("skipped") is None and case.get("status") not in ("notrun", "disabled"):
            ran += 1
            continue
        needs = [need for pattern, need in agreed if fnmatch.fnmatchcase(name, pattern)]
        fine = any(need in lacking for need in needs)
        print(f"  {name}: {reason(case)}{'' if fine else '   <- NOT AGREED'}")
        if not fine:
            unexpected.append(name)
    print(f"{ran} tests ran, {len(cases) - ran} were skipped.")
    if ran == 0:
        sys.exit("No test ran.")
    if unexpected:
        sys.exit(f"Skipped without agreement (tests/skips.txt): {' '.join(unexpected)}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], agreed_skips(pathlib.Path(sys.argv[2])))
