#include "host/run_command.hpp"

#include <cstdio>
#include <vector>

#include <fmt/format.h>

#include "base/host.hpp"
#include "base/library_file.hpp"
#include "base/log.hpp"
#include "base/printable.hpp"
#include "host/crash_guard.hpp"
#include "host/host_log.hpp"
#include "host/loader.hpp"
#include "host/output.hpp"
#include "lmf/error.hpp"

namespace lmf::host {
namespace {

/// The worker of a launched job must run the library that its launcher runs.
void check_pin(const Plugin& plugin, const Environment& environment) {
  if (!environment.pin) return;
  const std::string here = pin_of(plugin.library.string());
  if (here == *environment.pin) return;
  const std::string pinned = library_of_pin(*environment.pin);
  if (pinned == library_of_pin(here))
    throw Error(fmt::format("{} changed since this job was started: its workers would run different code", pinned),
                "start the job again", kExitPluginUnusable);
  throw Error(
      fmt::format("this job runs {}, but here its command leads to {}", pinned, plugin.library.string()),
      fmt::format("install one lmf on every machine of the job, and unset {} if this is no worker", kPinVariable),
      kExitPluginUnusable);
}

/// Everything that lmf_host_v1 points to; lives until the process ends.
struct HostData {
  HostData(const Plugin& plugin, const Catalogue& catalogue, const Environment& environment)
      : program_name(environment.program_name),
        executable(environment.executable),
        library(plugin.library),
        share_directory(environment.share_directory) {
    for (const SearchFolder& folder : catalogue.folders()) folders.push_back(folder.path);
    for (const std::string& folder : folders) folder_pointers.push_back(folder.c_str());
    table.size = sizeof table;
    table.abi_major = LMF_ABI_MAJOR;
    table.abi_minor = LMF_ABI_MINOR;
    table.log = log_from_plugin;
    table.log_level = static_cast<int32_t>(log::level());
    table.version = LMF_VERSION;
    table.program_name = program_name.c_str();
    table.executable = executable.c_str();
    table.library = library.c_str();
    table.share_directory = share_directory.c_str();
    table.plugin_directories = folder_pointers.data();
    table.plugin_directory_count = folder_pointers.size();
  }
  HostData(const HostData&) = delete;
  HostData& operator=(const HostData&) = delete;

  std::string program_name, executable, library, share_directory;
  std::vector<std::string> folders;
  std::vector<const char*> folder_pointers;
  lmf_host_v1 table{};
};

/// First-party code from a place for development is worth a line: it is not the installed one.
void announce_unusual_place(const Claim& claim) {
  const Place place = claim.plugin->folder.place;
  if (claim.plugin->manifest.vendor == "lmf" && (place == Place::given || place == Place::environment))
    log::info("{} is {}, from {}", claim.command->name, printable_line(claim.plugin->library.string()),
              description(place));
}

/// The loader names the first library that it does not find; the doctor has all.
std::string next_step(const Verdict& failure, const Plugin& plugin, const std::string& program) {
  if (failure.status != Status::dependency) return {};
  return fmt::format("'{} plugin doctor {}' names all that is missing", program, plugin.display_name());
}

/// What escapes from a plugin has been through code of unknown state: it ends the process (see crash_guard.hpp).
int call(const lmf_plugin_v1& descriptor, const lmf_host_v1& host, const std::string& command,
         std::span<const char* const> arguments, std::vector<char>& error) noexcept {
  const int status = descriptor.run(&host, command.c_str(), static_cast<int>(arguments.size()), arguments.data(),
                                    error.data(), error.size());
  error.back() = '\0';
  return status;
}

int finished(int status, const std::string& message, const Claim& claim, const lmf_plugin_v1& descriptor,
             const Environment& environment) {
  const std::string said = message.empty() && status == kExitInternal ? "it failed, and does not say how" : message;
  if (!said.empty())
    std::fprintf(stderr, "%s %s: %s\n", environment.program_name.c_str(), claim.command->name.c_str(),
                 printable(said).c_str());
  if (status == kExitInternal)
    std::fprintf(stderr, "  in the plugin %s, built with %s. Please report it with the output of '%s env'.\n",
                 identity(*claim.plugin).c_str(), descriptor.build_tag != nullptr ? descriptor.build_tag : "?",
                 environment.program_name.c_str());
  if (status == kExitDone) flush_output();
  if (status >= 0 && status <= 255) return status;
  std::fprintf(stderr, "%s %s: the plugin returned %d, which is no exit status\n", environment.program_name.c_str(),
               claim.command->name.c_str(), status);
  return kExitInternal;
}

}  // namespace

int run_command(const Claim& claim, const Catalogue& catalogue, const Environment& environment,
                std::span<const char* const> arguments) {
  const Plugin& plugin = *claim.plugin;
  if (claim.status != Status::ok) throw Error(claim.reason, "", kExitPluginUnusable);
  check_pin(plugin, environment);
  announce_unusual_place(claim);

  set_environment(*claim.command);
  guard_against_crashes(environment.program_name, identity(plugin, build_tag_of(plugin.library)));
  const auto loaded = load(plugin);
  if (const auto* failure = std::get_if<Verdict>(&loaded))
    throw Error(failure->reason, next_step(*failure, plugin, environment.program_name), kExitPluginUnusable);
  const lmf_plugin_v1& descriptor = *std::get<const lmf_plugin_v1*>(loaded);
  if (descriptor.build_tag != nullptr)  // also of a plugin that lmf_add_plugin() did not build
    guard_against_crashes(environment.program_name, identity(plugin, descriptor.build_tag));

  static const HostData data(plugin, catalogue, environment);
  std::vector<char> error(64 * 1024, '\0');
  const int status = call(descriptor, data.table, claim.command->name, arguments, error);
  return finished(status, error.data(), claim, descriptor, environment);
}

}  // namespace lmf::host
