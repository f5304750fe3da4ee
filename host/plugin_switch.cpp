#include "host/plugin_switch.hpp"

#include <algorithm>
#include <system_error>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/files.hpp"
#include "host/choices_edit.hpp"
#include "host/output.hpp"
#include "host/plugin_lookup.hpp"
#include "host/text_layout.hpp"
#include "lmf/error.hpp"

namespace lmf::host {
namespace {

namespace fs = std::filesystem;

/// The folder of plugins.toml, made when it is not there, and one process's alone: nobody's change is lost.
class LockedFolder {
 public:
  explicit LockedFolder(const fs::path& folder) {
    std::error_code failed;
    fs::create_directories(folder, failed);
    if (failed) throw file_error("create", folder, failed.value());
    descriptor_ = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor_ < 0) throw file_error("open", folder, errno);
    while (::flock(descriptor_, LOCK_EX) != 0 && errno == EINTR) {  // where there are no locks, nobody has one
    }
  }
  ~LockedFolder() { ::close(descriptor_); }
  LockedFolder(const LockedFolder&) = delete;
  LockedFolder& operator=(const LockedFolder&) = delete;

 private:
  int descriptor_ = -1;
};

/// Through a link to the file that it means, and never writable by others: read_plugin_choices() would refuse it.
void write(const fs::path& file, const std::string& text) {
  std::error_code failed;
  const fs::path target = fs::is_symlink(file, failed) ? fs::canonical(file) : file;
  write_file_atomically(target, text);
  fs::permissions(target, fs::perms::group_write | fs::perms::others_write, fs::perm_options::remove, failed);
}

std::vector<std::string> sorted(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  return names;
}

/// Replaces the file by what `edit` makes of its text, when that says just what it should.
void change(const fs::path& file, const std::vector<std::string>& disabled, const auto& edit) {
  const PluginChoices before = read_plugin_choices(file);
  const std::string text = before.problem.empty() ? edit(before.text.value_or("")) : "";
  const PluginChoices after = parse_plugin_choices(text, file);
  const bool kept = std::equal(before.overrides.begin(), before.overrides.end(), after.overrides.begin(),
                               after.overrides.end(), [](const auto& one, const auto& other) {
                                 return one.first == other.first && one.second.plugin == other.second.plugin;
                               });
  if (!before.problem.empty() || !after.problem.empty() || !kept || sorted(after.disabled) != sorted(disabled))
    throw Error(fmt::format("{} is not written in a way that lmf can change by itself", file.string()),
                fmt::format("write there: [disable] plugins = [\"{}\"]", fmt::join(disabled, "\", \"")));
  write(file, text);
  if (const std::string problem = read_plugin_choices(file).problem; !problem.empty())  // whose folder is it?
    throw Error(problem, "it is written, and counts when that is mended", kExitFailed);
}

/// The file to write; throws Error when there is none, or one in which nothing counts.
const fs::path& file_of(const PluginCall& call) {
  if (call.environment.safe_mode) throw Error("plugins.toml does not count in safe mode", "", kExitUsage);
  const PluginChoices& choices = call.catalogue.choices();
  if (choices.file.empty())
    throw Error("there is no place for plugins.toml: neither XDG_CONFIG_HOME nor HOME is set", "", kExitFailed);
  if (!choices.problem.empty()) throw Error(choices.problem, "mend it first", kExitFailed);
  return choices.file;
}

std::string name_of(const PluginCall& call) {
  const PluginWords words = read_plugin_words(call, {}, 1);
  if (words.names.empty())
    throw Error(fmt::format("plugin {}: expected the name of a plugin", call.name), "'lmf plugin list' lists them",
                kExitUsage);
  return words.names[0];
}

bool is_entry_for(const std::string& entry, const std::string& plugin) {
  return entry == plugin || plugin.ends_with("." + entry);
}

}  // namespace

int disable_plugin(const PluginCall& call) {
  const std::string plugin = plugin_named(call.catalogue, name_of(call)).display_name();
  const fs::path& file = file_of(call);
  const LockedFolder locked(file.parent_path());
  std::vector<std::string> disabled = read_plugin_choices(file).disabled;
  if (std::any_of(disabled.begin(), disabled.end(), [&](const auto& entry) { return is_entry_for(entry, plugin); }))
    return print(
        as_line(fmt::format("{} is switched off already by {}", plugin, call.catalogue.choices().disabled_line)));
  disabled.push_back(plugin);
  change(file, disabled, [&](const std::string& text) { return with_disabled(text, plugin); });
  return print(as_line(fmt::format("{} is switched off in {}", plugin, file.string())));
}

int enable_plugin(const PluginCall& call) {
  const std::string name = name_of(call);
  const fs::path& file = file_of(call);
  const std::vector<std::string>& known = call.catalogue.choices().disabled;
  const bool is_entry = std::find(known.begin(), known.end(), name) != known.end();  // perhaps of one that is gone
  const Plugin* found = call.catalogue.find_plugin(name);
  if (!is_entry && found == nullptr && call.catalogue.find(name) == nullptr)
    no_such_plugin(call.catalogue, name, known);
  const std::string plugin = is_entry ? name : plugin_named(call.catalogue, name).display_name();

  const LockedFolder locked(file.parent_path());
  std::vector<std::string> disabled = read_plugin_choices(file).disabled, entries;
  for (const std::string& entry : disabled)
    if (is_entry_for(entry, plugin) || entry == name) entries.push_back(entry);
  if (entries.empty()) return print(as_line(fmt::format("{} is not switched off", plugin)));
  for (const std::string& entry : entries) disabled.erase(std::find(disabled.begin(), disabled.end(), entry));
  change(file, disabled, [&](std::string text) {
    for (const std::string& entry : entries) text = without_disabled(text, entry);
    return text;
  });
  return print(as_line(fmt::format("{} is switched on in {}", plugin, file.string())));
}

}  // namespace lmf::host
