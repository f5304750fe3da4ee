#include <cctype>
#include <cstdlib>

#include <algorithm>

#include <fmt/format.h>

#include "base/files.hpp"
#include "base/json.hpp"
#include "base/paths.hpp"
#include "lmf/error.hpp"
#include "model/decoder_spec.hpp"

namespace lmf::model {
namespace {

namespace fs = std::filesystem;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

fs::path expand_home(const std::string& path) {
  if (path == "~" || path.starts_with("~/"))
    return home_directory() / path.substr(std::min<std::size_t>(2, path.size()));
  return path;
}

/// Where huggingface_hub keeps what it downloaded, by its own rules.
fs::path hub_cache() {
  for (const char* name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"})
    if (const auto value = environment(name); !value.empty()) return expand_home(value);
  if (const auto value = environment("HF_HOME"); !value.empty()) return expand_home(value) / "hub";
  if (const auto value = environment("XDG_CACHE_HOME"); !value.empty()) return expand_home(value) / "huggingface/hub";
  return expand_home("~/.cache/huggingface/hub");
}

/// "organisation/name" or "name", as the hub allows them; nothing that could leave the cache's folder.
bool is_hub_name(const std::string& name) {
  const auto allowed = [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_' || c == '.' || c == '/'; };
  return !name.empty() && std::all_of(name.begin(), name.end(), allowed) &&
         std::count(name.begin(), name.end(), '/') <= 1 && name.front() != '/' && name.back() != '/' &&
         name.front() != '.' && name.find("..") == std::string::npos;
}

bool is_commit(const std::string& text) {
  return text.size() == 40 && std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isxdigit(c); });
}

/// The commit that a branch or tag stood at when it was downloaded; "" when it never was.
std::string commit_of(const fs::path& repository, const std::string& revision) {
  if (is_commit(revision)) return revision;
  const fs::path reference = repository / "refs" / revision;
  std::error_code ignored;
  if (revision.find("..") != std::string::npos || revision.starts_with('/') || !fs::is_regular_file(reference, ignored))
    return "";
  std::string commit = read_file(reference, 1000);
  while (!commit.empty() && std::isspace(static_cast<unsigned char>(commit.back()))) commit.pop_back();
  return is_commit(commit) ? commit : "";
}

/// An adapter's folder is easily taken for a model's: says which model it belongs to.
void refuse_adapter(const fs::path& folder) {
  const fs::path file = folder / "adapter_config.json";
  if (!fs::is_regular_file(file) || fs::exists(folder / "config.json")) return;
  constexpr std::size_t kMostBytes = 16 << 20;
  const auto config = parse_json(read_file(file, kMostBytes), file.string());
  const auto base = config.is_object() ? config.find("base_model_name_or_path") : config.end();
  const std::string name = base != config.end() && base->is_string() ? base->get<std::string>() : "";
  throw Error(fmt::format("{} is an adapter, not a model{}", folder.string(),
                          name.empty() ? "" : fmt::format("; it was made for '{}'", name)),
              fmt::format("set model_name_or_path: {} and adapter_name_or_path: {}",
                          name.empty() ? "the model it was made for" : name, folder.string()),
              kExitUsage);
}

/// What is looked for: a model or an adapter.
struct Wanted {
  const char *what, *article, *file;  ///< `file`: that each one has
};
constexpr Wanted kModel{"model", "a", "config.json"}, kAdapter{"adapter", "an", "adapter_config.json"};

/// The folder that `name` is, or else its snapshot in the cache.
fs::path find(const Wanted& wanted, const std::string& name, const std::string& revision,
              const std::string& cache_directory) {
  const fs::path folder = expand_home(name);
  std::error_code ignored;  // what cannot be looked at is not there
  if (fs::is_directory(folder, ignored)) return folder;
  if (fs::exists(folder, ignored))
    throw Error(fmt::format("{} is a file; {} {} is a folder with {} and weights", name, wanted.article, wanted.what,
                            wanted.file),
                {}, kExitUsage);
  if (!is_hub_name(name))
    throw Error(fmt::format("there is no folder {}", name),
                fmt::format("give the folder of {} {}, or a name like organisation/name", wanted.article, wanted.what),
                kExitUsage);

  std::string entry = "models--" + name;
  if (const auto slash = entry.find('/'); slash != std::string::npos) entry.replace(slash, 1, "--");
  const fs::path repository = (cache_directory.empty() ? hub_cache() : expand_home(cache_directory)) / entry;
  const std::string commit = commit_of(repository, revision);
  const fs::path snapshot = repository / "snapshots" / commit;
  if (!commit.empty() && fs::is_regular_file(snapshot / wanted.file, ignored)) return snapshot;
  throw Error(
      fmt::format("there is no folder {0} here, and revision '{1}' of {2} {3} of that name is not in the Hugging Face "
                  "cache ({4})",
                  name, revision, wanted.article, wanted.what, repository.string()),
      fmt::format("download it once with `hf download {0} --revision {1}` (HF_HOME, HF_HUB_CACHE or --cache-dir say "
                  "where it goes), or give the path of {2} {3}'s folder",
                  name, revision, wanted.article, wanted.what),
      kExitUsage);
}

}  // namespace

fs::path resolve_model(const std::string& name, const std::string& revision, const std::string& cache_directory) {
  if (name.empty())
    throw Error("no model is named", "give a folder or a name like Qwen/Qwen2.5-0.5B-Instruct", kExitUsage);
  const fs::path folder = find(kModel, name, revision, cache_directory);
  refuse_adapter(folder);
  return folder;
}

std::vector<std::string> adapter_names(const std::vector<std::string>& parts) {
  const auto is_folder = [](const std::string& name) {
    std::error_code ignored;
    return fs::is_directory(expand_home(name), ignored);
  };
  std::vector<std::string> names;
  for (std::size_t begin = 0, end = 0; begin < parts.size(); begin = end) {
    names.push_back(parts[begin]);
    end = begin + 1;
    std::string longer = parts[begin];
    for (std::size_t i = end; i < parts.size() && !is_folder(longer); ++i) {
      longer += "," + parts[i];
      if (!is_folder(longer)) continue;
      names.back() = longer;
      end = i + 1;
    }
  }
  return names;
}

fs::path resolve_adapter(const std::string& name, const std::string& revision, const std::string& cache_directory) {
  return find(kAdapter, name, revision, cache_directory);
}

}  // namespace lmf::model
