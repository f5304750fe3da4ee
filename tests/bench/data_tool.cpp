// data_tool FOLDER TEMPLATE DATA THREADS CACHE: prepares one data file as `lmf train` does, ignoring an earlier store;
// prints the seconds, the examples and the tokens. For data.py.
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "data/prepare.hpp"
#include "lmf/error.hpp"

int main(int argc, char** argv) try {
  if (argc != 6) return std::fputs("data_tool FOLDER TEMPLATE DATA THREADS CACHE\n", stderr), 2;
  const char* share = LMF_SHARE_DIRECTORY;
  auto tokenizer = lmf::text::Tokenizer::load(argv[1]);
  const auto chat_template = lmf::text::ChatTemplate::load(share, argv[2]);
  chat_template.repair(tokenizer);
  lmf::data::PrepareOptions options;
  options.datasets = {argv[3]};
  options.workers = std::atoi(argv[4]);
  options.cache_directory = argv[5];
  options.overwrite_cache = true;
  const auto begin = std::chrono::steady_clock::now();
  const auto report = lmf::data::prepare(options, tokenizer, chat_template);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  std::printf("%f %lld %lld\n", seconds.count(), static_cast<long long>(report.kept),
              static_cast<long long>(report.tokens));
} catch (const lmf::Error& error) {
  std::fprintf(stderr, "%s %s\n", error.what(), error.hint().c_str());
  return 1;
}
