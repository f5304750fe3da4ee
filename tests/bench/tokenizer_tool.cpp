// tokenizer_tool FOLDER THREADS REPEATS: encodes the texts on standard input (each a length of 4 bytes and its bytes),
// REPEATS times by THREADS threads; prints the seconds of each time and the number of tokens. For tokenizer.py.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "lmf/error.hpp"
#include "text/tokenizer.hpp"

namespace {

std::vector<std::string> read_texts() {
  std::vector<std::string> texts;
  for (std::uint32_t length; std::fread(&length, sizeof length, 1, stdin) == 1;) {
    std::string text(length, '\0');
    if (std::fread(text.data(), 1, length, stdin) != length) break;
    texts.push_back(std::move(text));
  }
  return texts;
}

std::size_t encode_all(const lmf::text::Tokenizer& tokenizer, const std::vector<std::string>& texts, int threads) {
  std::atomic<std::size_t> next = 0, tokens = 0;
  const auto work = [&] {
    for (std::size_t i; (i = next++) < texts.size();) tokens += tokenizer.encode(texts[i]).size();
  };
  std::vector<std::thread> helpers;
  for (int i = 1; i < threads; ++i) helpers.emplace_back(work);
  work();
  for (std::thread& helper : helpers) helper.join();
  return tokens;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: tokenizer_tool FOLDER THREADS REPEATS\n", stderr);
    return 2;
  }
  try {
    using Clock = std::chrono::steady_clock;
    const auto began = Clock::now();
    const auto tokenizer = lmf::text::Tokenizer::load(argv[1]);
    const std::chrono::duration<double> loading = Clock::now() - began;
    const auto texts = read_texts();
    std::printf("load %.6f\n", loading.count());
    for (int i = 0; i < std::atoi(argv[3]); ++i) {
      const auto start = Clock::now();
      const std::size_t tokens = encode_all(tokenizer, texts, std::atoi(argv[2]));
      const std::chrono::duration<double> took = Clock::now() - start;
      std::printf("encode %.6f %zu\n", took.count(), tokens);
    }
    return 0;
  } catch (const lmf::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return error.exit_status();
  }
}
