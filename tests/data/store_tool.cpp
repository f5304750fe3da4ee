// store_tool STORE: every example of a token store as one line, "origin: ids | labels", for comparisons with the
// original.
#include <cstdio>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "data/token_store.hpp"
#include "lmf/error.hpp"

int main(int argc, char** argv) try {
  if (argc != 2) return std::fputs("usage: store_tool STORE\n", stderr), 2;
  const auto store = lmf::data::TokenStore::open(argv[1]);
  for (std::int64_t i = 0; i < store.size(); ++i) {
    const auto example = store[i];
    const auto line =
        fmt::format("{}: {} | {}\n", store.origin(i), fmt::join(example.ids, " "), fmt::join(example.labels, " "));
    std::fwrite(line.data(), 1, line.size(), stdout);
  }
  return 0;
} catch (const lmf::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return error.exit_status();
}
