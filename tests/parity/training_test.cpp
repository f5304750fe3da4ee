// The original's own runs: its configuration files, only their paths replaced, through `lmf train`; every step's loss
// against its log.
#include "parity/original_run.hpp"
#include "support/process.hpp"

using namespace lmf;
namespace fs = std::filesystem;

namespace {

/// models/tiny-llama and models/tiny-llama-lora0 in `base`, as the reference files define them.
void write_models(const fs::path& base) {
  auto decoder = test::write_reference_model(base, "tiny-llama");
  const fs::path adapter = base / "models/tiny-llama-lora0";
  fs::create_directories(adapter);
  const auto config = test::reference_adapter(base / "models/tiny-llama");
  model::attach_lora(decoder, config, 1);
  test::det_init_adapter(decoder, config);
  model::save_adapter(decoder, config, adapter);
}

void check(const fs::path& base, const std::string& name) {
  const fs::path file = base / (name + ".yaml");
  std::ofstream(file) << test::with_places(test::text_of(test::parity_folder() / (name + ".yaml")), base);
  const auto done =
      test::run_process({test::executable(), "train", file.string()}, {{"XDG_CACHE_HOME", (base / "cache").string()}});
  INFO(done.err);
  REQUIRE(done.status == 0);
  test::check_history(base, name);
  for (const char* output : {"all_results.json", "train_results.json", "trainer_log.jsonl", "training_loss.png",
                             "README.md", "tokenizer.json", "training_args.json", "checkpoint-10/trainer_state.json"}) {
    CAPTURE(output);
    CHECK(fs::exists(base / "runs" / name / output));
  }
}

}  // namespace

TEST_CASE("the original's full and LoRA runs give the same losses") {
  const test::TemporaryFolder base;
  write_models(base.path());
  check(base.path(), "parity_cli_full");
  check(base.path(), "parity_cli_lora");
}
