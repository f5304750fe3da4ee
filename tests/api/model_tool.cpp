// Writes a model's folder for cases.py, with the demo's tokenizer: model_tool FOLDER random|roomy, or model_tool FOLDER
// speaking|endless|thinking WORDS (tests/chat/speaking_model.hpp), or model_tool FOLDER marked WORDS MARK..., where
// each MARK is a token of its own.
#define DOCTEST_CONFIG_IMPLEMENT
#include <cstring>

#include "chat/speaking_model.hpp"
#include "support/det_init.hpp"

namespace {

/// Weights that are functions of their names: its answers are noise, the same on every machine. `roomy`: with rows for
/// tokens that a template adds, and a context for long prompts.
void write_random_model(const std::filesystem::path& folder, bool roomy) {
  std::filesystem::create_directories(folder);
  for (const char* file : {"config.json", "tokenizer.json", "tokenizer_config.json"})
    std::filesystem::copy_file(lmf::test::share() / "models/demo" / file, folder / file);
  if (roomy) {
    auto config = nlohmann::json::parse(std::ifstream(folder / "config.json"));
    config["vocab_size"] = config["vocab_size"].get<int>() + 16;
    config["max_position_embeddings"] = 4096;
    std::ofstream(folder / "config.json") << config;
  }
  auto decoder = lmf::model::Decoder::random(lmf::model::DecoderSpec::read(folder), 0);
  lmf::test::det_init(decoder, 0.2);
  decoder.save(folder);
}

}  // namespace

int main(int argc, char** argv) {
  doctest::Context context;
  context.setAsDefaultForAssertsOutOfTestCases();
  const std::string kind = argc > 2 ? argv[2] : "";
  if (kind == "random" || kind == "roomy")
    write_random_model(argv[1], kind == "roomy");
  else if (argc == 4 && kind == "thinking")
    lmf::test::write_speaking_model(argv[1], argv[3], false, {"<think>", "</think>"});
  else if (argc == 4 && (kind == "speaking" || kind == "endless"))
    lmf::test::write_speaking_model(argv[1], argv[3], kind == "endless");
  else if (argc > 4 && kind == "marked")
    lmf::test::write_speaking_model(argv[1], argv[3], false, {argv + 4, argv + argc});
  else
    return 2;
  return 0;
}
