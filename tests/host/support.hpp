#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "support/contains.hpp"
#include "support/places.hpp"
#include "support/process.hpp"

namespace lmf::test {

/// Plugins that were built for the tests.
inline std::filesystem::path built_plugins() { return std::filesystem::path(LMF_BINARY_DIR) / "tests/plugins"; }

inline void write_text(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

/// A library that is whole, as far as anybody sees who does not load it.
inline void write_library(const std::filesystem::path& path) {
  std::filesystem::copy_file(built_plugins() / "bad/liblmf-bad-truncated.so", path);
}

inline std::string file_bytes(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline std::string replaced(std::string text, const std::string& part, const std::string& by) {
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + by.size()))
    text.replace(at, part.size(), by);
  return text;
}

/// A manifest of vendor acme with one command named like the plugin; `more` follows the [plugin] table's own lines.
inline std::string manifest_text(const std::string& name, const std::string& vendor = "acme",
                                 const std::string& command = {}) {
  return "schema = 1\n[plugin]\nname = \"" + name + "\"\nversion = \"1.0.0\"\nvendor = \"" + vendor +
         "\"\nlibrary = \"liblmf-" + name + ".so\"\n[abi]\nmajor = 1\nminor = 0\n[requires]\npackage = \"" + vendor +
         "-" + name + "\"\n[[command]]\nname = \"" + (command.empty() ? name : command) +
         "\"\nsummary = \"A command of " + vendor + "." + name + "\"\n";
}

/// A folder of plugins made for one test case.
class PluginFolder {
 public:
  PluginFolder() { path_ = std::filesystem::canonical(folder_.path()); }
  const std::filesystem::path& path() const { return path_; }
  std::string text() const { return path_.string(); }

  void add_greet() { copy_all(built_plugins() / "greet"); }
  void add_wave() { copy_all(built_plugins() / "wave"); }
  /// The broken plugin "bad-KIND".
  void add_bad(const std::string& kind) {
    add_manifest("bad-" + kind);
    const std::string file = "liblmf-bad-" + kind + ".so";
    std::filesystem::copy_file(built_plugins() / "bad" / file, path_ / file);
  }
  void add_manifest(const std::string& name, const std::string& vendor = "acme", const std::string& command = {}) {
    write_text(path_ / (name + ".lmf-plugin.toml"), manifest_text(name, vendor, command));
  }

  /// lmf with these plugins, and no others but those beside it.
  Finished lmf(std::vector<std::string> words, const Variables& environment = {}) const {
    words.insert(words.begin(), {executable().string(), "--plugin-dir", text()});
    return run_process(words, environment);
  }
  /// Standard error with this folder's path as $DIR.
  std::string errors(const Finished& finished) const { return replaced(finished.err, text(), "$DIR"); }

 private:
  void copy_all(const std::filesystem::path& from) {
    for (const auto& entry : std::filesystem::directory_iterator(from))
      std::filesystem::copy(entry.path(), path_ / entry.path().filename());
  }
  TemporaryFolder folder_;
  std::filesystem::path path_;
};

}  // namespace lmf::test
