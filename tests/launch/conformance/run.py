"""The launcher's contract as a black box: runs each case with `lmf run` and, with --both, with the real torchrun beside it.

usage: run.py [--both | --needs=nothing | --needs=torch | --needs=torchrun] [C19 ...] [one_node | stopping | several_nodes]
--needs takes the cases that need exactly that. Exit status 0 when lmf does what is expected everywhere, 77 when what the chosen
cases need is not here.
"""
import sys
import traceback

import harness
import one_node  # noqa: F401  (registers its cases)
import several_nodes  # noqa: F401
import stopping  # noqa: F401


def observe(function, launcher):
    try:
        return function(launcher)
    except Exception as problem:  # a launcher that behaves unexpectedly makes a case raise: that is an observation
        return "".join(traceback.format_exception_only(type(problem), problem)).strip()


def chosen_cases(words):
    names = [word for word in words if not word.startswith("-")]
    needs = next((word.split("=")[1] for word in words if word.startswith("--needs=")), None)
    return [case for case in harness.cases() if (not names or case[0] in names or case[-1].__module__ in names)
            and needs in (None, case[4] or "nothing")]


def what_is_missing(cases, launchers):
    needs = {case[4] for case in cases}
    if "torchrun" in needs and "torchrun" not in launchers:
        return "no torchrun (LMF_TORCHRUN)"
    if needs - {None} and not launchers["lmf"].has_torch():
        return f"no torch for {launchers['lmf'].python}"
    return ""


def main(words):
    both = "--both" in words
    cases = chosen_cases(words)
    launchers = harness.find_launchers()
    if both and "torchrun" not in launchers:
        sys.exit("no torchrun: set LMF_TORCHRUN")
    if missing := what_is_missing(cases, launchers):
        print(f"skipped: {missing}")
        return 77
    harness.beside_torchrun = both
    failures = 0
    for identity, what, lmf_expected, torchrun_expected, _, function in cases:
        seen = observe(function, launchers["lmf"])
        good = seen == lmf_expected
        failures += not good
        print(f"{identity} {'ok ' if good else 'NOT'} {what}\n      lmf       {seen}", flush=True)
        if not good:
            print(f"      expected  {lmf_expected}")
        if both:
            other = observe(function, launchers["torchrun"])
            remark = "" if other == torchrun_expected else f"   (expected: {torchrun_expected})"
            print(f"      torchrun  {other}{remark}", flush=True)
    print(f"{failures} of lmf's {len(cases)} cases are not as expected")
    return 1 if failures or not cases else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
