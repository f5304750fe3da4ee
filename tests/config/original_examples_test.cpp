// The original's own example configurations, as its users have them: each passes, or is refused by name with a reason;
// no key is called unknown.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "lmf/error.hpp"
#include "support.hpp"

using namespace lmf;
namespace fs = std::filesystem;

namespace {

fs::path examples() { return *test::shared_directory() / "examples"; }

std::vector<fs::path> configurations() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(examples())) {
    const std::string extension = entry.path().extension().string();
    // tokens_cfg.yaml is a list of tokens that a configuration names.
    if ((extension == ".yaml" || extension == ".json") && entry.path().filename() != "tokens_cfg.yaml")
      files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

/// The command that the example is for, by its folder.
std::string command_of(const fs::path& file) {
  const std::string folder = fs::relative(file, examples()).begin()->string();
  return folder == "inference" ? "chat" : folder == "merge_lora" ? "export" : "train";
}

/// Files of accelerate, of DeepSpeed and of the original's interface v1.
bool is_foreign(const fs::path& file) {
  const std::string place = fs::relative(file, examples()).string();
  return place.starts_with("v1/") || place.starts_with("deepspeed/") || place.find("accelerate/") != std::string::npos;
}

/// The option that each problem names, "config.yaml:14: bf16 'true' is refused".
std::set<std::string> refused(const config::ReadResult& result) {
  std::set<std::string> names;
  for (const config::Problem& problem : result.problems) {
    const std::size_t begin = problem.text.find(": ") + 2;
    names.insert(problem.text.substr(begin, problem.text.find(' ', begin) - begin));
  }
  return names;
}

using Names = std::set<std::string>;

}  // namespace

TEST_CASE("the reference runs' configurations pass unchanged") {
  for (const char* name : {"parity_cli_full", "parity_cli_lora", "tiny_lora_sft", "m110_full_sft", "m110_lora_sft"}) {
    CAPTURE(name);
    const auto result = test::read({(*test::shared_directory() / "parity" / (std::string(name) + ".yaml")).string()});
    CHECK(test::problems_of(result) == "");
    CHECK(test::notes_of(result) == "");
  }
}

TEST_CASE("every example passes, or each problem is an option that is refused at its line with a reason") {
  int passed = 0, refused = 0;
  for (const fs::path& file : configurations()) {
    if (is_foreign(file)) continue;
    CAPTURE(file.string());
    const auto result = test::read({file.string()}, command_of(file));
    for (const config::Problem& problem : result.problems) {
      CAPTURE(problem.text);
      const std::size_t reason = problem.text.find(" is refused: ");
      CHECK(problem.text.starts_with(file.string() + ":"));
      CHECK(reason != std::string::npos);
      CHECK(problem.text.size() > reason + 30);
    }
    ++(result.problems.empty() ? passed : refused);
  }
  MESSAGE(passed, " examples pass, ", refused, " are refused");
  CHECK(passed >= 9);
  CHECK(passed + refused > 55);
}

TEST_CASE("configurations of other programs, and of the interface v1, are told as what they are") {
  int files = 0;
  for (const fs::path& file : configurations()) {
    if (!is_foreign(file)) continue;
    CAPTURE(file.string());
    CHECK_THROWS_WITH_AS(test::read({file.string()}), doctest::Contains("makes this a configuration"), Error);
    CHECK_THROWS_WITH_AS(test::read({file.string()}), doctest::Contains((file.string() + ":").c_str()), Error);
    ++files;
  }
  CHECK(files > 30);
}

TEST_CASE("each example is refused exactly for what this version does not do") {
  const auto refused_in = [](const char* file) { return refused(test::read({(examples() / file).string()})); };
  CHECK(refused_in("train_lora/qwen3_lora_sft.yaml") == Names{"bf16"});
  CHECK(refused_in("train_lora/qwen3_lora_sft_ds3.yaml") == Names{"bf16"});
  CHECK(refused_in("train_lora/qwen3_lora_dpo.yaml") == Names{"bf16", "stage"});
  CHECK(refused_in("train_lora/qwen3_lora_pretrain.yaml") == Names{"bf16", "stage"});
  CHECK(refused_in("train_lora/qwen3_preprocess.yaml") == Names{"tokenized_path"});
  CHECK(refused_in("train_full/qwen3_full_sft.yaml") == Names{"bf16"});
  CHECK(refused_in("train_qlora/qwen3_lora_sft_otfq.yaml") == Names{"bf16", "quantization_bit"});
  CHECK(refused_in("extras/loraplus/llama3_lora_sft.yaml") == Names{"bf16", "loraplus_lr_ratio"});
  CHECK(refused_in("extras/galore/llama3_full_sft.yaml") == Names{"use_galore", "pure_bf16"});
  CHECK(refused_in("extras/badam/llama3_full_sft.yaml") == Names{"use_badam"});
  CHECK(refused_in("extras/llama_pro/llama3_freeze_sft.yaml") == Names{"bf16", "use_llama_pro"});
}

TEST_CASE("bf16=false on the command line is all that a plain LoRA example needs") {
  const auto result = test::read({(examples() / "train_lora/qwen3_lora_sft.yaml").string(), "bf16=false"});
  CHECK(test::problems_of(result) == "");
}

TEST_CASE("chat takes the inference examples and the training ones") {
  for (const fs::path& file : configurations())
    if (command_of(file) == "chat") CHECK(test::problems_of(test::read({file.string()}, "chat")) == "");
  const auto result = test::read({(examples() / "train_lora/qwen3_lora_sft.yaml").string()}, "chat");
  CHECK(test::problems_of(result) == "");
}
