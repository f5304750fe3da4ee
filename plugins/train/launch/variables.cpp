#include "train/launch/variables.hpp"

#include <unistd.h>

#include <fmt/format.h>

#include "config/scalar.hpp"
#include "lmf/error.hpp"
#include "train/launch/agent/words.hpp"

namespace lmf::train {

void wrong_environment(const std::string& what, const std::string& hint) {
  throw Error("environment: " + what, hint, kExitUsage);
}

Environment Environment::of_process() {
  Environment result;
  for (char** entry = ::environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::size_t equals = text.find('=');
    if (equals != std::string_view::npos) result.values_.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return result;
}

std::string Environment::text(std::string_view name, std::string_view otherwise) const {
  const auto found = values_.find(name);
  return std::string(found == values_.end() || found->second.empty() ? otherwise : std::string_view(found->second));
}

bool Environment::truth(std::string_view name, bool otherwise) const {
  return has(name) ? config::is_true_word(text(name)) : otherwise;
}

std::optional<int> Environment::number(std::string_view name, int least, int most) const {
  if (!has(name)) return std::nullopt;
  int value = 0;
  if (!launch::parse_whole(std::string_view(text(name)), value) || value < least || value > most)
    throw WrongVariable(
        fmt::format("{} is '{}', expected a whole number from {} to {}", source(name), text(name), least, most), "",
        std::string(name));
  return value;
}

std::vector<std::string> Environment::entries() const {
  std::vector<std::string> entries;
  for (const auto& [name, value] : values_) entries.push_back(name + "=" + value);
  return entries;
}

std::string Environment::source(std::string_view name) const {
  const auto found = sources_.find(name);
  return std::string(found == sources_.end() ? name : std::string_view(found->second));
}

std::string Environment::shown(std::string_view name) const {
  return fmt::format("{}={}", source(name), text(source(name)));
}

}  // namespace lmf::train
