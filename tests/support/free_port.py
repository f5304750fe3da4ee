"""A port for a test that must name it before anything listens on it; as a script, prints one.

Outside the range from which the kernel takes ports by itself: there, a connection or an "any port" of a test that runs at
the same time could take it in between."""
import random
import socket


def quiet_ports(kernels_first, kernels_last):
    """Below the kernel's range, above it where there are too few, else all; free_port.hpp has the same."""
    if kernels_first - 10000 >= 1000:
        return max(10000, kernels_first - 12000), kernels_first - 1
    return (kernels_last + 1, 65535) if 65535 - kernels_last >= 1000 else (10000, 65535)


def free_port(family=socket.AF_INET):
    try:
        with open("/proc/sys/net/ipv4/ip_local_port_range") as text:
            ports = quiet_ports(*map(int, text.read().split()))
    except OSError:
        ports = quiet_ports(32768, 60999)
    while True:
        port = random.SystemRandom().randint(*ports)
        with socket.socket(family) as probe:
            try:
                probe.bind(("", port))
                return str(port)
            except OSError:
                continue


if __name__ == "__main__":
    print(free_port())
