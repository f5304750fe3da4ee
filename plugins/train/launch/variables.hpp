#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "lmf/error.hpp"

namespace lmf::train {

/// A variable is no value of its kind, or says something else than the launcher that started this process as one of
/// several tasks.
struct WrongVariable : Error {
  WrongVariable(const std::string& what, const std::string& hint, std::string of)
      : Error("environment: " + what, hint, kExitUsage), variable(std::move(of)) {}
  std::string variable;
};

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
  /// `name` has the value that `source` stands for: that one is named in messages.
  void take(const std::string& name, const std::string& value, const std::string& source) {
    set(name, value);
    sources_.insert_or_assign(name, source);
  }
  void unset(const std::string& name) { values_.erase(name); }
  /// "NAME=value" each: for exec.
  std::vector<std::string> entries() const;
  /// LLaMA-Factory's rule: true, y and 1, in any case; yes and on are false.
  bool truth(std::string_view name, bool otherwise = false) const;
  /// None when unset. Throws WrongVariable for anything but a number in the range.
  std::optional<int> number(std::string_view name, int least, int most) const;
  /// What the user has set, for messages: "NAME=value", and the name alone.
  std::string shown(std::string_view name) const;
  std::string source(std::string_view name) const;

 private:
  std::map<std::string, std::string, std::less<>> values_, sources_;
};

}  // namespace lmf::train
