// The original's runs on two processes: its configuration files, only their paths replaced, on two ranks of `lmf
// train`.
#include "parity/original_run.hpp"

#include <torch/utils.h>
#include "train/ranks.hpp"

using namespace lmf;
namespace fs = std::filesystem;

namespace {

constexpr int kSilence = 400000;  // ms: rank 1 says nothing at all

/// The adapter the original begins with under seed 42: peft makes two linear modules for each target, which draw their
/// weights (Kaiming, a = √5), and then draws A again.
void write_seeded_adapter(model::Decoder& decoder, const fs::path& model, const fs::path& adapter) {
  const auto config = test::reference_adapter(model);
  model::attach_lora(decoder, config, 1);
  torch::NoGradGuard no_grad;
  torch::manual_seed(42);
  for (model::Linear* module : decoder.linears()) {
    if (!module->lora_a.defined()) continue;
    torch::empty_like(module->lora_a).uniform_();
    torch::empty_like(module->lora_b).uniform_();
    const double deviation = std::sqrt(2.0 / 6.0) / std::sqrt(static_cast<double>(module->lora_a.size(1)));
    module->lora_a.uniform_(-std::sqrt(3.0) * deviation, std::sqrt(3.0) * deviation);
  }
  fs::create_directories(adapter);
  model::save_adapter(decoder, config, adapter);
}

void check_on_two_ranks(const fs::path& base, const std::string& name, const std::vector<std::string>& more = {}) {
  const fs::path file = base / (name + ".yaml");
  std::ofstream(file) << test::with_places(test::text_of(test::parity_folder() / (name + ".yaml")), base);
  std::vector<std::string> command{test::executable(), "train", file.string()};
  command.insert(command.end(), more.begin(), more.end());
  std::vector<std::future<test::Finished>> running;
  const int port = test::free_port();
  for (int rank = 0; rank < 2; ++rank) {
    auto variables = test::rank_variables(rank, 2, port);
    variables.emplace_back("XDG_CACHE_HOME", (base / "cache").string());
    running.push_back(
        std::async(std::launch::async, [=] { return test::run_process(command, variables, {}, kSilence); }));
  }
  for (auto& one : running) {
    const auto done = one.get();
    INFO(done.err);
    REQUIRE(done.status == 0);
  }
  test::check_history(base, name);
}

}  // namespace

TEST_CASE("LoRA on two processes gives the original's losses") {
  const test::TemporaryFolder base;
  auto decoder = test::write_reference_model(base.path(), "tiny-llama");
  const fs::path adapter = base.path() / "models/seed-42";
  write_seeded_adapter(decoder, base.path() / "models/tiny-llama", adapter);
  // Which adapter it begins with is all that is said beside its configuration: random numbers of lmf are its own.
  check_on_two_ranks(base.path(), "ddp2_tiny_lora_sft", {"adapter_name_or_path=" + adapter.string()});
}

TEST_CASE("full tuning of 110 million parameters on two processes gives the original's losses") {
  const test::TemporaryFolder base;
  test::write_reference_model(base.path(), "llama-110m");
  check_on_two_ranks(base.path(), "ddp2_m110_full_sft");
}
