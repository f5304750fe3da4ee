#include <filesystem>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <dlfcn.h>
#include <link.h>
#include <sys/stat.h>

#include "base/library_file.hpp"
#include "base/trust.hpp"
#include "child.hpp"
#include "lmf/error.hpp"
#include "sources.hpp"

namespace lmf::env {
namespace {

/// at::show_config() of ATen/Version.h: says how libtorch was built. Called by its symbol, so that nothing here links
/// it.
constexpr const char* kShowConfig = "_ZN2at11show_configB5cxx11Ev";

/// The libraries that would load libtorch, best first; their own search paths decide which one that is.
std::vector<std::filesystem::path> users_of_torch(const lmf_host_v1& host) {
  std::vector<std::filesystem::path> users;
  const auto add = [&](const std::filesystem::path& path) {
    std::error_code ignored;
    if (std::filesystem::is_regular_file(path, ignored)) users.push_back(path);
  };
  for (std::size_t i = 0; i < host.plugin_directory_count; ++i) {
    const std::filesystem::path folder = host.plugin_directories[i];
    add(folder.parent_path() / "private/liblmf-train-worker.so");
    add(folder / "liblmf-chat.so");
  }
  return users;
}

/// Loading is executing: the host's own rule for what lies beside a plugin that it has loaded.
std::optional<std::string> why_unsafe_to_load(const std::filesystem::path& library, const lmf_host_v1& host) {
  struct stat status;
  const bool known = ::stat(host.library, &status) == 0;
  TrustedPlaces places;
  for (const auto& loaded : libraries_installed_with(library))
    if (auto reason = places.why_unsafe(loaded, known ? std::optional(status.st_uid) : std::nullopt)) return reason;
  return std::nullopt;
}

int note_torch(dl_phdr_info* info, size_t, void* path) noexcept {
  if (std::string(info->dlpi_name).find("/libtorch_cpu.so") == std::string::npos) return 0;
  *static_cast<std::string*>(path) = info->dlpi_name;
  return 1;
}

/// In a child: loads `library` and writes the file of the libtorch that came with it, then how that was built.
void describe_torch(const std::string& library, int output) {
  void* handle = ::dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) throw std::runtime_error(::dlerror());
  std::string path;
  ::dl_iterate_phdr(note_torch, &path);
  std::error_code ignored;
  if (const auto plain = std::filesystem::canonical(path, ignored); !ignored) path = plain.string();  // without ".."
  write_all(output, path + "\n");
  using ShowConfig = std::string();
  if (auto* show_config = reinterpret_cast<ShowConfig*>(::dlsym(handle, kShowConfig))) write_all(output, show_config());
}

/// "TORCH_VERSION=2.13.0," in the build settings.
std::string setting(const std::string& config, const std::string& name) {
  const auto at = config.find(name + "=");
  if (at == std::string::npos) return {};
  const auto begin = at + name.size() + 1;
  return config.substr(begin, config.find_first_of(", \n", begin) - begin);
}

/// What show_config() lists line by line ("  - GCC 13.3"), but for the last, long line of every flag.
Json build_lines(const std::string& config) {
  Json lines = Json::array();
  std::istringstream input(config);
  for (std::string line; std::getline(input, line);) {
    const auto dash = line.find("- ");
    if (dash == std::string::npos || line.find("Build settings") != std::string::npos) continue;
    lines.push_back(line.substr(dash + 2));
  }
  return lines;
}

}  // namespace

void add_torch(Report& report, const lmf_host_v1& host) {
  std::vector<std::filesystem::path> users = users_of_torch(host);
  try {
    if (users.empty())
      users.emplace_back("libtorch_cpu.so");  // nothing of ours uses it: what the system would give
    else if (const auto reason = why_unsafe_to_load(users.front(), host))
      throw Error(*reason);
    const std::string said = in_child([&](int output) { describe_torch(users.front().string(), output); });
    const auto line_end = said.find('\n');
    const std::string path = said.substr(0, line_end),
                      config = line_end == std::string::npos ? "" : said.substr(line_end + 1);
    const std::string version = setting(config, "TORCH_VERSION");
    report.push_back({"libtorch", "libtorch", version.empty() ? "of unknown version" : version});
    report.push_back({"libtorch_file", "libtorch file", path.empty() ? "unknown" : path});
    report.push_back({"libtorch_build", "libtorch build", build_lines(config)});
  } catch (const Error& error) {
    report.push_back({"libtorch", "libtorch", std::string("not usable: ") + error.what()});
  }
}

}  // namespace lmf::env
