#include <doctest/doctest.h>

#include <cstdlib>
#include <string>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "base/progress.hpp"

namespace {

/// What `action` writes to standard error while that is the descriptor `target`, read from `source`.
template <class Action>
std::string standard_error(int target, int source, Action action) {
  std::fflush(stderr);
  const int kept = ::dup(STDERR_FILENO);
  ::dup2(target, STDERR_FILENO);
  action();
  std::fflush(stderr);
  ::dup2(kept, STDERR_FILENO);
  ::close(kept);
  ::close(target);
  std::string text;
  char buffer[4096];
  pollfd ready{source, POLLIN, 0};
  while (::poll(&ready, 1, 100) > 0) {
    const ssize_t count = ::read(source, buffer, sizeof buffer);
    if (count <= 0) break;
    text.append(buffer, static_cast<std::size_t>(count));
  }
  ::close(source);
  return text;
}

}  // namespace

TEST_CASE("in a pipe a short job says one plain line at its end") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const std::string text = standard_error(ends[1], ends[0], [] {
    lmf::Progress progress("reading", 200);
    for (int i = 0; i <= 200; ++i) progress.update(i, "loss 1.5");
    progress.finish();
  });
  CHECK(text.starts_with("reading 200/200 100 % | "));
  CHECK(text.find("loss 1.5\n") != std::string::npos);
  CHECK(text.find('\r') == std::string::npos);
  CHECK(text.find('\n') == text.size() - 1);
}

TEST_CASE("on a terminal the bar is redrawn in place and hide() erases it") {
  const int leader = ::posix_openpt(O_RDWR | O_NOCTTY);
  REQUIRE(leader >= 0);
  REQUIRE(::grantpt(leader) == 0);
  REQUIRE(::unlockpt(leader) == 0);
  const int terminal = ::open(::ptsname(leader), O_RDWR | O_NOCTTY);
  REQUIRE(terminal >= 0);
  const std::string text = standard_error(terminal, leader, [] {
    lmf::Progress progress("training", 10);
    progress.update(5);
    progress.hide();
  });
  CHECK(text.find("\rtraining [############............] 5/10  50 %") == 0);
  CHECK(text.ends_with("\r\x1b[K"));
}
