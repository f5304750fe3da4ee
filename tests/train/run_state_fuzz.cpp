// lmf_run_state.json of a checkpoint: read to go on from it, and to tell which of an output folder's is the newest.
#include <cstdint>

#include "lmf/error.hpp"
#include "support/fuzz_folder.hpp"
#include "train/shared/checkpoint_folders.hpp"
#include "train/shared/run_state.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace fs = std::filesystem;
  static const lmf::test::FuzzFolder folder(lmf::train::kRunStateFile);
  static const lmf::test::TemporaryFolder output;
  static const fs::path checkpoint = lmf::train::checkpoint_path(output.path(), 5);
  if (!fs::exists(checkpoint)) fs::create_directory_symlink(folder.path(), checkpoint);
  folder.fill(data, size);
  if (lmf::train::run_number(output.path(), checkpoint) < 1) __builtin_trap();
  if (lmf::train::run_number(output.path(), std::nullopt) < 1) __builtin_trap();
  try {
    const auto state = lmf::train::RunState::read(folder.file());
    if (state.position && state.position->example >= state.examples) __builtin_trap();
    state.to_text();
  } catch (const lmf::Error&) {
  }
  return 0;
}
