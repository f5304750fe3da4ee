#include "output.hpp"

#include <cerrno>
#include <cstring>

#include <unistd.h>

#include "base/log.hpp"
#include "lmf/error.hpp"

namespace lmf::chat {

void write_out(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EPIPE) {
      throw ReaderGone{};
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
      break;
  }
}

}  // namespace lmf::chat
