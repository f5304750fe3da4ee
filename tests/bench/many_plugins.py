"""What 6, 50 and 500 plugins cost: help, completion and an unknown command, beside git with as many git-NAME commands on PATH.

Both sides run in alternation; each cell is the median in ms with the 10th and 90th percentile. git reads names of files only, lmf
also what each command is called, does and takes.
"""
import os
import statistics
import subprocess
import sys
import tempfile
import time

import measure

COUNTS, TIMES = (6, 50, 500), 30
MANIFEST = """schema = 1

[plugin]
name = "{name}"
version = "1.0.0"
vendor = "acme"
summary = "A tool"
license = "Apache-2.0"
library = "liblmf-{name}.so"

[abi]
major = 1
minor = 0

[requires]
package = "acme-{name}"

[[command]]
name = "{name}"
group = "Tools"
summary = "Do what the tool {name} does"
usage = "{name} [--fast] FILE"
complete = "file:*.txt"
[[command.option]]
name = "fast"
type = "flag"
help = "Do it fast."
[[command.option]]
name = "level"
type = "integer"
value = "N"
default = "3"
min = 1
max = 9
help = "How much."
"""


def make(folder, count):
    plugins, commands = os.path.join(folder, "plugins"), os.path.join(folder, "bin")
    os.makedirs(plugins)
    os.makedirs(commands)
    for number in range(count):
        name = f"tool-{number:03d}"
        with open(os.path.join(plugins, f"{name}.lmf-plugin.toml"), "w") as manifest:
            manifest.write(MANIFEST.format(name=name))
        open(os.path.join(plugins, f"liblmf-{name}.so"), "w").close()
        with open(os.path.join(commands, f"git-{name}"), "w") as command:
            command.write("#!/bin/sh\n")
        os.chmod(os.path.join(commands, f"git-{name}"), 0o755)
    return plugins, commands


def ms(command, environment):
    begin = time.perf_counter()
    subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    return (time.perf_counter() - begin) * 1000


def cell(times):
    tenths = statistics.quantiles(times, n=10)
    return f"{statistics.median(times):.1f} ({tenths[0]:.1f} to {tenths[-1]:.1f})"


def main():
    lmf = measure.lmf()
    print("| plugins | question | lmf, ms | git, ms | git / lmf |\n|---|---|---|---|---|")
    helps = {}
    for count in COUNTS:
        with tempfile.TemporaryDirectory() as folder:
            plugins, commands = make(folder, count)
            environment = dict(os.environ, LMF_PLUGIN_PATH=plugins, PATH=commands + ":" + os.environ["PATH"], GIT_PAGER="cat",
                               PAGER="cat")
            questions = {
                "help": ([lmf, "help"], ["git", "help", "-a"]),
                "an unknown command": ([lmf, "tol-007"], ["git", "tol-007"]),
                "completing a command": ([lmf, "__complete", "--", "tool-00"], ["git", "--list-cmds=main,others"]),
                "completing an option": ([lmf, "__complete", "--", "tool-001", "--"], None),
                "version, which reads nothing": ([lmf, "version"], ["git", "version"]),
            }
            for question, (ours, theirs) in questions.items():
                for command in filter(None, (ours, theirs)):
                    ms(command, environment)  # warm
                times, other = [], []
                for _ in range(TIMES):
                    times.append(ms(ours, environment))
                    if theirs:
                        other.append(ms(theirs, environment))
                if question == "help":
                    helps[count] = statistics.median(times)
                ratio = f"{statistics.median(other) / statistics.median(times):.1f}" if other else ""
                print(f"| {count} | {question} | {cell(times)} | {cell(other) if other else ''} | {ratio} |", flush=True)
    few, many = COUNTS[0], COUNTS[-1]
    print(f"\nA further manifest costs {(helps[many] - helps[few]) / (many - few) * 1000:.0f} µs of help.")


sys.exit(main())
