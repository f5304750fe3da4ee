#include "output.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "lmf/error.hpp"

TEST_CASE("writing to a closed pipe ends quietly, to a full device with a sentence") {
  const auto before = ::signal(SIGPIPE, SIG_IGN);
  int pipe[2];
  REQUIRE(::pipe(pipe) == 0);
  ::close(pipe[0]);
  CHECK_THROWS_AS(lmf::chat::write_out(pipe[1], "text"), lmf::chat::ReaderGone);
  ::close(pipe[1]);
  ::signal(SIGPIPE, before);

  const int full = ::open("/dev/full", O_WRONLY);
  REQUIRE(full >= 0);
  CHECK_THROWS_WITH_AS(lmf::chat::write_out(full, "text"),
                       "the answer cannot be written to standard output: No space left on device", lmf::Error);
  ::close(full);
}
