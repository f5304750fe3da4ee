#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "http/asio.hpp"
#include "http/server.hpp"

namespace lmf::http {

/// The bytes of one connection, encrypted or not. At most one read and one write at a time; what is given to them
/// stays alive until they are done. All on the connection's thread.
class Transport {
 public:
  using Done = std::function<void(const error_code&, std::size_t)>;
  virtual ~Transport() = default;
  virtual void handshake(std::function<void(const error_code&)> done) = 0;
  virtual void read_some(char* to, std::size_t size, Done done) = 0;
  virtual void write_some(const char* from, std::size_t size, Done done) = 0;
  /// The other side sees the end; it may still send. `done` keeps alive what has to be until that is over.
  virtual void end_sending(std::function<void()> done) = 0;
  virtual void close() = 0;
};

std::unique_ptr<Transport> plain_transport(tcp::socket socket);

/// Certificate and key, and transports that use them.
class TlsSetup {
 public:
  virtual ~TlsSetup() = default;
  virtual std::unique_ptr<Transport> transport(tcp::socket socket) = 0;
};
/// Throws Error naming the file that cannot be used, and in a build without TLS.
std::unique_ptr<TlsSetup> tls_setup(const TlsFiles& files);

}  // namespace lmf::http
