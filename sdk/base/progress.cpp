#include "base/progress.hpp"

#include <algorithm>
#include <cstdio>
#include <utility>

#include <sys/ioctl.h>
#include <unistd.h>

#include <fmt/format.h>

namespace lmf {
namespace {

using Seconds = std::chrono::duration<double>;
constexpr Seconds kRedraw{0.1};       // on a terminal
constexpr Seconds kPlainLines{10.0};  // in a file or a pipe
constexpr std::size_t kBarWidth = 24;

std::size_t terminal_width() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

std::string duration_text(double seconds) {
  const auto whole = static_cast<std::int64_t>(seconds + 0.5);
  if (whole >= 3600) return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
  return fmt::format("{:02}:{:02}", whole / 60, whole % 60);
}

std::string rate_text(double per_second) {
  if (per_second <= 0) return "?/s";
  return per_second >= 1 ? fmt::format("{:.1f}/s", per_second) : fmt::format("{:.1f} s each", 1 / per_second);
}

}  // namespace

Progress::Progress(std::string what, std::int64_t total, std::int64_t start)
    : what_(std::move(what)),
      total_(std::max<std::int64_t>(total, 0)),
      start_(start),
      done_(start),
      began_(std::chrono::steady_clock::now()),
      drawn_(began_ - std::chrono::seconds(3600)),
      terminal_(::isatty(STDERR_FILENO) == 1) {
  if (!terminal_) drawn_ = began_;
}

Progress::~Progress() { hide(); }

void Progress::update(std::int64_t done, const std::string& note) {
  done_ = done;
  note_ = note;
  if (std::chrono::steady_clock::now() - drawn_ >= (terminal_ ? kRedraw : kPlainLines)) draw();
}

void Progress::hide() {
  if (!visible_) return;
  std::fputs("\r\x1b[K", stderr);
  std::fflush(stderr);
  visible_ = false;
}

void Progress::finish() {
  if (terminal_) {
    draw();
    std::fputc('\n', stderr);
    visible_ = false;
  } else {
    draw();
  }
}

void Progress::draw() {
  drawn_ = std::chrono::steady_clock::now();
  const double elapsed = Seconds(drawn_ - began_).count();
  const double rate = elapsed > 0 ? static_cast<double>(done_ - start_) / elapsed : 0;
  const double share = total_ > 0 ? std::clamp(static_cast<double>(done_) / static_cast<double>(total_), 0.0, 1.0) : 0;
  std::string line = what_;
  if (terminal_ && total_ > 0) {
    const auto filled = static_cast<std::size_t>(share * kBarWidth);
    line += " [" + std::string(filled, '#') + std::string(kBarWidth - filled, '.') + "]";
  }
  line += total_ > 0 ? fmt::format(" {}/{} {:3.0f} %", done_, total_, share * 100) : fmt::format(" {}", done_);
  line += " | " + duration_text(elapsed);
  if (total_ > 0 && rate > 0 && done_ < total_)
    line += " < " + duration_text(static_cast<double>(total_ - done_) / rate);
  line += " | " + rate_text(rate);
  if (!note_.empty()) line += " | " + note_;
  if (terminal_) {
    // One column stays free: a full line would wrap, and the next redraw would leave it behind.
    line.resize(std::min(line.size(), terminal_width() - 1));
    std::fprintf(stderr, "\r%s\x1b[K", line.c_str());
    std::fflush(stderr);
    visible_ = true;
  } else {
    std::fprintf(stderr, "%s\n", line.c_str());
  }
}

}  // namespace lmf
