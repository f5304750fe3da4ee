#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

namespace lmf::host {

/// A wrong TOML file: what() is "FILE:LINE:COLUMN: what is wrong".
class TomlProblem : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Parses `text`; problems name `path`.
toml::table parse_toml(std::string_view text, const std::filesystem::path& path);

/// Typed access to one table of a file, whose problems say file, line, column and the key's full name.
class TomlReader {
 public:
  TomlReader(const toml::table& table, std::string name, const std::filesystem::path& path)
      : table_(&table), name_(std::move(name)), path_(&path) {}

  std::string required_text(std::string_view key) const;
  std::string text(std::string_view key) const;  ///< "" when absent; refuses control characters
  std::optional<std::int64_t> integer(std::string_view key) const;
  std::optional<double> number(std::string_view key) const;
  bool flag(std::string_view key) const;  ///< false when absent
  std::vector<std::string> texts(std::string_view key) const;
  std::optional<TomlReader> table(std::string_view key) const;
  std::vector<TomlReader> tables(std::string_view key) const;  ///< an array of tables; {} when absent

  std::vector<std::string> keys() const;
  /// "FILE:LINE" of a key that is there.
  std::string line_of(std::string_view key) const;
  /// Keys of this table that are not in `known`, as full names.
  std::vector<std::string> unknown_keys(std::initializer_list<std::string_view> known) const;
  [[noreturn]] void fail(std::string_view key, const std::string& problem) const;

 private:
  std::string full_name(std::string_view key) const;
  std::string checked(std::string_view key, const toml::node& node) const;

  const toml::table* table_;
  std::string name_;
  const std::filesystem::path* path_;
};

}  // namespace lmf::host
