#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace lmf::train {

/// Throws Error(kExitUsage): "environment: " and what contradicts what.
[[noreturn]] void wrong_environment(const std::string& what, const std::string& hint);

/// The environment as a value: what is decided from it can be decided in tests. An empty variable counts as unset, as
/// job scripts leave them behind.
class Environment {
 public:
  Environment() = default;
  explicit Environment(std::map<std::string, std::string, std::less<>> values) : values_(std::move(values)) {}
  static Environment of_process();

  bool has(std::string_view name) const { return !text(name).empty(); }
  std::string text(std::string_view name, std::string_view otherwise = "") const;
  template <class Value>
  void set(const std::string& name, const Value& value) {
    values_.insert_or_assign(name, fmt::format("{}", value));
  }
  /// Not when it is there, empty or not.
  template <class Value>
  void set_default(const std::string& name, const Value& value) {
    values_.emplace(name, fmt::format("{}", value));
  }
  /// "NAME=value" each: for exec.
  std::vector<std::string> entries() const;
  /// LLaMA-Factory's rule: true, y and 1, in any case; yes and on are false.
  bool truth(std::string_view name, bool otherwise = false) const;
  /// None when unset. Throws Error(kExitUsage) naming the variable for anything but a number in the range.
  std::optional<int> number(std::string_view name, int least, int most) const;
  /// "NAME=value", for messages.
  std::string shown(std::string_view name) const;

 private:
  std::map<std::string, std::string, std::less<>> values_;
};

}  // namespace lmf::train
