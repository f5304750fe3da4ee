#pragma once

#include <string>

namespace lmf::train::launch {

/// The accelerators that a worker could see.
struct Devices {
  int count = 0;
  std::string description;  ///< "4 GPUs (CUDA_VISIBLE_DEVICES)": for messages
};

/// Counts without libtorch or CUDA, which take a second to load: NVIDIA's by NVML or else the driver's files, AMD's and
/// Huawei's by the driver's files; then what CUDA_VISIBLE_DEVICES, ROCR_VISIBLE_DEVICES (or HIP's) or
/// ASCEND_RT_VISIBLE_DEVICES leaves. LMF_FAKE_DEVICES=N stands for N GPUs, of any make, where there are none: for tests
/// and dry runs. Throws Error(kExitUsage) when that is no number.
Devices visible_devices();

/// What a mask such as "0,2" or "GPU-8f3a,MIG-1" leaves of `installed` devices, read as CUDA does: the list ends at the
/// first number that is no device.
int count_of_mask(const std::string& mask, int installed);

}  // namespace lmf::train::launch
