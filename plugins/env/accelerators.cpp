#include <cstdint>
#include <filesystem>
#include <sstream>
#include <stdexcept>
#include <string>

#include <dlfcn.h>

#include <fmt/format.h>

#include "base/files.hpp"
#include "child.hpp"
#include "sources.hpp"

namespace lmf::env {
namespace {

/// A function of the CUDA driver library; all used here return 0 for success.
template <class... Arguments>
auto driver_function(void* library, const char* name) {
  auto* function = reinterpret_cast<int (*)(Arguments...)>(::dlsym(library, name));
  if (function == nullptr) throw std::runtime_error(fmt::format("libcuda.so.1 has no {}", name));
  return function;
}

void expect_success(const char* what, int status) {
  if (status != 0) throw std::runtime_error(fmt::format("{} failed with CUDA error {}", what, status));
}

/// In a child: one line on the driver, then one for each device.
void describe_cuda(int output) {
  void* library = ::dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw std::runtime_error(::dlerror());
  expect_success("cuInit", driver_function<unsigned>(library, "cuInit")(0));
  int version = 0, count = 0;
  expect_success("cuDriverGetVersion", driver_function<int*>(library, "cuDriverGetVersion")(&version));
  expect_success("cuDeviceGetCount", driver_function<int*>(library, "cuDeviceGetCount")(&count));
  write_all(output, fmt::format("CUDA {}.{}\n", version / 1000, version % 1000 / 10));
  for (int i = 0; i < count; ++i) {
    int device = 0, major = 0, minor = 0;
    char name[256] = {};
    std::size_t bytes = 0;
    expect_success("cuDeviceGet", driver_function<int*, int>(library, "cuDeviceGet")(&device, i));
    expect_success("cuDeviceGetName",
                   driver_function<char*, int, int>(library, "cuDeviceGetName")(name, sizeof name - 1, device));
    expect_success("cuDeviceTotalMem",
                   driver_function<std::size_t*, int>(library, "cuDeviceTotalMem_v2")(&bytes, device));
    const auto attribute = driver_function<int*, int, int>(library, "cuDeviceGetAttribute");
    constexpr int kComputeMajor = 75, kComputeMinor = 76;  // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_*
    expect_success("cuDeviceGetAttribute", attribute(&major, kComputeMajor, device));
    expect_success("cuDeviceGetAttribute", attribute(&minor, kComputeMinor, device));
    write_all(output, fmt::format("{}, {:.1f} GiB, compute capability {}.{}\n", name,
                                  static_cast<double>(bytes) / (1 << 30), major, minor));
  }
}

std::string kernel_driver() {
  try {
    std::istringstream version(read_file("/proc/driver/nvidia/version", 1 << 16));
    std::string line;
    std::getline(version, line);
    return line;
  } catch (const Error&) {
    return {};
  }
}

bool has_nvidia() {
  std::error_code ignored;
  return std::filesystem::exists("/proc/driver/nvidia", ignored) ||
         std::filesystem::exists("/dev/nvidiactl", ignored) ||
         std::filesystem::exists("/dev/dxg", ignored);  // the last: Windows Subsystem for Linux
}

}  // namespace

void add_accelerators(Report& report) {
  if (!has_nvidia()) {
    report.push_back({"accelerators", "Accelerators", Json::array()});
    return;
  }
  const std::string driver = kernel_driver();
  report.push_back({"nvidia_driver", "NVIDIA driver", driver.empty() ? "unknown" : driver});
  Json devices = Json::array();
  try {
    std::istringstream lines(in_child(describe_cuda));
    std::string line;
    std::getline(lines, line);
    report.push_back({"cuda_driver", "CUDA of the driver", line});
    while (std::getline(lines, line)) devices.push_back(line);
  } catch (const Error& error) {
    report.push_back({"cuda_driver", "CUDA of the driver", std::string("not usable: ") + error.what()});
  }
  report.push_back({"accelerators", "Accelerators", devices});
}

}  // namespace lmf::env
