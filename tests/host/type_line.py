"""Types a line into an interactive shell on a terminal of its own, as a person does, and waits until the shell has run it:
    type_line.py FILE SHELL [ARGUMENTS ...]
Standard input has the line; "\\t" in it is the Tab key. FILE is what the line's program writes, and FILE.answered has a line more
for each answer to the shell's question what completes a word; the shell is ready when it has answered a first line. Prints what the terminal showed when nothing comes of it, and ends with 1."""
import fcntl
import os
import pty
import select
import struct
import sys
import termios
import time

LIMIT = 60  # seconds; only ends a shell that hangs
QUIET = 0.3  # seconds without output after which the shell has shown all that it shows


def main():
    written, command = sys.argv[1], sys.argv[2:]
    keys = sys.stdin.readline().rstrip("\n").replace("\\t", "\t")
    process, terminal = pty.fork()
    if process == 0:
        os.execvp(command[0], command)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
    shown = b""
    last_shown = time.monotonic()

    def until(done):
        nonlocal shown, last_shown
        end = time.monotonic() + LIMIT
        while not done():
            if time.monotonic() > end:
                return False
            if select.select([terminal], [], [], 0.05)[0]:
                try:
                    part = os.read(terminal, 65536)
                except OSError:
                    return done()
                shown += part
                last_shown = time.monotonic()
                if b"\x1b[c" in part or b"\x1b[0c" in part:  # "what are you?": a VT102
                    os.write(terminal, b"\x1b[?6c")
                if b"\x1b[6n" in part:  # "where is the cursor?"
                    os.write(terminal, b"\x1b[1;1R")
        return True

    def answers():
        return os.path.getsize(written + ".answered") if os.path.exists(written + ".answered") else 0

    def complete():
        """Presses Tab, and waits until the program has answered and the shell has shown what it made of that."""
        answers_before = answers()
        length_before = len(shown)
        os.write(terminal, b"\t")

        def is_shown():
            nonlocal length_before
            if answers() == answers_before:
                length_before = len(shown)
                return False
            return len(shown) > length_before and time.monotonic() - last_shown > QUIET

        return until(is_shown)

    ready = written + ".ready"
    os.write(terminal, f"touch '{ready}'\r".encode())
    well = until(lambda: os.path.exists(ready))
    for key in keys if well else "":
        if key != "\t":
            os.write(terminal, key.encode())
        elif well:
            well = complete()
    os.write(terminal, b"\r")
    well = well and until(lambda: os.path.exists(written))
    os.close(terminal)
    os.kill(process, 9)
    os.waitpid(process, 0)
    if not well:
        print(f"the terminal showed:\n{shown.decode(errors='replace')}")
    return 0 if well else 1


sys.exit(main())
