"""How long, and in how much memory, the commands that compute nothing take, beside the original's."""
import measure

commands = [("version",), ("help",), ("help", "train"), ("env",), ("frobnicate",)]


def row(program, arguments, times):
    runs = [measure.run([program, *arguments]) for _ in range(times)]
    wall = sorted(one.wall for one in runs)
    return wall[len(wall) // 2] * 1000, measure.run([program, *arguments], peak=True).peak, runs[0].status


print("| command | lmf, ms | MiB | status | original, ms | MiB | status | times faster |")
print("|---|---|---|---|---|---|---|---|")
for arguments in commands:
    ms, mib, status = row(measure.lmf(), arguments, 20)
    line = f"| {' '.join(arguments)} | {ms:.1f} | {mib:.0f} | {status} |"
    original = measure.peer("llamafactory-cli")
    if original and arguments != ("help", "train"):
        other_ms, other_mib, other_status = row(original, arguments, 3)
        line += f" {other_ms:.0f} | {other_mib:.0f} | {other_status} | {other_ms / ms:.0f} |"
    else:
        line += " | | | |"
    print(line, flush=True)
