#include "host/discovery.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include <sys/stat.h>

#include <fmt/format.h>

#include "base/split.hpp"
#include "host/file_names.hpp"
#include "host/manifest.hpp"
#include "lmf/error.hpp"

namespace lmf::host {
namespace {

constexpr std::size_t kMostManifests = 512;

class FolderList {
 public:
  /// Adds `path` when it is a folder; otherwise returns errno, which is ENOTDIR of a file.
  int add(const std::filesystem::path& path, Place place, std::optional<uid_t> further_owner = std::nullopt) {
    struct stat status;
    if (::stat(path.c_str(), &status) != 0) return errno;
    if (!S_ISDIR(status.st_mode)) return ENOTDIR;
    const auto id = std::pair(status.st_dev, status.st_ino);
    if (const auto known = std::find(ids_.begin(), ids_.end(), id); known != ids_.end()) {
      SearchFolder& first = folders_[static_cast<std::size_t>(known - ids_.begin())];
      if (first.place == Place::given || first.place == Place::environment) first.place = place;
      if (further_owner) first.further_owner = further_owner;
      return 0;
    }
    std::error_code failed;
    const auto resolved = std::filesystem::canonical(path, failed);
    if (failed) return failed.value();
    ids_.push_back(id);
    folders_.push_back({resolved, place, further_owner});
    return 0;
  }
  std::vector<SearchFolder> take() { return std::move(folders_); }

 private:
  std::vector<SearchFolder> folders_;
  std::vector<std::pair<dev_t, ino_t>> ids_;
};

void add_given(FolderList& list, std::span<const std::string> given) {
  for (const std::string& folder : given) {
    if (folder.empty()) throw Error("--plugin-dir needs the name of a folder", "", kExitUsage);
    std::error_code failed;
    if (const int error_number = list.add(std::filesystem::absolute(folder, failed), Place::given))
      throw Error(fmt::format("--plugin-dir '{}' is no folder to look in: {}", folder, std::strerror(error_number)), "",
                  kExitUsage);
  }
}

void add_environment(FolderList& list, const std::string& value, std::vector<std::string>& notices) {
  if (value.empty()) return;
  for (const std::string& entry : split(value, ':')) {
    if (!entry.starts_with('/'))
      notices.push_back(fmt::format("LMF_PLUGIN_PATH: '{}' is not an absolute path and is skipped", entry));
    else if (const int error_number = list.add(entry, Place::environment))
      notices.push_back(fmt::format("LMF_PLUGIN_PATH: '{}' is skipped: {}", entry, std::strerror(error_number)));
  }
}

void add_beside(FolderList& list, const std::filesystem::path& executable) {
  struct stat status;
  if (executable.empty() || ::stat(executable.c_str(), &status) != 0) return;
  const std::filesystem::path beside = executable.parent_path().parent_path() / "lib";
  list.add(beside / LMF_ARCHITECTURE / "lmf" / kPluginFolderName, Place::beside, status.st_uid);
  list.add(beside / "lmf" / kPluginFolderName, Place::beside, status.st_uid);
}

}  // namespace

std::string_view description(Place place) {
  switch (place) {
    case Place::given:
      return "--plugin-dir";
    case Place::environment:
      return "LMF_PLUGIN_PATH";
    case Place::beside:
      return "beside the executable";
    case Place::user:
      return "the user's own";
    case Place::local:
      return "/usr/local";
    case Place::system:
      return "the system's";
  }
  return "";
}

std::vector<SearchFolder> search_folders(const Environment& environment, std::span<const std::string> given,
                                         std::vector<std::string>& notices) {
  FolderList list;
  if (!environment.safe_mode)
    add_given(list, given);
  else if (!given.empty())
    notices.emplace_back("--plugin-dir is not looked at in safe mode");
  add_environment(list, environment.plugin_path, notices);
  add_beside(list, environment.executable);
  if (!environment.user_data.empty())
    list.add(environment.user_data / kPluginFolderName / LMF_ARCHITECTURE, Place::user);
  for (const auto& folder : environment.local_folders) list.add(folder, Place::local);
  list.add(environment.system_folder, Place::system);
  return list.take();
}

std::vector<std::string> manifests_in(const SearchFolder& folder, std::vector<std::string>& notices) {
  int error_number = 0;
  std::vector<std::string> found = file_names(folder.path, "", kManifestSuffix, error_number);
  if (error_number != 0)
    notices.push_back(fmt::format("cannot list {}: {}", folder.path.string(), std::strerror(error_number)));
  std::erase_if(found, [](const std::string& name) { return name[0] == '.'; });
  std::sort(found.begin(), found.end());
  if (found.size() > kMostManifests) {
    notices.push_back(fmt::format("{} has {} plugins; only the first {} by name are read", folder.path.string(),
                                  found.size(), kMostManifests));
    found.resize(kMostManifests);
  }
  return found;
}

}  // namespace lmf::host
