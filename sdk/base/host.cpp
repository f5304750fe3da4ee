#include "base/host.hpp"

#include <cerrno>

#include <sys/stat.h>

#include <fmt/format.h>

#include "base/files.hpp"
#include "base/log.hpp"

namespace lmf {

void adopt_host(const lmf_host_v1& host) {
  log::set_sink(
      [&host](log::Level level, std::string_view text) {
        host.log(host.self, static_cast<int>(level), text.data(), text.size());
      },
      static_cast<log::Level>(host.log_level));
}

std::string pin_of(const std::string& library) {
  struct stat status;
  if (::stat(library.c_str(), &status) != 0) throw file_error("find the plugin's library", library, errno);
  return fmt::format("{}:{}{:09}:{}", status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec, library);
}

std::string library_of_pin(const std::string& pin) {
  const auto path = pin.find(":/");
  return path == std::string::npos ? pin : pin.substr(path + 1);
}

std::string pin_environment_entry(const lmf_host_v1& host) {
  return std::string(kPinVariable) + "=" + pin_of(host.library);
}

}  // namespace lmf
