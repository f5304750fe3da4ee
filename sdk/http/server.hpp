#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/message.hpp"
#include "http/request_parser.hpp"
#include "http/router.hpp"

namespace lmf::http {

struct Limits {
  RequestLimits request;
  std::size_t connections = 4096;           ///< beyond, the longest idle one makes room; when all are busy: 503
  std::size_t unsent_bytes = 4 << 20;       ///< of one stream, that a client has not taken: beyond, it is cut off
  std::size_t pipelined_bytes = 64 * 1024;  ///< read ahead while an answer is under way
  std::size_t bodies_bytes = 256 << 20;     ///< of all requests that are being read: beyond, 503
  std::size_t advance_bytes = 32 * 1024;    ///< while half of that is taken, a body brings so many in `advance`, or 408
  std::chrono::milliseconds header{
      15'000};  ///< from a request's first byte (or the connection's begin) to its header's end
  std::chrono::milliseconds body{60'000};  ///< from there to the body's end
  std::chrono::milliseconds advance{1'000};
  std::chrono::milliseconds idle{75'000};   ///< between two requests
  std::chrono::milliseconds write{30'000};  ///< without the client's taking a single byte of what is ready for it
  std::chrono::milliseconds ping{15'000};   ///< a silent event stream gets a comment, so that no proxy ends it
};

/// Where answers go. Copies are the same answer; from any thread, any time after the handler has returned as well.
/// Nothing here waits. One whole answer, or one stream; the last copy that goes without either makes it a 500, in
/// the midst of a stream the connection is cut, so that no client takes a part for the whole.
class Responder {
 public:
  /// The whole answer. False when there is nobody to answer any more, or an answer was begun before.
  bool send(Response response) const;

  /// A stream: its header, then pieces, then end(). `response.body` is its first piece.
  bool begin(Response response) const;
  /// False when the client has gone, or did not take what it was sent (Limits::unsent_bytes): stop then.
  bool write(std::string_view piece) const;
  void end() const;

  /// Server-sent events: begin() with their fields; "data: TEXT\n\n" for each; a comment while it is silent.
  bool begin_events(Fields fields = {}) const;
  bool event(std::string_view text) const;

  /// Calls `then` once if the client goes before the answer's end, at once if it has gone already. On a thread of the
  /// server's or in this call: it must not wait. Not called after the end.
  void when_gone(std::function<void()> then) const;
  bool gone() const;
  std::size_t unsent_bytes() const;  ///< of this answer, not yet taken by the client's system

  /// What is answered; there as long as this object.
  const Request& request() const;

  class Exchange;  // internal
  explicit Responder(std::shared_ptr<Exchange> exchange) : exchange_(std::move(exchange)) {}

 private:
  std::shared_ptr<Exchange> exchange_;
};

/// What the server says itself about a request that no handler saw (or whose handler failed): status 400, 404, 405,
/// 408, 413, 417, 431, 500, 501, 503 or 505, and one sentence.
struct Refusal {
  int status;
  std::string what;
};

/// An answer that has gone out, or a client that has gone before. For logs and counters.
struct Answered {
  const Request& request;
  int status;  ///< 499 when the client went before a status was sent
  bool complete;
  std::chrono::duration<double> seconds;
};

struct TlsFiles {
  std::string certificate, key;  ///< PEM; the certificate with its chain
};

struct ServerSettings {
  std::string host = "127.0.0.1";  ///< an address or a name; "" and "*": every address
  std::uint16_t port = 0;          ///< 0: a free one
  std::string port_words;          ///< where a user sets the port, for messages: "API_PORT"
  int threads = 1;
  Limits limits;
  std::optional<TlsFiles> tls;
  std::string root_path;  ///< a prefix that a proxy may or may not have removed: "/llm"

  // All of these run on the server's threads and must not wait. They may be empty.
  /// Before routing and before the body is read: an answer refuses the request (or is the whole of it, as for a CORS
  /// preflight).
  std::function<std::optional<Response>(const Request&)> gate;
  /// Adds fields to every answer, refusals included.
  std::function<void(const Request&, Fields&)> decorate;
  /// The body of a refusal; empty: plain text.
  std::function<Response(const Refusal&)> explain;
  std::function<void(const Answered&)> answered;
};

/// HTTP/1.1 (and 1.0) on one or two threads of its own, whatever the number of connections: keep-alive, pipelining in
/// order, 100-continue, chunked bodies and streams, time-outs and bounds on everything. A handler runs on such a thread
/// and must not wait; it answers then or later.
///
/// A client that closes its sending half while it is being answered counts as gone, as in most servers: its generation
/// would otherwise run for nobody.
class Server {
 public:
  /// Listens at once. Throws Error(kExitFailed) with one sentence when it cannot: whose the port is, or what is
  /// wrong with the certificate.
  Server(ServerSettings settings, Router router);
  ~Server();  ///< cuts off whoever is left
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::uint16_t port() const;
  bool encrypted() const;
  std::size_t connections() const;
  /// Stops accepting (the port is free), closes connections without a whole request, and waits until all answers are
  /// out, at most `patience`. False when some are not. Callable again. Not on the server's threads.
  bool drain(std::chrono::milliseconds patience);

 private:
  struct Running;
  std::unique_ptr<Running> running_;
};

/// Whether this build has TLS.
bool has_tls();

}  // namespace lmf::http
