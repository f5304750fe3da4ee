#include "http/server.hpp"

#include <algorithm>
#include <future>
#include <thread>
#include <vector>

#include <sys/resource.h>

#include "http/io_thread.hpp"
#include "http/listener.hpp"

namespace lmf::http {
namespace {

/// Every connection is a file descriptor; the usual soft limit of 1024 is for programs that use select().
void allow_descriptors(std::size_t connections) {
  constexpr std::size_t kOthers = 256;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= connections + kOthers) return;
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, connections + kOthers);
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

struct Server::Running {
  Running(ServerSettings settings, Router router) {
    shared.settings = std::move(settings);
    shared.router = std::move(router);
    if (shared.settings.tls) shared.tls = tls_setup(*shared.settings.tls);
    const auto count = static_cast<std::size_t>(std::clamp(shared.settings.threads, 1, 64));
    const std::size_t each = std::max<std::size_t>(1, shared.settings.limits.connections / count);
    for (std::size_t i = 0; i < count; ++i) threads.push_back(std::make_unique<IoThread>(shared, each));
    acceptors =
        listen(threads.front()->context(), shared.settings.host, shared.settings.port, shared.settings.port_words);
    port = acceptors.front().local_endpoint().port();
    allow_descriptors(shared.settings.limits.connections);
    pause.emplace(threads.front()->context());
    for (auto& acceptor : acceptors) accept(acceptor);
    for (auto& thread : threads) thread->start();
  }
  ~Running() {
    for (auto& thread : threads) thread->stop();
    acceptors.clear();
    pause.reset();
  }

  void accept(tcp::acceptor& acceptor) {
    IoThread& thread = *threads[next++ % threads.size()];
    acceptor.async_accept(thread.context(), [this, &acceptor, &thread](const error_code& error, tcp::socket socket) {
      if (!acceptor.is_open()) return;
      if (!error) {
        if (&thread == threads.front().get())
          thread.welcome(std::move(socket));
        else
          asio::post(thread.context(),
                     [&thread, socket = std::move(socket)]() mutable { thread.welcome(std::move(socket)); });
        return accept(acceptor);
      }
      // Out of file descriptors: the waiting client stays in the queue, and asking again at once would spin.
      pause->expires_after(std::chrono::milliseconds(100));
      pause->async_wait([this, &acceptor](const error_code&) {
        if (acceptor.is_open()) accept(acceptor);
      });
    });
  }

  Shared shared;
  std::vector<std::unique_ptr<IoThread>> threads;
  std::vector<tcp::acceptor> acceptors;  // on the first thread
  std::optional<asio::steady_timer> pause;
  std::size_t next = 0;
  std::uint16_t port = 0;
};

Server::Server(ServerSettings settings, Router router)
    : running_(std::make_unique<Running>(std::move(settings), std::move(router))) {}
Server::~Server() = default;

std::uint16_t Server::port() const { return running_->port; }
bool Server::encrypted() const { return running_->shared.tls != nullptr; }

std::size_t Server::connections() const {
  std::size_t sum = 0;
  for (const auto& thread : running_->threads) sum += thread->open();
  return sum;
}

bool Server::drain(std::chrono::milliseconds patience) {
  Running& server = *running_;
  server.shared.draining = true;
  asio::post(server.threads.front()->context(), [&server] {
    error_code ignored;
    for (auto& acceptor : server.acceptors) acceptor.close(ignored);
  });
  const Time deadline = Clock::now() + patience;
  for (;;) {
    // Again and again: an answer that was under way leaves its connection open.
    std::size_t owed = 0;
    for (const auto& thread : server.threads) {
      std::promise<std::size_t> left;
      asio::post(thread->context(), [&] { left.set_value(thread->let_go()); });
      owed += left.get_future().get();
    }
    if (owed == 0 || Clock::now() >= deadline) return owed == 0;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

}  // namespace lmf::http
