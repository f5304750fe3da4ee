#pragma once

#include <functional>
#include <memory>

#include "train/launch/store/asio.hpp"

namespace lmf::train::launch {

/// Calls `stop` at the time, unless it is destroyed before. Boost 1.74 cannot cancel one operation of a coroutine:
/// `stop` closes or cancels what the operation waits on.
class Deadline {
 public:
  template <class Executor>
  Deadline(const Executor& executor, Time at, std::function<void()> stop)
      : timer_(executor, at), armed_(std::make_shared<bool>(true)) {
    timer_.async_wait([armed = armed_, stop = std::move(stop)](error_code error) {
      if (!*armed || error) return;
      *armed = false;
      stop();
    });
  }
  ~Deadline() { *armed_ = false; }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;
  bool passed() const { return !*armed_; }

 private:
  asio::steady_timer timer_;
  std::shared_ptr<bool> armed_;
};

}  // namespace lmf::train::launch
