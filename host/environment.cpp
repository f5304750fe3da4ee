#include "host/environment.hpp"

#include <cstdlib>
#include <string_view>
#include <system_error>

#include <sys/auxv.h>

#include "base/host.hpp"
#include "base/paths.hpp"

namespace lmf::host {
namespace {

std::optional<std::string> variable(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
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
  environment.secure_execution = ::getauxval(AT_SECURE) != 0;
  std::error_code failed;
  environment.executable = std::filesystem::canonical("/proc/self/exe", failed);
  const auto beside = environment.executable.parent_path().parent_path() / "share/lmf";
  environment.share_directory = !failed && std::filesystem::is_directory(beside, failed)
                                    ? beside
                                    : std::filesystem::path(LMF_SYSTEM_SHARE_DIRECTORY);
  if (!environment.secure_execution) {
    environment.plugin_path = variable("LMF_PLUGIN_PATH").value_or("");
    environment.user_data = user_data_directory();
  }
  environment.verbosity = variable("LLAMAFACTORY_VERBOSITY");
  environment.pin = variable(kPinVariable);
  ::unsetenv(kPinVariable);
  if (variable("WORLD_SIZE").value_or("1") != "1") environment.rank = variable("RANK").value_or("");
  return environment;
}

}  // namespace lmf::host
