#include "train/launch/agent/console.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>

#include "train/launch/agent/file_descriptor.hpp"

namespace lmf::train::launch {
namespace {

constexpr std::size_t kMostWaiting = 1 << 20;

/// A description of the same pipe or terminal of our own: making the inherited one non-blocking would do so for every
/// process that shares it.
int reopened_without_blocking(int descriptor) {
  struct stat status;
  if (::fstat(descriptor, &status) != 0) return -1;
  if (!S_ISFIFO(status.st_mode) && ::isatty(descriptor) == 0) return -1;
  return ::open(fmt::format("/proc/self/fd/{}", descriptor).c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

}  // namespace

Console::Console(boost::asio::io_context& context, int descriptor)
    : stream_(context), written_(context), descriptor_(descriptor) {
  if (const int own = reopened_without_blocking(descriptor); own >= 0) stream_.assign(own);
}

void Console::write(std::string_view text) {
  if (!stream_.is_open()) {
    write_all(descriptor_, text);
    return;
  }
  waiting_ += text;
  if (!writing_) start_writing();
}

void Console::start_writing() {
  writing_ = true;
  being_written_ = std::exchange(waiting_, {});
  boost::asio::async_write(stream_, boost::asio::buffer(being_written_),
                           [this](const boost::system::error_code& failed, std::size_t) {
                             if (failed == boost::asio::error::operation_aborted) return;  // *this may be gone
                             writing_ = false;
                             if (failed) waiting_.clear();
                             if (!waiting_.empty()) start_writing();
                             written_.notify();
                           });
}

boost::asio::awaitable<void> Console::room() {
  while (waiting_.size() > kMostWaiting) co_await written_.wait();
}

boost::asio::awaitable<void> Console::flush(std::chrono::milliseconds patience) {
  const auto deadline = Clock::now() + patience;
  while (writing_ && Clock::now() < deadline) co_await written_.wait(deadline);
}

}  // namespace lmf::train::launch
