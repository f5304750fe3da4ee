#include "train/launch/store/store_server.hpp"

#include <cerrno>
#include <random>
#include <set>
#include <thread>

#include <fmt/format.h>

#include "base/files.hpp"
#include "base/log.hpp"
#include "base/port_owner.hpp"
#include "train/launch/store/connection.hpp"

namespace lmf::train::launch {
namespace {

/// So that a client whose machine has vanished is noticed: after 60 s, and six probes of 10 s.
void watch_for_death(tcp::socket& socket) {
  using Seconds = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_KEEPIDLE>;
  using Interval = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_KEEPINTVL>;
  using Probes = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_KEEPCNT>;
  error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
  socket.set_option(Seconds(60), ignored);
  socket.set_option(Interval(10), ignored);
  socket.set_option(Probes(6), ignored);
}

[[noreturn]] void cannot_listen(const tcp::endpoint& at, const error_code& why) {
  const std::string owner = why == asio::error::address_in_use ? port_owner(at.port()) : "";
  if (!owner.empty())
    throw PortInUse(fmt::format("port {} is in use by {}", at.port(), owner),
                    "end it, or choose another port (MASTER_PORT, --master-port, --rdzv-endpoint)");
  if (why.value() == EMFILE || why.value() == ENFILE)
    throw file_error("listen on", fmt::format("port {}", at.port()), why.value());
  throw Error(fmt::format("cannot listen on {} port {}: {}", at.address().to_string(), at.port(), why.message()),
              at.port() > 0 && at.port() < 1024 ? "ports below 1024 need privileges: choose a higher one"
                                                : "choose another port (MASTER_PORT, --master-port)");
}

error_code try_listen(tcp::acceptor& acceptor, const tcp::endpoint& at, bool both_families) {
  error_code error;
  acceptor.open(at.protocol(), error);
  // Ports of connections that have just ended would otherwise be refused for a minute.
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error && both_families) acceptor.set_option(asio::ip::v6_only(false), error);
  if (!error) acceptor.bind(at, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    error_code ignored;
    acceptor.close(ignored);
  }
  return error;
}

/// Two agents that open one port at the same instant are both refused: the kernel marks each as listening before it
/// looks for the other. Nobody listens there then, and a short wait of random length lets one of them have it.
error_code try_listen_in_turn(tcp::acceptor& acceptor, const tcp::endpoint& at, bool both_families) {
  constexpr int kTurns = 20;
  std::random_device random;
  error_code error = try_listen(acceptor, at, both_families);
  for (int turn = 1; turn < kTurns && error == asio::error::address_in_use && port_owner(at.port()).empty(); ++turn) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1 + random() % 10));
    error = try_listen(acceptor, at, both_families);
  }
  return error;
}

tcp::acceptor listen(asio::io_context& context, const std::string& address, std::uint16_t port) {
  tcp::acceptor acceptor(context);
  error_code error;
  if (!address.empty()) {
    const auto numeric = asio::ip::make_address(address, error);
    if (error) throw Error(fmt::format("{} is not an address of this machine", address), "give it in numbers");
    error = try_listen_in_turn(acceptor, {numeric, port}, false);
    if (error) cannot_listen({numeric, port}, error);
    return acceptor;
  }
  error = try_listen_in_turn(acceptor, {tcp::v6(), port}, true);
  // Kernels without IPv6.
  if (error && error != asio::error::address_in_use) error = try_listen_in_turn(acceptor, {tcp::v4(), port}, false);
  if (error) cannot_listen({tcp::v4(), port}, error);
  return acceptor;
}

}  // namespace

/// Outlives the StoreServer while coroutines of its connections end.
class StoreServer::Listener {
 public:
  Listener(tcp::acceptor acceptor, StoreLimits limits)
      : limits_(limits),
        acceptor_(std::move(acceptor)),
        contents_(std::make_shared<store::Contents>(limits.memory, limits.keys)) {}

  static Task<void> accept(std::shared_ptr<Listener> self);
  void close();
  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  std::size_t connections() const { return connections_.size(); }

 private:
  static Task<void> serve(std::shared_ptr<Listener> self, std::shared_ptr<store::Connection> connection,
                          std::string peer);
  void welcome(const std::shared_ptr<Listener>& self, tcp::socket socket);

  const StoreLimits limits_;
  tcp::acceptor acceptor_;
  const std::shared_ptr<store::Contents> contents_;
  std::set<std::shared_ptr<store::Connection>> connections_;
};

Task<void> StoreServer::Listener::accept(std::shared_ptr<Listener> self) {
  asio::steady_timer pause(self->acceptor_.get_executor());
  while (self->acceptor_.is_open()) {
    error_code error;
    tcp::socket socket = co_await self->acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, error));
    if (!self->acceptor_.is_open()) break;
    if (!error) {
      self->welcome(self, std::move(socket));
      continue;
    }
    // Out of file descriptors: the waiting connection stays in the queue, and asking again at once would spin.
    pause.expires_after(std::chrono::milliseconds(100));
    co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
  }
}

void StoreServer::Listener::welcome(const std::shared_ptr<Listener>& self, tcp::socket socket) {
  error_code error;
  const auto peer = socket.remote_endpoint(error);
  if (error) return;
  if (connections_.size() >= limits_.connections) {
    log::warn("the store has {} connections; another one from {} is refused", connections_.size(),
              peer.address().to_string());
    return;
  }
  watch_for_death(socket);
  auto connection = std::make_shared<store::Connection>(std::move(socket), contents_);
  connections_.insert(connection);
  const auto name = fmt::format("{} port {}", peer.address().to_string(), peer.port());
  asio::co_spawn(acceptor_.get_executor(), serve(self, std::move(connection), name), asio::detached);
}

Task<void> StoreServer::Listener::serve(std::shared_ptr<Listener> self, std::shared_ptr<store::Connection> connection,
                                        std::string peer) {
  try {
    co_await store::Connection::serve(connection, self->limits_.until_validated);
  } catch (const boost::system::system_error& gone) {
    log::debug("store: {} is gone: {}", peer, gone.code().message());
  } catch (const std::exception& violation) {
    log::debug("store: the connection of {} is closed: {}", peer, violation.what());
  }
  connection->close();
  self->connections_.erase(connection);
  connection->mark_gone();
}

void StoreServer::Listener::close() {
  error_code ignored;
  acceptor_.close(ignored);
  for (const auto& connection : connections_) connection->close();
}

StoreServer::StoreServer(asio::io_context& context, const std::string& address, std::uint16_t port, StoreLimits limits)
    : listener_(std::make_shared<Listener>(listen(context, address, port), limits)) {
  asio::co_spawn(context, Listener::accept(listener_), asio::detached);
}

StoreServer::~StoreServer() { listener_->close(); }

std::uint16_t StoreServer::port() const { return listener_->port(); }
std::size_t StoreServer::connections() const { return listener_->connections(); }

}  // namespace lmf::train::launch
