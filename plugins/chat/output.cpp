#include "output.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>

#include <sys/stat.h>
#include <unistd.h>

#include "base/log.hpp"
#include "lmf/error.hpp"

namespace lmf::chat {
namespace {

bool is_device(int descriptor) {
  struct stat status {};
  return ::fstat(descriptor, &status) == 0 && S_ISCHR(status.st_mode);
}

}  // namespace

void write_out(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EPIPE) {
      throw ReaderGone{SIGPIPE};
    } else if (errno == EIO && is_device(descriptor)) {
      throw ReaderGone{SIGHUP};
    } else if (errno != EINTR) {
      throw Error(std::string("the answer cannot be written to standard output: ") + std::strerror(errno));
    }
  }
}

void explain_end(infer::Finish finish) {
  switch (finish) {
    case infer::Finish::length:
      log::info("the answer stops at its greatest length: raise max_new_tokens for more");
      break;
    case infer::Finish::context:
      log::warn("the answer stops because the model's context is full: `clear` begins a new conversation");
      break;
    case infer::Finish::stop:
    case infer::Finish::cancelled:
    case infer::Finish::failed:
      break;
  }
}

}  // namespace lmf::chat
