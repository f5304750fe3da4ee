#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "train/launch/agent/wake.hpp"

namespace lmf::train::launch {

/// Standard output or error of the agent, shared by all workers. Never blocks: a reader that is slow or stopped (less,
/// Ctrl-S) must not keep the agent from its workers. Order is kept.
class Console {
 public:
  Console(boost::asio::io_context& context, int descriptor);

  void write(std::string_view text);
  /// Whether writing is possible and never waits for a reader, so that everything may pass through here.
  bool never_waits() const;
  /// Whether something could not be written, as when the reader is gone.
  bool failed() const { return failed_; }
  /// Waits while too much is unwritten: who writes more then would only fill memory.
  boost::asio::awaitable<void> room();
  /// At the end: waits until all is written, but when `impatient` is true no longer than that.
  boost::asio::awaitable<void> flush(std::chrono::milliseconds patience, std::function<bool()> impatient);

 private:
  void start_writing();
  void note_failure(int reason);

  boost::asio::posix::stream_descriptor stream_;  // closed where writing cannot block, or cannot be made not to
  Wake written_;
  int descriptor_;
  bool writing_ = false, failed_ = false;
  std::string waiting_, being_written_;
};

}  // namespace lmf::train::launch
