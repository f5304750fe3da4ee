#include "http/listener.hpp"

#include <cstring>
#include <set>

#include <fmt/format.h>
#include <netdb.h>

#include "base/port_owner.hpp"
#include "lmf/error.hpp"

namespace lmf::http {
namespace {

std::vector<tcp::endpoint> addresses_of(const std::string& host, std::uint16_t port) {
  error_code not_numeric;
  const auto numeric = asio::ip::make_address(host, not_numeric);
  if (!not_numeric) return {{numeric, port}};
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const int failed = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  std::set<tcp::endpoint> endpoints;
  for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    tcp::endpoint endpoint;
    if (entry->ai_addrlen > endpoint.capacity()) continue;
    endpoint.resize(entry->ai_addrlen);
    std::memcpy(endpoint.data(), entry->ai_addr, entry->ai_addrlen);
    endpoint.port(port);
    endpoints.insert(endpoint);
  }
  if (found != nullptr) ::freeaddrinfo(found);
  if (endpoints.empty())
    throw Error(fmt::format("the name {} has no address: {}", host, ::gai_strerror(failed)),
                "check its spelling and /etc/hosts, or give the address in numbers", kExitFailed);
  return {endpoints.begin(), endpoints.end()};
}

error_code try_listen(tcp::acceptor& acceptor, const tcp::endpoint& at, bool both_families) {
  error_code error;
  acceptor.open(at.protocol(), error);
  // Ports of connections that have just ended would otherwise be refused for a minute.
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error && at.address().is_v6()) acceptor.set_option(asio::ip::v6_only(!both_families), error);
  if (!error) acceptor.bind(at, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    error_code ignored;
    acceptor.close(ignored);
  }
  return error;
}

[[noreturn]] void cannot_listen(const tcp::endpoint& at, const error_code& why, const std::string& port_words) {
  const auto another = port_words.empty() ? "choose another port" : fmt::format("choose another port ({})", port_words);
  if (why == asio::error::address_in_use) {
    const std::string owner = port_owner(at.port());
    throw Error(fmt::format("port {} is in use{}", at.port(), owner.empty() ? "" : " by " + owner),
                "end it, or " + another, kExitFailed);
  }
  if (why == boost::system::errc::address_not_available)
    throw Error(fmt::format("{} is not an address of this machine", at.address().to_string()),
                "take 127.0.0.1 for this machine alone, 0.0.0.0 for every network it is in", kExitFailed);
  throw Error(fmt::format("cannot listen on {} port {}: {}", at.address().to_string(), at.port(), why.message()),
              at.port() > 0 && at.port() < 1024 ? "ports below 1024 need privileges: " + another : another,
              kExitFailed);
}

}  // namespace

std::vector<tcp::acceptor> listen(asio::io_context& context, const std::string& host, std::uint16_t port,
                                  const std::string& port_words) {
  std::vector<tcp::acceptor> acceptors;
  if (host.empty() || host == "*") {
    acceptors.emplace_back(context);
    error_code error = try_listen(acceptors.back(), {tcp::v6(), port}, true);
    // Kernels without IPv6.
    if (error && error != asio::error::address_in_use && error != asio::error::access_denied)
      error = try_listen(acceptors.back(), {tcp::v4(), port}, false);
    if (error) cannot_listen({tcp::v4(), port}, error, port_words);
    return acceptors;
  }
  for (tcp::endpoint at : addresses_of(host, port)) {
    if (!acceptors.empty()) at.port(acceptors.front().local_endpoint().port());
    acceptors.emplace_back(context);
    const error_code error = try_listen(acceptors.back(), at, false);
    if (!error) continue;
    // A name may have an address of a family that this machine does not speak.
    acceptors.pop_back();
    if (error != boost::system::errc::address_not_available &&
        error != boost::system::errc::address_family_not_supported)
      cannot_listen(at, error, port_words);
    if (acceptors.empty() && at == addresses_of(host, port).back()) cannot_listen(at, error, port_words);
  }
  return acceptors;
}

}  // namespace lmf::http
