#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "http/asio.hpp"
#include "http/body_count.hpp"
#include "http/exchange.hpp"
#include "http/request_parser.hpp"
#include "http/router.hpp"
#include "http/server.hpp"
#include "http/transport.hpp"

namespace lmf::http {

/// What the connections of a server share.
struct Shared {
  ServerSettings settings;
  Router router;
  std::unique_ptr<TlsSetup> tls;
  std::atomic<bool> draining = false;
  /// Of requests that are being read, or held by whoever answers them.
  BodyCount::All body_bytes = std::make_shared<std::atomic<std::size_t>>(0);
};

/// One client: reads a request, has it answered, reads the next. One read is always under way, so that a client that
/// goes is noticed while its answer is made. Lives on the thread of its context, and there alone.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  /// `crowded`: more than the server takes; it is told so.
  Connection(asio::io_context& context, tcp::socket socket, Shared& shared, bool crowded);

  void start();
  /// There is something to send, or the answer is complete.
  void flush();
  /// Time-outs and pings.
  void tick(Time now);
  void close();

  bool closed() const { return phase_ == Phase::closed; }
  /// Its answer, if any, has gone out, and it only waits for the client to close.
  bool done() const { return phase_ >= Phase::lingering; }
  /// No request of its has come whole.
  bool is_owed_nothing() const { return phase_ == Phase::greeting || phase_ == Phase::reading; }
  Time since() const { return since_; }

 private:
  enum class Phase { greeting, reading, answering, lingering, closed };

  void await_request();
  void read_more();
  void on_read(const error_code& error, std::size_t count);
  void process();
  void check_header();
  bool takes_body();
  bool lags(Time now);
  void dispatch();
  void refuse(int status, std::string what, Fields fields = {});
  void answer_at_once(Response response);
  std::shared_ptr<Responder::Exchange> begin_exchange(bool keep_alive);
  void write_more();
  void on_written(const error_code& error, std::size_t count);
  void answer_done();
  void client_gone();
  void report(bool complete);
  void linger();
  Response explained(int status, std::string what) const;

  asio::io_context& context_;
  Shared& shared_;
  const bool crowded_;
  std::string peer_;
  std::unique_ptr<Transport> transport_;
  RequestParser parser_;
  Phase phase_ = Phase::greeting;
  Time since_ = Clock::now();    // this phase
  Time deadline_ = Time::max();  // of it; while answering, of the write that is under way
  bool first_ = true, begun_ = false;
  bool reading_ = false, writing_ = false, ended_ = false;
  std::optional<Response> refusal_;  // once the body has been read and forgotten
  Router::Found found_;
  BodyCount body_count_;  // of the body that is being read
  Time advanced_;         // when it had last grown by Limits::advance_bytes
  std::size_t then_ = 0;  // its bytes at that time
  std::string incoming_;  // where a read that is under way writes to
  std::string input_;     // what has come and was not taken yet
  std::shared_ptr<Responder::Exchange> exchange_;
  std::string sending_, unsent_;
  std::size_t sent_ = 0;        // of sending_
  std::size_t not_answer_ = 0;  // bytes at its begin that are no part of the answer
};

}  // namespace lmf::http
