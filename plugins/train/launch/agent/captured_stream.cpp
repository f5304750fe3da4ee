#include <cerrno>
#include <utility>

#include <fcntl.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/files.hpp"
#include "base/log.hpp"
#include "train/launch/agent/worker_output.hpp"

namespace lmf::train::launch {
namespace {

constexpr std::size_t kTailBytes = 16 * 1024;
constexpr std::size_t kLongestLine = 64 * 1024;
constexpr std::size_t kChunk = 64 * 1024;

}  // namespace

/// Lives as long as its reader, which may outlive the CapturedStream by one turn of the event loop.
struct CapturedStream::State {
  State(boost::asio::io_context& context, FileDescriptor end, Destinations where)
      : stream(context), to(std::move(where)) {
    // Both the reader and drain() read: neither may wait.
    ::fcntl(end.get(), F_SETFL, ::fcntl(end.get(), F_GETFL) | O_NONBLOCK);
    stream.assign(end.release());
  }

  void take(std::string_view text) {
    tail.append(text);
    if (tail.size() > 2 * kTailBytes) tail.erase(0, tail.size() - kTailBytes);
    if (to.file) write_file(text);
    if (to.whole_lines)
      take_lines(text);
    else if (to.console != nullptr)
      to.console->write(text);
  }

  void write_file(std::string_view text) {
    const int failed = write_all(to.file.get(), text);
    if (failed == 0) return;
    to.file.reset();
    const Error error = file_error("write to", to.file_name, failed);
    log::warn("{}: it is not complete{}{}", error.what(), error.hint().empty() ? "" : "; ", error.hint());
  }

  /// A progress bar that redraws itself is a line each time: \r ends one as well.
  void take_lines(std::string_view text) {
    for (const char c : text) {
      const bool second_of_pair = c == '\n' && after_return;
      after_return = c == '\r';
      if (second_of_pair) continue;
      if (c == '\n' || c == '\r' || line.size() >= kLongestLine) end_line();
      if (c != '\n' && c != '\r') line += c;
    }
  }

  void end_line() {
    const std::string whole = to.prefix + line + "\n";
    if (to.console != nullptr) to.console->write(whole);
    if (to.matching_lines)
      for (const std::string& filter : to.filters)
        if (line.find(filter) != std::string::npos) {
          write_all(to.matching_lines->get(), whole);
          break;
        }
    line.clear();
  }

  /// False at the end of the stream. Not one buffer for each of them: workers are many, and mostly silent.
  bool take_what_is_there() {
    char buffer[kChunk];
    const ssize_t count = ::read(stream.native_handle(), buffer, sizeof buffer);
    if (count > 0) take({buffer, static_cast<std::size_t>(count)});
    nothing_there = count < 0 && errno == EAGAIN;
    return count > 0 || nothing_there || (count < 0 && errno == EINTR);
  }

  void drain() {
    // Bounded: a descendant may write for ever.
    for (int round = 0; stream.is_open() && round < 64; ++round)
      if (!take_what_is_there() || nothing_there) break;
    if (!line.empty()) end_line();
  }

  static boost::asio::awaitable<void> read(std::shared_ptr<State> self) {
    for (;;) {
      boost::system::error_code failed;
      co_await self->stream.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                                       boost::asio::redirect_error(boost::asio::use_awaitable, failed));
      if (failed || !self->take_what_is_there()) co_return;
      if (self->to.console != nullptr) co_await self->to.console->room();
      if (self->to.ends_with_console && self->to.console->failed()) {
        boost::system::error_code ignored;
        self->stream.close(ignored);  // the worker, too, is to hear that nobody reads on
      }
      if (!self->stream.is_open()) co_return;
    }
  }

  boost::asio::posix::stream_descriptor stream;
  Destinations to;
  std::string tail, line;
  bool after_return = false, nothing_there = false;
};

CapturedStream::CapturedStream(boost::asio::io_context& context, FileDescriptor end, Destinations destinations)
    : state_(std::make_shared<State>(context, std::move(end), std::move(destinations))) {
  boost::asio::co_spawn(context, State::read(state_), boost::asio::detached);
}

CapturedStream::~CapturedStream() {
  boost::system::error_code ignored;
  state_->stream.close(ignored);
}

void CapturedStream::drain() { state_->drain(); }
std::vector<std::string> CapturedStream::last_lines() const { return last_lines_of(state_->tail); }

std::vector<std::string> last_lines_of(std::string_view text, std::size_t most) {
  std::vector<std::string> lines;
  while (!text.empty() && lines.size() < most) {
    if (text.back() == '\n') text.remove_suffix(1);
    const std::size_t begin = text.rfind('\n') + 1;  // npos + 1 is 0
    std::string_view line = text.substr(begin);
    text = text.substr(0, begin);
    while (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    line.remove_prefix(line.rfind('\r') + 1);  // what a redrawn line showed last
    std::string shown(line.substr(0, 500));
    for (char& c : shown)
      if (static_cast<unsigned char>(c) < ' ' && c != '\t') c = '?';
    lines.push_back(std::move(shown));
  }
  return {lines.rbegin(), lines.rend()};
}

}  // namespace lmf::train::launch
