#include "base/files.hpp"
#include "config/readers.hpp"
#include "lmf/error.hpp"

namespace lmf::config {

bool is_configuration_file(std::string_view word) {
  for (const std::string_view extension : {".yaml", ".yml", ".json", ".toml"}) {
    if (word.ends_with(extension)) return true;
  }
  return false;
}

std::vector<Entry> read_file_entries(const std::filesystem::path& path) {
  const std::string file = path.string();
  std::string text;
  try {
    text = read_file(path, kMaximumFileBytes);
  } catch (const Error& failure) {
    throw Error(failure.what(), failure.hint(), kExitUsage);
  }
  if (file.ends_with(".json")) return read_json(text, file);
  if (file.ends_with(".toml")) return read_toml(text, file);
  return read_yaml(text, file);
}

}  // namespace lmf::config
