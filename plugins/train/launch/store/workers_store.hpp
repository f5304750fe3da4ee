#pragma once

#include <cstdint>
#include <optional>

#include "train/launch/agent/rendezvous.hpp"
#include "train/launch/store/store_server.hpp"

namespace lmf::train::launch {

/// The port of the workers' store on this node, held from the moment it is known, so that no other program can take it
/// in between: the agent's store listens there or, when the worker of rank 0 hosts it, a socket keeps it for that one.
class WorkersStore {
 public:
  /// Throws Error when the wanted port is taken.
  WorkersStore(boost::asio::io_context& context, const RendezvousOptions& options);
  std::uint16_t port() const { return port_; }

 private:
  std::optional<StoreServer> server_;
  std::optional<boost::asio::ip::tcp::acceptor> kept_;
  std::uint16_t port_ = 0;
};

}  // namespace lmf::train::launch
