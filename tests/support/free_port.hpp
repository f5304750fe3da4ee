#pragma once

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <random>
#include <utility>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace lmf::test {

/// First and last port outside the kernel's own range: below it, above it where there are too few, else all.
inline std::pair<int, int> quiet_ports(int kernels_first, int kernels_last) {
  constexpr int kFirst = 10000, kLast = 65535, kEnough = 1000;
  if (kernels_first - kFirst >= kEnough) return {std::max(kFirst, kernels_first - 12000), kernels_first - 1};
  if (kLast - kernels_last >= kEnough) return {kernels_last + 1, kLast};
  return {kFirst, kLast};
}

/// A port for a test that must name it before anything listens on it. As free_port.py's, outside the range from which
/// the kernel takes ports by itself: there, a connection or an "any port" of a test that runs at the same time could
/// take it in between.
inline std::uint16_t free_port() {
  int first = 32768, last = 60999;  // of a kernel that does not say
  std::ifstream("/proc/sys/net/ipv4/ip_local_port_range") >> first >> last;
  std::random_device chance;
  const auto [from, to] = quiet_ports(first, last);
  std::uniform_int_distribution<int> ports(from, to);
  for (;;) {
    const auto port = static_cast<std::uint16_t>(ports(chance));
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    const bool free = ::bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    ::close(socket);
    if (free) return port;
  }
}

}  // namespace lmf::test
