"""A port for a test that must name it before anything listens on it; as a script, prints one.

Below the range from which the kernel takes ports by itself: there, a connection or an "any port" of a test that runs at
the same time could take it in between."""
import random
import socket


def free_port(family=socket.AF_INET):
    while True:
        port = random.SystemRandom().randrange(20000, 32000)
        with socket.socket(family) as probe:
            try:
                probe.bind(("", port))
                return str(port)
            except OSError:
                continue


if __name__ == "__main__":
    print(free_port())
