#include "host/output.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include <unistd.h>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

#include "base/printable.hpp"
#include "lmf/error.hpp"

namespace lmf::host {

void flush_output() {
  const bool lost_before = std::ferror(stdout) != 0;
  if (std::fflush(stdout) != 0) throw Error(std::string("cannot write to standard output: ") + std::strerror(errno));
  if (lost_before) throw Error("cannot write to standard output: a part is lost");
}

int print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  flush_output();
  return kExitDone;
}

void leave(int status) {
  std::fflush(nullptr);
#ifdef __SANITIZE_ADDRESS__
  __lsan_do_leak_check();  // an exit handler otherwise
#endif
  ::_exit(status);
}

void say(const Environment& environment, const std::string& notice) {
  std::fprintf(stderr, "%s: %s\n", environment.program_name.c_str(), printable_line(notice).c_str());
}

}  // namespace lmf::host
