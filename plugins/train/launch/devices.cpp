#include "train/launch/devices.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include <dlfcn.h>

#include <fmt/format.h>

#include "lmf/error.hpp"
#include "train/launch/agent/words.hpp"

namespace lmf::train::launch {
namespace {

namespace fs = std::filesystem;

/// Entries of a folder called `prefix` and a number.
int numbered_entries(const char* folder, std::string_view prefix) {
  int count = 0;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(folder, failed)) {
    const std::string name = entry.path().filename().string();
    unsigned number = 0;
    count += name.starts_with(prefix) && parse_whole(std::string_view(name).substr(prefix.size()), number);
  }
  return count;
}

/// -1 where the library is not, or does not work.
int count_by_nvml() {
  void* library = ::dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return -1;
  const auto start = reinterpret_cast<int (*)()>(::dlsym(library, "nvmlInit_v2"));
  const auto stop = reinterpret_cast<int (*)()>(::dlsym(library, "nvmlShutdown"));
  const auto count = reinterpret_cast<int (*)(unsigned*)>(::dlsym(library, "nvmlDeviceGetCount_v2"));
  unsigned devices = 0;
  int result = -1;
  if (start != nullptr && stop != nullptr && count != nullptr && start() == 0) {
    if (count(&devices) == 0) result = static_cast<int>(devices);
    stop();
  }
  ::dlclose(library);
  return result;
}

int nvidia_gpus() {
  const int files = numbered_entries("/dev", "nvidia");
  if (files == 0) return 0;  // without them nothing can be used, whatever the driver knows of
  const int known = count_by_nvml();
  return known >= 0 ? known : files;
}

/// AMD's driver lists processors too; those have no SIMD units.
int amd_gpus() {
  int count = 0;
  std::error_code failed;
  for (const auto& node : fs::directory_iterator("/sys/class/kfd/kfd/topology/nodes", failed)) {
    std::ifstream properties(node.path() / "properties");
    std::string name;
    for (long value = 0; properties >> name >> value;)
      if (name == "simd_count" && value > 0) ++count;
  }
  return count;
}

struct Family {
  int (*installed)();
  std::initializer_list<const char*> masks;
  const char* name;
};

int fake_gpus(const char* text) {
  int count = 0;
  if (!parse_whole(std::string_view(text), count) || count < 0 || count > 4096)
    throw Error(fmt::format("environment: LMF_FAKE_DEVICES is '{}', expected a number of devices", text), "",
                kExitUsage);
  return count;
}

Devices masked(int installed, std::initializer_list<const char*> masks, const char* name) {
  for (const char* variable : masks)
    if (const char* mask = std::getenv(variable)) {
      const int count = count_of_mask(mask, installed);
      return {count, fmt::format("{} {}{} in {}", count, name, count == 1 ? "" : "s", variable)};
    }
  return {installed, fmt::format("{} {}{}", installed, name, installed == 1 ? "" : "s")};
}

}  // namespace

Devices visible_devices() {
  if (const char* fake = std::getenv("LMF_FAKE_DEVICES"); fake != nullptr && *fake != '\0')
    return masked(fake_gpus(fake),
                  {"CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ASCEND_RT_VISIBLE_DEVICES"},
                  "GPU");
  const Family families[] = {
      {nvidia_gpus, {"CUDA_VISIBLE_DEVICES"}, "GPU"},
      {amd_gpus, {"ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES"}, "GPU"},
      {[] { return numbered_entries("/dev", "davinci"); }, {"ASCEND_RT_VISIBLE_DEVICES"}, "NPU"},
  };
  for (const Family& family : families)
    if (const int installed = family.installed(); installed > 0) return masked(installed, family.masks, family.name);
  return {0, "no GPU"};
}

int count_of_mask(const std::string& mask, int installed) {
  std::set<std::string> seen;
  for (std::string device : split(mask, ',')) {
    device.erase(0, device.find_first_not_of(' '));
    int index = 0;
    const bool number = parse_whole(std::string_view(device), index);
    if (device.empty() || (number && (index < 0 || index >= installed))) break;
    if (!number && !device.starts_with("GPU-") && !device.starts_with("MIG-")) break;
    if (!seen.insert(device).second) return 0;  // CUDA takes a device named twice for a mistake
  }
  return static_cast<int>(seen.size());
}

}  // namespace lmf::train::launch
