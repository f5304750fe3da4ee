#include "train/launch/agent/console.hpp"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>

#include "base/log.hpp"
#include "train/launch/agent/file_descriptor.hpp"

namespace lmf::train::launch {
namespace {

constexpr std::size_t kMostWaiting = 1 << 20;
/// How often somebody who waits looks whether there is a hurry now.
constexpr std::chrono::milliseconds kLook{100};

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
    note_failure(write_all(descriptor_, text));
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
                             note_failure(failed.value());
                             if (!waiting_.empty()) start_writing();
                             written_.notify();
                           });
}

boost::asio::awaitable<void> Console::room() {
  while (waiting_.size() > kMostWaiting) co_await written_.wait();
}

boost::asio::awaitable<void> Console::flush(std::chrono::milliseconds patience, std::function<bool()> impatient) {
  auto deadline = Clock::now() + patience;
  while (writing_ && Clock::now() < deadline) {
    if (!impatient()) deadline = Clock::now() + patience;
    co_await written_.wait(std::min(deadline, Clock::now() + kLook));
  }
}

bool Console::never_waits() const {
  struct stat status;
  if (stream_.is_open()) return true;
  if (::fstat(descriptor_, &status) != 0 || ::isatty(descriptor_) == 1) return false;
  // One that was closed when lmf was started: nothing can be written there.
  if ((::fcntl(descriptor_, F_GETFL) & O_ACCMODE) == O_RDONLY) return false;
  return S_ISREG(status.st_mode) || S_ISCHR(status.st_mode);
}

/// Who reads no further (head) knows why.
void Console::note_failure(int reason) {
  if (reason == 0 || std::exchange(failed_, true) || reason == EPIPE || descriptor_ != STDOUT_FILENO) return;
  log::warn("the workers' standard output is cut off: {}", std::strerror(reason));
}

}  // namespace lmf::train::launch
