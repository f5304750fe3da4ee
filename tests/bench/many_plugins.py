"""What 6, 50 and 500 plugins cost: help, completion and an unknown command, beside git, docker and kubectl, where they are
installed, with as many plugins of theirs.

All of them run in alternation; each time is the median with the 10th and 90th percentile. git and kubectl read the names of the
files on PATH that begin with theirs, docker runs each of its plugins for what it says of itself, lmf reads what each command is called, does and takes.
"""
import os
import shutil
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


PROGRAM = """#!/bin/sh
echo '{"SchemaVersion": "0.1.0", "Vendor": "acme", "Version": "1.0.0", "ShortDescription": "A tool"}'
"""


def make(folder, count):
    """Plugins of lmf, programs for PATH, docker's configuration."""
    plugins, programs, docker = (os.path.join(folder, name) for name in ("plugins", "bin", "docker"))
    os.makedirs(plugins)
    os.makedirs(programs)
    os.makedirs(os.path.join(docker, "cli-plugins"))
    library = os.path.join(folder, "library.so")  # its headers are looked at
    shutil.copy(os.path.join(os.path.dirname(measure.lmf()), "../lib/lmf/plugins-1/liblmf-env.so"), library)
    for number in range(count):
        name = f"tool{number:03d}"  # docker's have no dash
        with open(os.path.join(plugins, f"{name}.lmf-plugin.toml"), "w") as manifest:
            manifest.write(MANIFEST.format(name=name))
        os.link(library, os.path.join(plugins, f"liblmf-{name}.so"))
        for path in (f"{programs}/git-{name}", f"{programs}/kubectl-{name}", f"{docker}/cli-plugins/docker-{name}"):
            with open(path, "w") as program:
                program.write(PROGRAM)
            os.chmod(path, 0o755)
    return plugins, programs, docker


def questions(lmf, docker):
    """What is asked, and how each program is asked it."""
    docker = ["docker", "--config", docker]
    return {
        "help": {"lmf": [lmf, "help"], "git": ["git", "help", "-a"], "docker": docker + ["help"], "kubectl": ["kubectl", "plugin", "list"]},
        "an unknown command": {"lmf": [lmf, "tol007"], "git": ["git", "tol007"], "docker": docker + ["tol007"], "kubectl": ["kubectl", "tol007"]},
        "completing a command": {"lmf": [lmf, "__complete", "--", "tool00"], "git": ["git", "--list-cmds=main,others"],
                                 "docker": docker + ["__complete", "tool00"], "kubectl": ["kubectl", "__complete", "tool00"]},
        "completing a command, nothing typed": {"lmf": [lmf, "__complete", "--", ""], "git": ["git", "--list-cmds=main,others"],
                                                "docker": docker + ["__complete", ""], "kubectl": ["kubectl", "__complete", ""]},
        "completing an option": {"lmf": [lmf, "__complete", "--", "tool001", "--"]},
        "completing a key of train": {"lmf": [lmf, "__complete", "--", "train", "lora_"]},
        "version": {"lmf": [lmf, "version"], "git": ["git", "version"], "docker": docker + ["--version"],
                    "kubectl": ["kubectl", "version", "--client"]},
    }


def row(runs, ours):
    walls = [run.wall * 1000 for run in runs]
    tenths = statistics.quantiles(walls, n=10)
    ratios = [f"{measure.median(runs, what) / measure.median(ours, what):.1f}" for what in ("wall", "cpu")]
    return (f"{statistics.median(walls):.1f} ({tenths[0]:.1f} to {tenths[-1]:.1f}) | {measure.median(runs, 'cpu') * 1000:.1f} | "
            + " | ".join(ratios if runs is not ours else ("", "")))


def main():
    print("| plugins | question | program | ms | CPU, ms | times lmf's | of CPU |\n|---|---|---|---|---|---|---|")
    cost = {}
    for count in COUNTS:
        with tempfile.TemporaryDirectory() as folder:
            plugins, programs, docker = make(folder, count)
            environment = {"LMF_PLUGIN_PATH": plugins, "PATH": programs + ":" + os.environ["PATH"], "GIT_PAGER": "cat", "PAGER": "cat"}
            for question, commands in questions(measure.lmf(), docker).items():
                runs = {program: [] for program, command in commands.items() if shutil.which(command[0])}
                for repeat in range(TIMES + 1):
                    for program, results in runs.items():
                        result = measure.run(commands[program], environment)
                        if repeat > 0:  # the first one warms the caches
                            results.append(result)
                for program, results in runs.items():
                    print(f"| {count} | {question} | {program} | {row(results, runs['lmf'])} |", flush=True)
                if question == "help":
                    cost[count] = measure.median(runs["lmf"], "cpu")
    few, many = COUNTS[0], COUNTS[-1]
    print(f"\nA further manifest costs help {(cost[many] - cost[few]) / (many - few) * 1e6:.0f} µs of CPU.")


sys.exit(main())
