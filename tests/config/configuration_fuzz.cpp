// A configuration file and all that is judged of it; LMF_FUZZ_FILE says of which kind.
#include <cstdint>

#include <nlohmann/json.hpp>

#include "config/support.hpp"
#include "lmf/error.hpp"
#include "support/fuzz_folder.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const lmf::test::FuzzFolder folder(LMF_FUZZ_FILE);
  static const auto table =
      lmf::config::OptionTable::read(lmf::test::fixtures() / "config/every_type.options.toml", "train");
  folder.fill(data, size);
  const std::string file = folder.file().string();
  const char* const arguments[] = {file.c_str()};
  try {
    const auto read = lmf::config::read_options(table, arguments, /*accept_unknown_keys=*/false);
    lmf::config::Options::from_json(read.options.to_json());
  } catch (const lmf::Error& failure) {
    if (!std::string_view(failure.what()).starts_with(file + ":")) __builtin_trap();
  }
  return 0;
}
