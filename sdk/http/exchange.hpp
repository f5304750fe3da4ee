#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "http/asio.hpp"
#include "http/body_count.hpp"
#include "http/response_writer.hpp"
#include "http/server.hpp"

namespace lmf::http {

class Connection;

/// One request and the bytes of its answer, between whoever answers (any thread) and the connection that sends them
/// (its own thread). It outlives the connection, and then says so.
class Responder::Exchange : public std::enable_shared_from_this<Exchange> {
 public:
  /// What the connection knows about the answer before it is given.
  struct Terms {
    bool keep_alive = false;
    std::size_t unsent_limit = 0;
    const ServerSettings* settings = nullptr;  ///< there as long as the connection
  };
  Exchange(asio::io_context& context, Connection& connection, Request request, BodyCount body_count, Terms terms);

  /// A responder whose last copy notices when it was dropped without an answer.
  static Responder responder(const std::shared_ptr<Exchange>& self);

  // For whoever answers.
  bool send(Response response);
  bool begin(Response response, bool events);
  bool write(std::string_view piece);
  void end();
  void when_gone(std::function<void()> then);
  bool gone() const { return gone_; }
  std::size_t unsent() const { return unsent_; }
  const Request& request() const { return request_; }

  // For the connection, on its thread.
  struct Taken {
    bool ended;  ///< nothing will follow
    bool cut;    ///< the client takes too little of it
  };
  Taken take(std::string& out);
  void sent(std::size_t bytes) { unsent_ -= bytes; }
  bool keep_alive() const { return terms_.keep_alive; }
  bool is_whole() const { return whole_; }
  int status() const { return status_; }
  Time began() const { return began_; }
  bool wants_ping(Time now, std::chrono::milliseconds after) const;
  void ping();
  /// The connection is through with it: done, or because the client has gone.
  void detach(bool client_gone);

 private:
  enum class State { waiting, streaming, ended };
  bool is_open(State expected) const { return !gone_ && connection_ != nullptr && state_ == expected; }
  void put_head(const Response& response, bool whole);
  void put_whole(const Response& response, std::unique_lock<std::mutex>& lock);
  void put(std::string_view piece);
  /// Tells the connection that there is something to take. Releases the lock first where it calls it directly.
  void wake(std::unique_lock<std::mutex>& lock);
  void abandon();

  mutable std::mutex mutex_;
  asio::io_context& context_;
  Connection* connection_;  // null once detached
  const BodyCount body_count_;
  const Request request_;
  Terms terms_;
  State state_ = State::waiting;
  Framing framing_ = Framing::length;
  bool events_ = false, woken_ = false, cut_ = false, bodyless_ = false, whole_ = true;
  std::string outbox_;
  std::function<void()> then_gone_;
  std::atomic<bool> gone_ = false;
  std::atomic<std::size_t> unsent_ = 0;
  std::atomic<int> status_ = 499;
  const Time began_ = Clock::now();
  Time last_output_ = began_;
};

}  // namespace lmf::http
