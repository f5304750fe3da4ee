// A safetensors file: its header, and that every tensor's bytes lie in the file.
#include <cstdint>

#include "lmf/error.hpp"
#include "model/weight_files.hpp"
#include "support/fuzz_folder.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const lmf::test::FuzzFolder folder("model.safetensors");
  folder.fill(data, size);
  try {
    const auto files = lmf::model::WeightFiles::open_file(folder.file());
    volatile unsigned sum = 0;  // for the bytes to be read
    for (const std::string& name : files.names()) {
      for (const std::byte byte : files.bytes(name).bytes) sum = sum + std::to_integer<unsigned>(byte);
    }
  } catch (const lmf::Error&) {
  }
  return 0;
}
