"""What 6, 50 and 500 plugins cost: help, completion and an unknown command, beside git with as many git-NAME commands on PATH.

Both sides run in alternation; each time is the median with the 10th and 90th percentile. git reads names of files only, lmf
also what each command is called, does and takes.
"""
import os
import statistics
import sys
import tempfile

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


def cell(runs):
    walls = [run.wall * 1000 for run in runs]
    tenths = statistics.quantiles(walls, n=10)
    return f"{statistics.median(walls):.1f} ({tenths[0]:.1f} to {tenths[-1]:.1f}) | {measure.median(runs, 'cpu') * 1000:.1f}"


def main():
    lmf = measure.lmf()
    print("| plugins | question | lmf, ms | CPU, ms | git, ms | CPU, ms | git / lmf | of CPU |\n|---|---|---|---|---|---|---|---|")
    cost = {}
    for count in COUNTS:
        with tempfile.TemporaryDirectory() as folder:
            plugins, commands = make(folder, count)
            environment = {"LMF_PLUGIN_PATH": plugins, "PATH": commands + ":" + os.environ["PATH"], "GIT_PAGER": "cat", "PAGER": "cat"}
            questions = {
                "help": ([lmf, "help"], ["git", "help", "-a"]),
                "an unknown command": ([lmf, "tol-007"], ["git", "tol-007"]),
                "completing a command": ([lmf, "__complete", "--", "tool-00"], ["git", "--list-cmds=main,others"]),
                "completing an option": ([lmf, "__complete", "--", "tool-001", "--"], None),
                "completing a key of train": ([lmf, "__complete", "--", "train", "lora_"], None),
                "version, which reads nothing": ([lmf, "version"], ["git", "version"]),
            }
            for question, (ours, theirs) in questions.items():
                runs, others = [], []
                for repeat in range(TIMES + 1):
                    for command, results in ((ours, runs), (theirs, others)):
                        if command:
                            result = measure.run(command, environment)
                            if repeat > 0:  # the first one warms the caches
                                results.append(result)
                line = f"| {count} | {question} | {cell(runs)} |"
                if others:
                    ratios = [measure.median(others, what) / measure.median(runs, what) for what in ("wall", "cpu")]
                    line += f" {cell(others)} | {ratios[0]:.1f} | {ratios[1]:.1f} |"
                else:
                    line += " | | | |"
                print(line, flush=True)
                if question == "help":
                    cost[count] = measure.median(runs, "cpu")
    few, many = COUNTS[0], COUNTS[-1]
    print(f"\nA further manifest costs help {(cost[many] - cost[few]) / (many - few) * 1e6:.0f} µs of CPU.")


sys.exit(main())
