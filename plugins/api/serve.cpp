#include "serve.hpp"

#include <chrono>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <thread>

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <fmt/format.h>

#include "access.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "http/server.hpp"
#include "lmf/error.hpp"
#include "protocol/api_error.hpp"
#include "routes.hpp"

namespace lmf::api {
namespace {

/// SIGTERM, SIGINT and SIGHUP as something to wait for. They are blocked for all threads that begin later. Those that
/// whoever started us has ignored (nohup, a script's background job) stay ignored: blocked, they would be delivered.
class Signals {
 public:
  Signals() {
    sigset_t wanted;
    sigemptyset(&wanted);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
      struct sigaction now {};
      ::sigaction(signal, nullptr, &now);
      if (now.sa_handler != SIG_IGN) sigaddset(&wanted, signal);
    }
    ::pthread_sigmask(SIG_BLOCK, &wanted, nullptr);
    signals_ = ::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
    loaded_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (signals_ < 0 || loaded_ < 0) throw Error("the server cannot wait for signals", {}, kExitInternal);
  }
  ~Signals() {
    ::close(signals_);
    ::close(loaded_);
  }
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  /// From another thread: ends a wait without a signal.
  void wake() const {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(loaded_, &one, sizeof one);
  }
  /// The signal that came, or 0 after wake() or when the time is over (in milliseconds; -1: never).
  int wait(int milliseconds) const {
    pollfd ends[2] = {{signals_, POLLIN, 0}, {loaded_, POLLIN, 0}};
    ::poll(ends, 2, milliseconds);
    std::uint64_t count = 0;
    if (ends[1].revents != 0) [[maybe_unused]]
      const auto taken = ::read(loaded_, &count, sizeof count);
    signalfd_siginfo info{};
    return ::read(signals_, &info, sizeof info) == sizeof info ? static_cast<int>(info.ssi_signo) : 0;
  }

 private:
  int signals_ = -1, loaded_ = -1;
};

http::ServerSettings server_settings(const Settings& settings, const Access& access, Metrics& metrics) {
  const Environment& environment = settings.environment;
  http::ServerSettings server;
  server.host = environment.host;
  server.port = environment.port;
  server.port_words = "API_PORT";
  server.tls = environment.tls;
  server.root_path = environment.root_path;
  server.gate = [&](const http::Request& request) { return access.gate(request); };
  server.decorate = [&](const http::Request& request, http::Fields& fields) { access.decorate(request, fields); };
  server.explain = [](const http::Refusal& refusal) {
    return http::Response::json(refusal.status,
                                ApiError(refusal.status, error_type(refusal.status), refusal.what).json());
  };
  server.answered = [&](const http::Answered& answered) {
    metrics.answered(std::string(answered.request.route), answered.status);
    log::debug("{} {} {} {} {:.3f} s", answered.request.peer, answered.request.method, answered.request.path,
               answered.status, answered.seconds.count());
  };
  return server;
}

/// Loads on a thread of its own, so that /health answers and a signal is heard meanwhile.
class Loader {
 public:
  Loader(const Settings& settings, const std::filesystem::path& share_directory, Metrics& metrics, ServicePlace& place,
         const Signals& signals, const std::string& version)
      : thread_([&, share_directory] {
          try {
            place.set(std::make_shared<Service>(settings, metrics,
                                                infer::LoadedModel::load(settings.model, share_directory), version));
          } catch (...) {
            failure_ = std::current_exception();
          }
          done_ = true;
          signals.wake();
        }) {}
  ~Loader() {
    if (thread_.joinable()) thread_.join();
  }
  bool done() const { return done_; }
  /// Throws what loading threw.
  void finish() {
    thread_.join();
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  std::atomic<bool> done_ = false;
  std::exception_ptr failure_;
  std::thread thread_;
};

/// The description of the routes, which says where they begin when that is not at the root.
std::string openapi_of(const std::filesystem::path& file, const std::string& root_path) {
  std::string text = read_file(file);
  if (root_path.empty()) return text;
  auto document = parse_json<nlohmann::ordered_json>(text, file.string());
  document["servers"] = {{{"url", root_path}}};
  return document.dump(1);
}

void drain(http::Server& server, ServicePlace& place, const Signals& signals, std::int64_t seconds) {
  using namespace std::chrono_literals;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  log::info("stopping: what is being answered has {} s (API_DRAIN_SECONDS); a second signal cuts it off", seconds);
  bool drained = server.drain(0ms);
  while (!drained && std::chrono::steady_clock::now() < deadline && signals.wait(0) == 0) drained = server.drain(50ms);
  if (drained) return;
  log::warn("answers were cut off");
  if (const auto service = place.get()) service->end_all("the server is shutting down");
  server.drain(2s);
}

}  // namespace

int serve(const Settings& settings, const std::filesystem::path& share_directory, const std::string& version) {
  const Signals signals;
  const Environment& environment = settings.environment;
  Metrics metrics;
  ServicePlace place;
  const Access access(environment.keys, environment.cors_origins, environment.host, environment.open_metrics);
  const Surroundings around{.settings = settings,
                            .metrics = metrics,
                            .place = place,
                            .openapi = openapi_of(share_directory / "api/openapi.json", environment.root_path),
                            .started = std::time(nullptr)};
  http::Server server(server_settings(settings, access, metrics), make_router(around));
  log::info("listening on {}://{}:{}{} ({})", server.encrypted() ? "https" : "http",
            environment.host.find(':') == std::string::npos ? environment.host : "[" + environment.host + "]",
            server.port(), environment.root_path, environment.host_reason);
  Loader loader(settings, share_directory, metrics, place, signals, version);
  int signal = 0;
  while (signal == 0 && !loader.done()) signal = signals.wait(-1);
  if (!loader.done()) {
    log::info("stopped while the model was being loaded");
    std::_Exit(kExitDone);  // nothing was begun that would have to be ended, and loading cannot be
  }
  loader.finish();
  log::info("{} is ready: up to {} answers at once", settings.served_name, place.get()->engine().load().slots);
  while (signal == 0) signal = signals.wait(-1);
  drain(server, place, signals, environment.drain_seconds);
  return kExitDone;
}

}  // namespace lmf::api
