// The HTTP layer with a stub behind it: GET /health, POST /v1/chat/completions that answers at once as an engine
// would, and GET /stream, whose events come until the client goes. Prints its port; ends with its standard input.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "http/server.hpp"

namespace {

namespace http = lmf::http;

constexpr const char* kAnswer =
    R"({"id":"chatcmpl-0123456789abcdef0123456789abcdef","object":"chat.completion","created":1700000000,"model":"stub",)"
    R"("choices":[{"index":0,"message":{"role":"assistant","content":"The capital of Norway is Oslo.","refusal":null},)"
    R"("logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":24,"completion_tokens":8,"total_tokens":32}})";
constexpr const char* kEvent =
    R"({"id":"chatcmpl-0123456789abcdef0123456789abcdef","object":"chat.completion.chunk","created":1700000000,)"
    R"("model":"stub","choices":[{"index":0,"delta":{"content":" Oslo"},"logprobs":null,"finish_reason":null}]})";

/// The open streams, each of which gets an event `per_second` times.
class Streams {
 public:
  explicit Streams(int per_second) : pause_(1'000'000 / per_second), thread_([this] { run(); }) {}
  ~Streams() {
    stop_ = true;
    thread_.join();
  }
  void add(const http::Responder& responder) {
    responder.begin_events();
    const std::lock_guard lock(mutex_);
    open_.push_back(responder);
  }

 private:
  void run() {
    for (auto next = std::chrono::steady_clock::now(); !stop_; std::this_thread::sleep_until(next += pause_)) {
      const std::lock_guard lock(mutex_);
      std::erase_if(open_, [](const http::Responder& responder) { return !responder.event(kEvent); });
    }
  }
  const std::chrono::microseconds pause_;
  std::atomic<bool> stop_ = false;
  std::mutex mutex_;
  std::vector<http::Responder> open_;
  std::thread thread_;
};

}  // namespace

int main(int argc, char** argv) {
  Streams streams(argc > 1 ? std::atoi(argv[1]) : 10);
  http::Router router;
  router.add("GET", "/health",
             [](const http::Responder& responder) { responder.send(http::Response::json(200, R"({"status":"ok"})")); });
  router.add("POST", "/v1/chat/completions",
             [](const http::Responder& responder) { responder.send(http::Response::json(200, kAnswer)); });
  router.add("GET", "/stream", [&](const http::Responder& responder) { streams.add(responder); });
  const http::Server server({}, std::move(router));
  std::printf("%d\n", server.port());
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
}
