#include "host/plugin_new.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string_view>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/files.hpp"
#include "base/printable.hpp"
#include "base/shell_word.hpp"
#include "host/known_commands.hpp"
#include "host/manifest.hpp"
#include "host/output.hpp"

namespace lmf::host {
namespace {

namespace fs = std::filesystem;
using Words = std::map<std::string, std::string>;  // of a template: @name@ and what it stands for

constexpr std::string_view kSuffix = ".in";
constexpr std::uintmax_t kTemplateLimitBytes = 1 << 20;

Error new_usage_error(const std::string& text) { return Error(text, "see 'lmf help plugin'", kExitUsage); }

void check_names(const NewPlugin& plugin) {
  if (plugin.name.empty()) throw new_usage_error("plugin new: expected a name");
  for (const auto& [what, word] : {std::pair("name", plugin.name), std::pair("vendor", plugin.vendor)})
    if (!is_name(word))
      throw new_usage_error(
          fmt::format("plugin new: '{}' cannot be a {}: one has lower-case letters, digits and '-', "
                      "begins with a letter and is at most 32 long",
                      shortened(word), what));
  if (is_host_command(plugin.name) || is_first_party_command(plugin.name))
    throw new_usage_error(fmt::format("plugin new: '{}' is a command of lmf itself", plugin.name));
  if (plugin.vendor == "lmf") throw new_usage_error("plugin new: the vendor 'lmf' is lmf itself; name another");
}

void check_language(const std::string& language) {
  static const std::vector<std::string> known = {"c++", "c", "rust"};
  if (std::find(known.begin(), known.end(), language) == known.end())
    throw new_usage_error(
        fmt::format("plugin new: there is no template for '{}', but for c++, c and rust", shortened(language)));
}

void check_directory(const fs::path& directory) {
  std::error_code failed;
  if (fs::symlink_status(directory, failed).type() != fs::file_type::not_found)
    throw Error(fmt::format("plugin new: {} is there already", directory.string()),
                "name another folder with --directory, or remove it", kExitUsage);
  if (!fs::is_directory(directory.parent_path(), failed))
    throw Error(fmt::format("plugin new: {} is not a folder", directory.parent_path().string()), "make it first",
                kExitUsage);
}

std::string filled(std::string text, const Words& words) {
  for (const auto& [word, value] : words) {
    const std::string mark = "@" + word + "@";
    for (auto at = text.find(mark); at != std::string::npos; at = text.find(mark, at + value.size()))
      text.replace(at, mark.size(), value);
  }
  return text;
}

/// Every file of `from` that ends in .in, filled in, below `to`.
void copy_template(const fs::path& from, const fs::path& to, const Words& words) {
  std::error_code failed;
  for (fs::recursive_directory_iterator entry(from, failed), end; !failed && entry != end; entry.increment(failed)) {
    std::string name = fs::relative(entry->path(), from).string();
    if (!entry->is_regular_file() || !name.ends_with(kSuffix)) continue;
    name.resize(name.size() - kSuffix.size());
    const fs::path target = to / filled(name, words);
    fs::create_directories(target.parent_path());
    write_file_atomically(target, filled(read_file(entry->path(), kTemplateLimitBytes), words));
  }
  if (failed)
    throw Error(fmt::format("plugin new: the templates in {} cannot be read: {}", from.string(), failed.message()),
                "they are in the package 'lmf-sdk-dev'");
}

/// A folder beside the one that is wanted, which takes its name once all is in it; removed if that never happens.
class NewFolder {
 public:
  explicit NewFolder(const fs::path& wanted) : wanted_(wanted) {
    std::string name = wanted.string() + ".new-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw file_error("create", wanted, errno);
    path_ = name;
  }
  ~NewFolder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  NewFolder(const NewFolder&) = delete;
  NewFolder& operator=(const NewFolder&) = delete;
  const fs::path& path() const { return path_; }

  void commit() {
    const mode_t mask = ::umask(0);  // mkdtemp() asked for 0700
    ::umask(mask);
    ::chmod(path_.c_str(), 0777 & ~mask);
    if (::renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, wanted_.c_str(), RENAME_NOREPLACE) != 0 &&
        (errno != EINVAL || ::rename(path_.c_str(), wanted_.c_str()) != 0))  // EINVAL: a file system without it, as NFS
      throw file_error("create", wanted_, errno);
    path_.clear();
  }

 private:
  fs::path wanted_, path_;
};

/// " -DCMAKE_PREFIX_PATH=PREFIX" where CMake does not look by itself for the SDK that lies beside this lmf.
std::string where_the_sdk_is(const fs::path& executable) {
  const fs::path prefix = executable.parent_path().parent_path();
  if (prefix == "/usr" || prefix == "/usr/local") return {};
  std::error_code failed;
  for (const char* library_folder : {"lib/" LMF_ARCHITECTURE, "lib"})
    if (fs::exists(prefix / library_folder / "cmake/lmf-sdk", failed))
      return " -DCMAKE_PREFIX_PATH=" + shell_word(prefix.native());
  return {};
}

}  // namespace

NewPlugin checked_new_plugin(const PluginWords& words) {
  NewPlugin plugin;
  if (!words.names.empty()) plugin.name = words.names[0];
  const auto value = [&](const char* option, const std::string& otherwise) {
    const auto given = words.options.find(option);
    return given == words.options.end() ? otherwise : given->second;
  };
  plugin.vendor = value("--vendor", plugin.vendor);
  plugin.language = value("--language", plugin.language);
  check_names(plugin);
  check_language(plugin.language);
  const std::string directory = value("--directory", plugin.name);
  if (directory.empty()) throw new_usage_error("plugin new: --directory needs a value");
  plugin.directory = fs::absolute(directory).lexically_normal();
  if (!plugin.directory.has_filename()) plugin.directory = plugin.directory.parent_path();  // "x/"
  check_directory(plugin.directory);
  return plugin;
}

void write_project(const NewPlugin& plugin, const fs::path& share_directory) {
  const fs::path templates = share_directory / "template";
  std::error_code failed;
  if (!fs::is_directory(templates / plugin.language, failed))
    throw Error(fmt::format("plugin new: the templates are not installed: there is no {}",
                            (templates / plugin.language).string()),
                "install the package 'lmf-sdk-dev'");
  Words words = {{"name", plugin.name}, {"vendor", plugin.vendor}, {"architecture", LMF_ARCHITECTURE}};
  std::string& identifier = words["identifier"] = plugin.name;
  std::replace(identifier.begin(), identifier.end(), '-', '_');
  NewFolder folder(plugin.directory);
  copy_template(templates / "common", folder.path(), words);
  copy_template(templates / plugin.language, folder.path(), words);
  folder.commit();
}

int new_plugin(const PluginCall& call) {
  const NewPlugin plugin = checked_new_plugin(read_plugin_words(call, kNewPluginOptions, 1));
  write_project(plugin, call.environment.share_directory);
  return print(
      fmt::format("A plugin with the command '{}' is in {}. Build it and run its tests:\n"
                  "  cd {}\n  cmake -B build{} && cmake --build build && ctest --test-dir build\n"
                  "Try it: {} --plugin-dir build/lib/lmf/plugins-1 {} Ada\n",
                  plugin.name, printable_line(plugin.directory.string()), shell_word(plugin.directory.native()),
                  where_the_sdk_is(call.environment.executable), call.environment.program_name, plugin.name));
}

}  // namespace lmf::host
