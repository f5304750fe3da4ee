#include "train/launch/tell_workers.hpp"

#include <optional>

#include <fmt/format.h>
#include <unistd.h>

#include "base/host_name.hpp"
#include "base/log.hpp"
#include "train/launch/store/store_client.hpp"
#include "train/launch/store/store_server.hpp"
#include "train/shared/job.hpp"

namespace lmf::train {
namespace {

namespace asio = launch::asio;

/// Until all tasks have loaded what they need to meet.
constexpr std::chrono::seconds kUntilAllLoaded{30};
constexpr std::chrono::milliseconds kPoll{20};

std::string key(const char* kind, int rank) { return fmt::format("{}/{}/{}", kFirstAttempt, kind, rank); }

/// `server`: as rank 0.
launch::Task<void> tell(launch::StoreClient& store, const launch::StoreServer* server, std::string host,
                        std::uint16_t port, int rank, int size, std::string reason) {
  const launch::Time until = launch::Clock::now() + kUntilAllLoaded;
  co_await store.connect(host, port, until);
  co_await store.set(key(kEndKey, rank), reason);
  co_await store.set(fmt::format("{}/{}", kFirstAttempt, kSomeEndKey), "set");
  co_await store.set(key(kJoinedKey, rank), fmt::format("{} (pid {})", host_name(), ::getpid()));  // its name, at last
  if (server == nullptr) co_return;
  std::vector<std::string> others;
  for (int other = 1; other < size; ++other) others.push_back(key(kEndKey, other));
  const bool all = co_await store.wait(others, until);
  if (!all) log::debug("not all ranks have come to hear why this one stops");
  asio::steady_timer pause(co_await asio::this_coro::executor);
  while (server->connections() > 1 && launch::Clock::now() < until) {  // they read, and end
    pause.expires_after(kPoll);
    co_await pause.async_wait(asio::use_awaitable);
  }
}

}  // namespace

void tell_other_workers(const Environment& environment, const std::string& reason) noexcept try {
  constexpr int kMost = 1 << 20;
  const int size = environment.number("WORLD_SIZE", 1, kMost).value_or(1);
  const int rank = environment.number("RANK", 0, size - 1).value_or(0);
  const auto port = static_cast<std::uint16_t>(environment.number("MASTER_PORT", 1, 65535).value_or(0));
  asio::io_context context(1);
  std::optional<launch::StoreServer> server;
  if (rank == 0) server.emplace(context, "", port);
  launch::StoreClient store(context.get_executor());
  const std::string host = rank == 0 ? "127.0.0.1" : environment.text("MASTER_ADDR");
  asio::co_spawn(context, tell(store, server ? &*server : nullptr, host, port, rank, size, reason),
                 [&context](std::exception_ptr failed) {
                   context.stop();
                   if (failed) std::rethrow_exception(failed);
                 });
  context.run();
} catch (const std::exception& problem) {
  log::debug("the other ranks are not told why this one stops: {}", problem.what());
}

}  // namespace lmf::train
