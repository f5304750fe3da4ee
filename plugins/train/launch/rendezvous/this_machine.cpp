#include "train/launch/rendezvous/this_machine.hpp"

#include <cstring>
#include <random>

#include <ifaddrs.h>
#include <netinet/in.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/host_name.hpp"

namespace lmf::train::launch {
namespace {

asio::ip::address address_in(const sockaddr* from) {
  if (from->sa_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, from, sizeof v4);
    return asio::ip::address_v4(ntohl(v4.sin_addr.s_addr));
  }
  sockaddr_in6 v6;
  std::memcpy(&v6, from, sizeof v6);
  asio::ip::address_v6::bytes_type bytes;
  std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
  return asio::ip::address_v6(bytes);
}

/// Without scope, and an IPv4 address as itself.
asio::ip::address plain(const asio::ip::address& address) {
  if (!address.is_v6()) return address;
  const auto v6 = address.to_v6();
  if (v6.is_v4_mapped()) return asio::ip::make_address_v4(asio::ip::v4_mapped, v6);
  return asio::ip::address_v6(v6.to_bytes());
}

}  // namespace

std::string fresh_id() {
  std::random_device random;
  return fmt::format("{}-{}-{:08x}{:08x}", host_name(), ::getpid(), random(), random());
}

bool is_own_address(const asio::ip::address& address) {
  const auto wanted = plain(address);
  if (wanted.is_loopback() || wanted.is_unspecified()) return true;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return false;
  bool found = false;
  for (const ifaddrs* entry = list; entry && !found; entry = entry->ifa_next) {
    const sockaddr* at = entry->ifa_addr;
    found = at && (at->sa_family == AF_INET || at->sa_family == AF_INET6) && plain(address_in(at)) == wanted;
  }
  ::freeifaddrs(list);
  return found;
}

}  // namespace lmf::train::launch
