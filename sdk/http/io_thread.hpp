#pragma once

#include <memory>
#include <set>
#include <thread>

#include "http/asio.hpp"
#include "http/connection.hpp"

namespace lmf::http {

/// A thread of a server's, and the connections that live on it.
class IoThread {
 public:
  IoThread(Shared& shared, std::size_t connection_limit);
  ~IoThread();  ///< cuts off whoever is left
  IoThread(const IoThread&) = delete;
  IoThread& operator=(const IoThread&) = delete;

  asio::io_context& context() { return context_; }
  void start();
  void stop();
  /// From here on, on this thread.
  void welcome(tcp::socket socket);
  /// Closes the connections without a whole request; how many are left that are owed an answer.
  std::size_t let_go();
  std::size_t open() const { return open_; }  ///< from any thread

 private:
  void make_room();
  void tick();

  Shared& shared_;
  const std::size_t limit_;
  asio::io_context context_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  asio::steady_timer timer_;
  bool ticking_ = false;
  std::set<std::shared_ptr<Connection>> connections_;
  std::atomic<std::size_t> open_ = 0;
  std::thread thread_;
};

}  // namespace lmf::http
