#pragma once

#include <exception>

#include <doctest/doctest.h>

#include "train/launch/store/asio.hpp"

namespace lmf::test {

namespace launch = lmf::train::launch;
using launch::Task;

/// Runs the coroutine that `make` starts to its end on a context of its own; what it throws is thrown here.
/// The limit is for a hang, not a speed.
template <class Make>
void on_loop(const Make& make) {
  boost::asio::io_context context;
  std::exception_ptr failure;
  bool ended = false;
  boost::asio::co_spawn(context, make(context), [&](std::exception_ptr thrown) {
    failure = thrown;
    ended = true;
    context.stop();
  });
  context.run_for(std::chrono::minutes(2));
  if (failure) std::rethrow_exception(failure);
  REQUIRE_MESSAGE(ended, "the coroutine has not ended within two minutes");
}

inline launch::Time in(std::chrono::milliseconds time) { return launch::Clock::now() + time; }
inline launch::Time soon() { return in(std::chrono::seconds(30)); }

}  // namespace lmf::test
