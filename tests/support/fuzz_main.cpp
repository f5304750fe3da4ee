// main() of a fuzz entry where no fuzzer drives it: runs each file of the folder that is named, and damaged variants of
// it. The variants are the same each time: a failure repeats.
#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <random>
#include <vector>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/files.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using namespace std::string_view_literals;

namespace fs = std::filesystem;

constexpr std::size_t kVariants = 2000;  // of all files together

/// What no parser of small inputs may need. The sanitizers reserve far more than that for themselves.
void bound_memory() {
#ifndef __SANITIZE_ADDRESS__
  const rlimit limit{std::size_t{2} << 30, std::size_t{2} << 30};
  ::setrlimit(RLIMIT_AS, &limit);
#endif
}

/// A file with the input that runs, so that one that crashes, hangs or is killed can be looked at and kept.
class LastInput {
 public:
  explicit LastInput(fs::path path)
      : path_(std::move(path)), descriptor_(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)) {
    if (descriptor_ < 0) throw lmf::file_error("write", path_, errno);
    std::printf("the input that runs is in %s\n", path_.c_str());
    std::fflush(stdout);
  }
  ~LastInput() {
    ::close(descriptor_);
    fs::remove(path_);
  }
  void run(const std::string& input) const {
    if (::pwrite(descriptor_, input.data(), input.size(), 0) != static_cast<ssize_t>(input.size()) ||
        ::ftruncate(descriptor_, static_cast<off_t>(input.size())) != 0)
      throw lmf::file_error("write", path_, errno);
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
  }

 private:
  fs::path path_;
  int descriptor_;
};

std::string damaged(std::string text, std::mt19937& random) {
  static constexpr std::string_view bytes = "[]{}&*!|>'\"%@`,:?-#<=\n\t ~09e.\\\0\1\x7f\x80\xff"sv;  // with the NUL
  const auto below = [&](std::size_t bound) { return bound == 0 ? 0 : random() % bound; };
  for (std::size_t edits = 1 + below(6); edits > 0; --edits) {
    const std::size_t at = below(text.size() + 1);
    switch (below(5)) {
      case 0:
        text.insert(at, 1, bytes[below(bytes.size())]);
        break;
      case 1:
        text.erase(at, below(8));
        break;
      case 2:
        text.insert(at, text.substr(below(text.size() + 1), below(40)));
        break;
      case 3:
        if (at < text.size()) text[at] = bytes[below(bytes.size())];
        break;
      case 4:
        if (at < text.size()) text[at] = static_cast<char>(text[at] ^ 1 << below(8));
        break;
    }
  }
  return text;
}

std::vector<std::string> kept_in(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());  // for the variants to be the same everywhere
  std::vector<std::string> kept;
  for (const fs::path& file : files) kept.push_back(lmf::read_file(file));
  return kept;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "expected one folder: of inputs to keep\n");
    return 2;
  }
  const std::vector<std::string> kept = kept_in(argv[1]);
  bound_memory();
  const LastInput last(fs::absolute(fs::path(argv[0]).filename() += ".input"));
  std::mt19937 random(20240607);
  for (const std::string& input : kept) {
    last.run(input);
    for (std::size_t i = 0; i < kVariants / kept.size(); ++i) last.run(damaged(input, random));
  }
  std::printf("%zu inputs were kept\n", kept.size());
  return kept.empty() ? 1 : 0;
}
