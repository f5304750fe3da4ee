#include "settings.hpp"

#include <algorithm>
#include <random>

#include <fmt/ranges.h>

#include "lmf/error.hpp"

namespace lmf::chat {
namespace {

constexpr std::string_view kChangeable[] = {"do_sample",          "temperature",    "top_k",      "top_p",
                                            "repetition_penalty", "max_new_tokens", "max_length", "seed",
                                            "skip_special_tokens"};

std::uint64_t random_seed() {
  std::random_device device;
  return static_cast<std::uint64_t>(device()) << 32 | device();
}

}  // namespace

Settings read_settings(const config::Options& options) {
  Settings settings;
  static_cast<infer::AnswerOptions&>(settings) = infer::read_answer_options(options);
  settings.system = options.text("default_system");
  settings.sampling.seed = options.given("seed") ? static_cast<std::uint64_t>(options.integer("seed")) : random_seed();
  return settings;
}

ChangeableSettings::ChangeableSettings(const config::OptionTable& table, config::Options options)
    : table_(table), options_(std::move(options)), settings_(read_settings(options_)) {
  settings_.sampling.check();
}

void ChangeableSettings::change(const std::string& assignment) {
  const auto equals = assignment.find('=');
  const auto* option = table_.find(assignment.substr(0, equals));
  const bool known = option && std::ranges::find(kChangeable, option->name) != std::end(kChangeable);
  if (equals == assignment.npos || !known)
    throw Error(fmt::format("{} cannot be changed here", equals == assignment.npos
                                                             ? fmt::format("'{}' has no '=', so it", assignment)
                                                             : assignment.substr(0, equals)),
                fmt::format("/set NAME=VALUE takes {}", fmt::join(kChangeable, ", ")), kExitUsage);
  const char* word = assignment.c_str();
  const auto read = config::read_options(table_, {&word, 1});
  config::throw_problems(read.problems);
  config::Options changed = options_;
  changed.values[option->name] = read.options.values.at(option->name);
  Settings settings = read_settings(changed);
  settings.system = settings_.system;
  if (!changed.given("seed")) settings.sampling.seed = settings_.sampling.seed;
  settings.sampling.check();
  options_ = std::move(changed);
  settings_ = std::move(settings);
}

void ChangeableSettings::change_system(const std::string& text) { settings_.system = text; }

std::vector<std::pair<std::string, std::string>> ChangeableSettings::changeable() const {
  const auto& s = settings_;
  return {{"do_sample", s.sampling.do_sample ? "true" : "false"},
          {"temperature", fmt::format("{}", s.sampling.temperature)},
          {"top_k", fmt::format("{}", s.sampling.top_k)},
          {"top_p", fmt::format("{}", s.sampling.top_p)},
          {"repetition_penalty", fmt::format("{}", s.sampling.repetition_penalty)},
          {"seed", fmt::format("{}", s.sampling.seed)},
          {"max_new_tokens", fmt::format("{}", s.max_new_tokens)},
          {"max_length", fmt::format("{}", s.max_length)},
          {"skip_special_tokens", s.skip_special_tokens ? "true" : "false"}};
}

Arguments split_arguments(std::span<const char* const> arguments) {
  Arguments result;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view word = arguments[i];
    const auto equals = word.find('=');
    const auto name = word.substr(0, equals);
    const auto text = [&](const char* example) -> std::string {
      if (equals != word.npos) return std::string(word.substr(equals + 1));
      if (i + 1 < arguments.size()) return arguments[++i];
      throw Error(fmt::format("{} has no text after it", name), fmt::format("write {} {}", name, example), kExitUsage);
    };
    if (name == "--prompt" || (name == "prompt" && equals != word.npos))
      result.prompts.push_back(text("\"What is the capital of France?\""));
    else if (name == "--system")
      result.system = text("\"You answer in one sentence.\"");
    else if (word == "--json")
      result.json = true;
    else if (word == "--no-history")
      result.history = false;
    else if (word == "--no-wrap")
      result.wrap = false;
    else
      result.options.push_back(arguments[i]);
  }
  return result;
}

}  // namespace lmf::chat
