// NAME.lmf-plugin.toml.
#include <cstdint>

#include "host/manifest.hpp"
#include "support/fuzz_folder.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const lmf::test::FuzzFolder folder("wave.lmf-plugin.toml");
  folder.fill(data, size);
  lmf::host::ManifestProblem problem;
  if (!lmf::host::read_manifest(folder.file(), problem) &&
      !std::string_view(problem.reason).starts_with(folder.file().string()))
    __builtin_trap();
  return 0;
}
