#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "lmf/error.hpp"
#include "train/launch/store/asio.hpp"

namespace lmf::train::launch {

/// Names who holds the port.
struct PortInUse : Error {
  using Error::Error;
};

struct StoreLimits {
  std::size_t memory = std::size_t{512} << 20;  ///< bytes, of all clients together
  std::size_t keys = 1 << 20;
  std::size_t connections = 16384;           ///< a worker has up to three
  std::chrono::seconds until_validated{30};  ///< what does not greet as a TCPStore client by then is not one
};

/// A TCPStore that serves libtorch's, Python's and lmf's clients while the context runs: torch's protocol, but bounded
/// in every size. What a client sends can end its own connection, nothing else.
class StoreServer {
 public:
  /// Listens at once: a port is held from here on, not guessed. `address` is numeric, "" for every address of both
  /// families; port 0 takes a free one. Throws PortInUse where somebody is seen to hold it, or Error.
  StoreServer(asio::io_context& context, const std::string& address, std::uint16_t port, StoreLimits limits = {});
  ~StoreServer();  ///< closes the port and every connection
  StoreServer(const StoreServer&) = delete;
  StoreServer& operator=(const StoreServer&) = delete;

  std::uint16_t port() const;
  std::size_t connections() const;

 private:
  class Listener;
  std::shared_ptr<Listener> listener_;
};

}  // namespace lmf::train::launch
