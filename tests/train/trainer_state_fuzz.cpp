// trainer_state.json of a checkpoint.
#include <cstdint>

#include "lmf/error.hpp"
#include "support/fuzz_folder.hpp"
#include "train/shared/trainer_state.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const lmf::test::FuzzFolder folder("trainer_state.json");
  folder.fill(data, size);
  try {
    lmf::train::TrainerState::read(folder.file()).to_json(true, false).dump();
  } catch (const lmf::Error&) {
  }
  return 0;
}
