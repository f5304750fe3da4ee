#include "host/environment.hpp"

#include <cstdlib>
#include <string_view>
#include <system_error>

#include <sys/auxv.h>

#include "base/host.hpp"
#include "base/paths.hpp"

namespace lmf::host {
namespace {

constexpr const char* kSafeModeVariable = "LMF_SAFE_MODE";

std::optional<std::string> variable(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

bool has_other_rights() { return ::getauxval(AT_SECURE) != 0; }

/// Resolved; empty when it cannot be known.
std::filesystem::path own_executable() {
  std::error_code failed;
  auto path = std::filesystem::canonical("/proc/self/exe", failed);
  const auto* asked = reinterpret_cast<const char*>(::getauxval(AT_EXECFN));
  // Where /proc is not mounted, as in a plain chroot: what the kernel was asked to run, unless whoever asked has other
  // rights than we have.
  if (failed && asked != nullptr && !has_other_rights()) path = std::filesystem::canonical(asked, failed);
  return failed ? std::filesystem::path() : path;
}

std::string called_name(const char* argv0) {
  std::string_view name = argv0 != nullptr ? argv0 : "";
  name.remove_prefix(name.rfind('/') + 1);  // npos + 1 is 0
  return name.empty() ? "lmf" : std::string(name);
}

}  // namespace

Environment read_environment(const char* argv0) {
  Environment environment;
  environment.program_name = called_name(argv0);
  environment.executable = own_executable();
  std::error_code failed;
  const auto beside = environment.executable.parent_path().parent_path() / "share/lmf";
  environment.share_directory = !environment.executable.empty() && std::filesystem::is_directory(beside, failed)
                                    ? beside
                                    : std::filesystem::path(LMF_SYSTEM_SHARE_DIRECTORY);
  environment.plugin_path = variable("LMF_PLUGIN_PATH").value_or("");
  environment.user_data = user_data_directory();
  if (const auto folder = user_config_directory(); !folder.empty()) environment.choices = folder / "plugins.toml";
  environment.program_path = variable("PATH").value_or("");
  if (const char* list = std::getenv("LMF_PLUGIN_ALLOW")) environment.plugin_allow = list;
  for (const char* library_folder : {"/usr/local/lib/" LMF_ARCHITECTURE, "/usr/local/lib"})
    environment.local_folders.push_back(std::filesystem::path(library_folder) / "lmf" / kPluginFolderName);
  environment.system_folder = LMF_SYSTEM_PLUGIN_DIRECTORY;
  environment.verbosity = variable("LLAMAFACTORY_VERBOSITY");
  environment.pin = variable(kPinVariable);
  ::unsetenv(kPinVariable);
  environment.columns = variable("COLUMNS").value_or("");
  environment.allows_colour = !variable("NO_COLOR") && variable("TERM").value_or("dumb") != "dumb";
  if (variable("WORLD_SIZE").value_or("1") != "1") environment.rank = variable("RANK").value_or("");
  if (has_other_rights() || variable(kSafeModeVariable).value_or("0") != "0") enter_safe_mode(environment);
  return environment;
}

void enter_safe_mode(Environment& environment) {
  environment.safe_mode = true;
  environment.plugin_path.clear();
  environment.user_data.clear();
  environment.choices.clear();
  ::setenv(kSafeModeVariable, "1", /*overwrite=*/1);
}

}  // namespace lmf::host
