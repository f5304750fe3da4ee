#include "train/worker/own_address.hpp"

#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <thread>

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fmt/format.h>

#include "lmf/error.hpp"

namespace lmf::train {
namespace {

constexpr const char* kLoopback = "127.0.0.1";
constexpr const char* kSomewhereElse =
    "192.0.2.1";  // reserved for documentation (RFC 5737): only its route is looked up
constexpr const char* kAnyPort = "9";

using Addresses = std::unique_ptr<addrinfo, void (*)(addrinfo*)>;

Addresses resolve(const std::string& host, int& problem) {
  addrinfo wanted = {}, *found = nullptr;
  wanted.ai_socktype = SOCK_DGRAM;
  problem = ::getaddrinfo(host.c_str(), kAnyPort, &wanted, &found);
  return {problem == 0 ? found : nullptr, [](addrinfo* list) {
            if (list) ::freeaddrinfo(list);
          }};
}

/// Connecting a datagram socket chooses a route and its source address, and sends nothing.
std::optional<std::string> source_address(const addrinfo& target) {
  const int socket = ::socket(target.ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return std::nullopt;
  sockaddr_storage own = {};
  socklen_t length = sizeof own;
  char text[NI_MAXHOST] = {};
  const bool known =
      ::connect(socket, target.ai_addr, target.ai_addrlen) == 0 &&
      ::getsockname(socket, reinterpret_cast<sockaddr*>(&own), &length) == 0 &&
      ::getnameinfo(reinterpret_cast<sockaddr*>(&own), length, text, sizeof text, nullptr, 0, NI_NUMERICHOST) == 0;
  ::close(socket);
  return known ? std::optional<std::string>(text) : std::nullopt;
}

}  // namespace

bool is_loopback(const std::string& address) { return address.starts_with("127.") || address == "::1"; }

std::string own_address_towards(const std::string& host, std::chrono::seconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  int problem = 0;
  Addresses found = resolve(host, problem);
  while (!found && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::seconds(1));
    found = resolve(host, problem);
  }
  if (!found) {
    throw Error(fmt::format("environment: MASTER_ADDR '{}' is not known to this machine after {} s: {}", host,
                            patience.count(), ::gai_strerror(problem)),
                "set it to the name or address of the first node");
  }
  for (const addrinfo* one = found.get(); one; one = one->ai_next) {
    if (auto address = source_address(*one)) return *address;
  }
  throw Error(
      fmt::format("environment: no network of this machine leads to MASTER_ADDR '{}': {}", host, std::strerror(errno)),
      "set it to an address of the first node that this machine can reach");
}

std::string own_outward_address() {
  int problem = 0;
  const Addresses somewhere = resolve(kSomewhereElse, problem);
  return somewhere ? source_address(*somewhere).value_or(kLoopback) : kLoopback;
}

}  // namespace lmf::train
