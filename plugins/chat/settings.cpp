#include "settings.hpp"

#include <random>

#include "lmf/error.hpp"

namespace lmf::chat {
namespace {

std::uint64_t random_seed() {
  std::random_device device;
  return static_cast<std::uint64_t>(device()) << 32 | device();
}

}  // namespace

Settings read_settings(const config::Options& options) {
  Settings settings;
  static_cast<infer::AnswerOptions&>(settings) = infer::read_answer_options(options);
  settings.system = infer::text_or_empty(options, "default_system");
  settings.sampling.seed = options.given("seed") ? static_cast<std::uint64_t>(options.integer("seed")) : random_seed();
  return settings;
}

Arguments split_prompts(std::span<const char* const> arguments) {
  Arguments result;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view word = arguments[i];
    const auto equals = word.find('=');
    const auto name = word.substr(0, equals);
    if (name != "--prompt" && !(name == "prompt" && equals != word.npos)) {
      result.options.push_back(arguments[i]);
    } else if (equals != word.npos) {
      result.prompts.emplace_back(word.substr(equals + 1));
    } else if (i + 1 < arguments.size()) {
      result.prompts.emplace_back(arguments[++i]);
    } else {
      throw Error("--prompt has no text after it", "write --prompt \"What is the capital of France?\"", kExitUsage);
    }
  }
  return result;
}

}  // namespace lmf::chat
