// config.json of a model.
#include <cstdint>

#include "lmf/error.hpp"
#include "model/decoder_spec.hpp"
#include "support/fuzz_folder.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const lmf::test::FuzzFolder folder("config.json");
  folder.fill(data, size);
  try {
    const auto spec = lmf::model::DecoderSpec::read(folder.path());
    if (std::ssize(spec.windows) != spec.layers || spec.heads % spec.key_value_heads != 0) __builtin_trap();
  } catch (const lmf::Error&) {
  }
  return 0;
}
