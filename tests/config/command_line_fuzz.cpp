// The words of a command line, one a line.
#include <cstdint>

#include "config/support.hpp"
#include "lmf/error.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto table =
      lmf::config::OptionTable::read(lmf::test::fixtures() / "config/every_type.options.toml", "train");
  std::string text(reinterpret_cast<const char*>(data), size);
  std::vector<const char*> words = {text.c_str()};
  for (char& letter : text) {
    if (letter != '\n') continue;
    letter = '\0';
    words.push_back(&letter + 1);
  }
  try {
    lmf::config::read_options(table, words, /*accept_unknown_keys=*/false);
  } catch (const lmf::Error& failure) {
    if (failure.exit_status() != lmf::kExitUsage) __builtin_trap();
  }
  return 0;
}
