#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>

#include "http/raw_client.hpp"
#include "http/server.hpp"

namespace lmf::test {

/// Requests that a StubServer answers at once, and when the test says so.
inline constexpr const char* kHello = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";
inline constexpr const char* kLater = "GET /later HTTP/1.1\r\nHost: x\r\n\r\n";

/// A server whose answers a test gives by itself, when it wants to.
class StubServer {
 public:
  explicit StubServer(http::ServerSettings settings = {}) : server(std::move(settings), routes()) {}

  RawClient client() { return RawClient(server.port()); }

  /// The responder of a request for /later or /held/*, once that has come.
  http::Responder asked() {
    std::unique_lock lock(mutex_);
    came_.wait(lock, [&] { return !held_.empty(); });
    http::Responder responder = std::move(held_.front());
    held_.pop_front();
    return responder;
  }

 private:
  http::Router routes() {
    http::Router router;
    router.add("GET", "/hello",
               [](const http::Responder& responder) { responder.send(http::Response::text(200, "hello")); });
    router.add("POST", "/echo", [](const http::Responder& responder) {
      responder.send(http::Response::text(200, responder.request().body));
    });
    router.add("GET", "/fails", [](const http::Responder&) { throw std::runtime_error("a secret"); });
    router.add("GET", "/forgets", [](const http::Responder&) {});
    const auto hold = [this](http::Responder responder) {
      const std::lock_guard lock(mutex_);
      held_.push_back(std::move(responder));
      came_.notify_all();
    };
    router.add("GET", "/later", hold);
    router.add("POST", "/later", hold);
    router.add("GET", "/held/*", hold);
    return router;
  }

  std::mutex mutex_;
  std::condition_variable came_;
  std::deque<http::Responder> held_;

 public:
  http::Server server;  // last: its threads use the rest
};

/// A flag that another thread sets.
class Flag {
 public:
  void set() {
    const std::lock_guard lock(mutex_);
    set_ = true;
    changed_.notify_all();
  }
  /// False after half a minute: what was to set it hangs.
  bool wait() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(30), [&] { return set_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool set_ = false;
};

}  // namespace lmf::test
