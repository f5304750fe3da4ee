#pragma once

#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "train/launch/agent/rendezvous.hpp"
#include "train/launch/agent/stop_signals.hpp"
#include "train/launch/agent/wake.hpp"

namespace lmf::train::launch {

/// Waits for what the nodes do together, but no longer than until the agent is told to stop: then it says good-bye to
/// the others, once.
class Together {
 public:
  template <class Result>
  using Kept = std::conditional_t<std::is_void_v<Result>, std::monostate, Result>;

  Together(boost::asio::io_context& context, Wake& wake, const StopSignals& signals, Rendezvous& rendezvous)
      : context_(context), wake_(wake), signals_(signals), rendezvous_(rendezvous) {}

  /// The result of something that the nodes do together; none when the agent is told to stop meanwhile, or was before.
  template <class Result>
  boost::asio::awaitable<std::optional<Kept<Result>>> unless_stopped(boost::asio::awaitable<Result> work) {
    if (signals_.stop()) {
      co_await leave();
      co_return std::nullopt;
    }
    struct State {
      bool done = false;
      std::optional<Kept<Result>> result;
      std::exception_ptr failure;
    };
    auto state = std::make_shared<State>();
    // Parameters, not captures: a coroutine outlives the lambda that it came from.
    const auto run = [](boost::asio::awaitable<Result> inner, std::shared_ptr<State> into,
                        Wake& wake) -> boost::asio::awaitable<void> {
      try {
        if constexpr (std::is_void_v<Result>) {
          co_await std::move(inner);
          into->result.emplace();
        } else {
          into->result.emplace(co_await std::move(inner));
        }
      } catch (...) {
        into->failure = std::current_exception();
      }
      into->done = true;
      wake.notify();
    };
    boost::asio::co_spawn(context_, run(std::move(work), state, wake_), boost::asio::detached);
    while (!state->done && !signals_.stop()) co_await wake_.wait();
    if (signals_.stop()) {
      co_await leave();
      for (const auto limit = Clock::now() + kPatience; !state->done && Clock::now() < limit;)
        co_await wake_.wait(limit);
      co_return std::nullopt;
    }
    if (state->failure) std::rethrow_exception(state->failure);
    co_return std::move(state->result);
  }

  boost::asio::awaitable<void> leave() {
    if (!std::exchange(left_, true)) co_await rendezvous_.leave();
  }

 private:
  /// How long an operation may take to come to its end after leave().
  static constexpr std::chrono::seconds kPatience{3};

  boost::asio::io_context& context_;
  Wake& wake_;
  const StopSignals& signals_;
  Rendezvous& rendezvous_;
  bool left_ = false;
};

}  // namespace lmf::train::launch
