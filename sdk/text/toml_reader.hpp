#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <toml++/toml.h>

namespace lmf::text {

/// A TOML file's table read strictly: what is not understood is an Error with file:line, never skipped.
class TomlReader {
 public:
  /// `kind`: what the file describes, for messages ("a template").
  TomlReader(const std::filesystem::path& file, const toml::table& table, std::string kind)
      : file_(file), table_(table), kind_(std::move(kind)) {}

 protected:
  [[noreturn]] void fail(const toml::node& node, const std::string& what, const std::string& hint = {}) const;
  const std::filesystem::path& file() const { return file_; }
  const toml::table& table() const { return table_; }

  /// The node of a key, remembered as known; nullptr when absent.
  const toml::node* take(const char* key);
  std::string text_of(const toml::node& node, const char* key) const;
  std::string text(const char* key, const std::string& otherwise = {});
  bool flag(const char* key);
  std::int64_t integer(const char* key, std::int64_t otherwise, std::int64_t least, std::int64_t most);
  const toml::array* list(const char* key);
  std::vector<std::string> texts(const char* key);
  /// To be called when all keys were taken.
  void refuse_unknown_keys() const;
  /// The names within {{…}}; of those that are none of `allowed` an Error.
  std::vector<std::string> placeholders(const toml::node& node, const std::string& text, const char* key,
                                        const std::vector<std::string>& allowed) const;

 private:
  const std::filesystem::path& file_;
  const toml::table& table_;
  const std::string kind_;
  std::vector<std::string> known_;
};

/// The file as TOML. Throws Error with file:line.
toml::table read_toml(const std::filesystem::path& file);
/// Sorted names of the folder's *.toml files.
std::vector<std::string> toml_names(const std::filesystem::path& folder);

}  // namespace lmf::text
