#pragma once

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace lmf::train::launch {

using Clock = std::chrono::steady_clock;

/// Lets coroutines wait until something may have changed: whoever changes it calls notify(), whoever waits looks again.
/// One thread, so nothing is missed between looking and waiting.
class Wake {
 public:
  explicit Wake(boost::asio::io_context& context) : context_(context) {}

  void notify() {
    for (boost::asio::steady_timer* timer : waiting_) timer->cancel();
  }

  boost::asio::awaitable<void> wait(Clock::time_point until = Clock::time_point::max()) {
    boost::asio::steady_timer timer(context_, until);
    waiting_.push_back(&timer);
    boost::system::error_code woken;
    co_await timer.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, woken));
    waiting_.erase(std::find(waiting_.begin(), waiting_.end(), &timer));
  }

 private:
  boost::asio::io_context& context_;
  std::vector<boost::asio::steady_timer*> waiting_;
};

}  // namespace lmf::train::launch
