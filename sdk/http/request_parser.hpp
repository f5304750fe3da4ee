#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "http/message.hpp"

namespace lmf::http {

struct RequestLimits {
  std::size_t header_bytes = 32 * 1024;  ///< request line and all fields
  std::size_t header_fields = 100;
  std::uint64_t body_bytes = std::uint64_t{8} << 20;
};

/// Bytes of a connection into one request: Boost.Beast's state machine, and our checks of what it lets through. Works
/// on whatever pieces the network makes.
class RequestParser {
 public:
  explicit RequestParser(const RequestLimits& limits);
  ~RequestParser();
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;

  enum class Stage {
    header,
    header_done,  ///< reached once, before any of the body is taken: the time to refuse, or to say 100 Continue
    body,
    complete,
    failed,
  };
  /// Takes from `bytes` (what earlier calls left, and what came since) as much as there is to take, up to the next
  /// stage, and returns how much that was. 0 with an unchanged stage: more has to come.
  std::size_t feed(std::string_view bytes);
  Stage stage() const;

  struct Failure {
    int status = 0;  ///< 400, 413, 417, 431, 501 or 505
    std::string what;
  };
  const Failure& failure() const;

  /// From header_done on: without body; complete: with it.
  Request& request();
  bool keep_alive() const;        ///< the client wants to ask again on this connection
  bool expects_continue() const;  ///< it waits for 100 Continue before it sends the body
  bool has_body() const;
  void discard_body();  ///< it is read and forgotten
  void restart();       ///< the next request of the connection

 private:
  class Machine;
  const RequestLimits limits_;
  std::unique_ptr<Machine> machine_;
};

}  // namespace lmf::http
