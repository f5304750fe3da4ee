// share/templates/NAME.toml.
#include <cstdint>

#include "lmf/error.hpp"
#include "support/fuzz_folder.hpp"
#include "text/chat_template.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const lmf::test::FuzzFolder folder("template.toml");
  folder.fill(data, size);
  try {
    lmf::text::ChatTemplate::read(folder.file());
  } catch (const lmf::Error& failure) {
    if (!std::string_view(failure.what()).starts_with(folder.file().string() + ":")) __builtin_trap();
  }
  return 0;
}
