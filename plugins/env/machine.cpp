#include <array>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>

#include <sched.h>
#include <sys/utsname.h>

#include <fmt/format.h>

#include "base/files.hpp"
#include "sources.hpp"

namespace lmf::env {
namespace {

constexpr std::uint64_t kLimitBytes = 1 << 22;

/// The file's text, "" when there is none.
std::string text_of(const char* path) {
  try {
    return read_file(path, kLimitBytes);
  } catch (const Error&) {
    return {};
  }
}

/// The value of the first line "NAME<blanks><separator> value".
std::string field(const std::string& text, std::string_view name, char separator) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(name)) continue;
    const auto at = line.find(separator);
    if (at == std::string::npos || line.find_first_not_of(" \t", name.size()) != at) continue;
    const auto begin = line.find_first_not_of(" \t\"", at + 1);
    const auto end = line.find_last_not_of(" \t\"");
    return begin == std::string::npos ? "" : line.substr(begin, end - begin + 1);
  }
  return {};
}

/// Of all instruction sets those that decide which kernels run.
std::string instruction_sets(const std::string& cpuinfo) {
  constexpr std::array kTelling = {"sse4_2",   "avx",      "avx2",     "fma",         "f16c",        "avx_vnni",
                                   "avx512f",  "avx512bw", "avx512vl", "avx512_vnni", "avx512_bf16", "avx512_fp16",
                                   "amx_tile", "amx_bf16", "amx_int8", "asimd",       "asimddp",     "sve",
                                   "sve2",     "bf16",     "i8mm"};
  std::string flags = field(cpuinfo, "flags", ':');
  if (flags.empty()) flags = field(cpuinfo, "Features", ':');
  flags = " " + flags + " ";
  std::string found;
  for (const char* name : kTelling)
    if (flags.find(fmt::format(" {} ", name)) != std::string::npos)
      found += (found.empty() ? "" : " ") + std::string(name);
  return found.empty() ? "unknown" : found;
}

std::string processor(const std::string& cpuinfo) {
  const std::string name = field(cpuinfo, "model name", ':');
  return name.empty() ? "unknown" : name;
}

/// Cores that this process may use, and what a container leaves of them.
std::string cores() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  const int usable = ::sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : 0;
  std::string text = fmt::format("{} of {}", usable, std::thread::hardware_concurrency());
  std::istringstream quota(text_of("/sys/fs/cgroup/cpu.max"));
  double share = 0, period = 0;
  if (quota >> share >> period && period > 0)
    text += fmt::format(", limited to {:.1f} by the control group", share / period);
  return text;
}

std::string gibibytes(double bytes) { return fmt::format("{:.1f} GiB", bytes / (1 << 30)); }

std::string memory() {
  const std::string meminfo = text_of("/proc/meminfo");
  const auto bytes = [&](const char* name) { return std::strtod(field(meminfo, name, ':').c_str(), nullptr) * 1024; };
  const double total = bytes("MemTotal");
  std::string text = fmt::format("{}, {} available", gibibytes(total), gibibytes(bytes("MemAvailable")));
  const double limit = std::strtod(text_of("/sys/fs/cgroup/memory.max").c_str(), nullptr);  // "max" is 0
  if (limit > 0 && limit < total) text += fmt::format(", limited to {} by the control group", gibibytes(limit));
  return text;
}

}  // namespace

void add_machine(Report& report) {
  utsname kernel{};
  ::uname(&kernel);
  const std::string system = field(text_of("/etc/os-release"), "PRETTY_NAME", '=');
  report.push_back({"system", "System", system.empty() ? "unknown" : system});
  report.push_back({"kernel", "Kernel", fmt::format("{} {} {}", kernel.sysname, kernel.release, kernel.machine)});
  const std::string cpuinfo = text_of("/proc/cpuinfo");
  report.push_back({"cpu", "CPU", processor(cpuinfo)});
  report.push_back({"cpu_instruction_sets", "CPU instruction sets", instruction_sets(cpuinfo)});
  report.push_back({"cpu_cores", "CPU cores", cores()});
  report.push_back({"memory", "Memory", memory()});
}

}  // namespace lmf::env
