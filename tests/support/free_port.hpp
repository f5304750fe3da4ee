#pragma once

#include <cstdint>
#include <random>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace lmf::test {

/// A port for a test that must name it before anything listens on it. As free_port.py's, below the range from which the
/// kernel takes ports by itself: there, a connection or an "any port" of a test that runs at the same time could take
/// it in between.
inline std::uint16_t free_port() {
  std::random_device chance;
  std::uniform_int_distribution<int> ports(20000, 31999);
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
