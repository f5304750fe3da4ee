#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <string>
#include <string_view>

#include "sources.hpp"

namespace lmf::env {
namespace {

/// What changes how LLaMA-Factory, its launcher, libtorch or lmf itself behave.
constexpr const char* kTelling[] = {
    // launcher
    "FORCE_TORCHRUN",
    "NNODES",
    "NODE_RANK",
    "NPROC_PER_NODE",
    "MASTER_ADDR",
    "MASTER_PORT",
    "RDZV_ID",
    "MIN_NNODES",
    "MAX_NNODES",
    "MAX_RESTARTS",
    "OPTIM_TORCH",
    "USE_RAY",
    "USE_KT",
    "USE_MCA",
    "USE_MEGATRON_BRIDGE",
    "USE_V1",
    // a worker of a launched job
    "RANK",
    "LOCAL_RANK",
    "WORLD_SIZE",
    "LOCAL_WORLD_SIZE",
    "GROUP_RANK",
    "TORCHELASTIC_RUN_ID",
    "TORCHELASTIC_RESTART_COUNT",
    // the whole program
    "DISABLE_VERSION_CHECK",
    "ALLOW_EXTRA_ARGS",
    "LLAMAFACTORY_VERBOSITY",
    "FORCE_CHECK_IMPORTS",
    "USE_MODELSCOPE_HUB",
    "USE_OPENMIND_HUB",
    "IMAGE_PLACEHOLDER",
    "VIDEO_PLACEHOLDER",
    "AUDIO_PLACEHOLDER",
    "RECORD_VRAM",
    "WANDB_PROJECT",
    "WANDB_API_KEY",
    "WANDB_DISABLED",
    "SWANLAB_API_KEY",
    "LLAMABOARD_ENABLED",
    "LLAMABOARD_WORKDIR",
    "NPU_JIT_COMPILE",
    "MAX_CONCURRENT",
    // servers
    "API_HOST",
    "API_PORT",
    "API_KEY",
    "API_MODEL_NAME",
    "API_VERBOSE",
    "FASTAPI_ROOT_PATH",
    "SAFE_MEDIA_PATH",
    "ALLOW_LOCAL_FILES",
    "GRADIO_SERVER_NAME",
    "GRADIO_SERVER_PORT",
    "GRADIO_IPV6",
    "GRADIO_SHARE",
    "DEMO_MODEL",
    "DEMO_TEMPLATE",
    "DEMO_BACKEND",
    // caches and hubs
    "HF_HOME",
    "HF_HUB_CACHE",
    "HF_ENDPOINT",
    "HF_HUB_OFFLINE",
    "HF_TOKEN",
    "HUGGING_FACE_HUB_TOKEN",
    "TRANSFORMERS_CACHE",
    "TRANSFORMERS_OFFLINE",
    "MODELSCOPE_CACHE",
    "XDG_CACHE_HOME",
    // libraries
    "CUDA_VISIBLE_DEVICES",
    "ASCEND_RT_VISIBLE_DEVICES",
    "CUDA_LAUNCH_BLOCKING",
    "PYTORCH_CUDA_ALLOC_CONF",
    "PYTORCH_ALLOC_CONF",
    "TORCH_NCCL_AVOID_RECORD_STREAMS",
    "NCCL_DEBUG",
    "NCCL_SOCKET_IFNAME",
    "GLOO_SOCKET_IFNAME",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    // lmf
    "LMF_PLUGIN_PATH",
};

bool is_secret(std::string_view name) {
  constexpr std::array kWords = {"KEY", "TOKEN", "SECRET", "PASSWORD"};
  return std::any_of(kWords.begin(), kWords.end(),
                     [&](const char* word) { return name.find(word) != std::string_view::npos; });
}

/// Passwords of addresses ("https://user:password@host") are hidden, control characters replaced: this is pasted
/// elsewhere.
std::string presentable(std::string value) {
  std::replace_if(
      value.begin(), value.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  const auto scheme = value.find("://"), at = value.find('@');
  if (scheme != std::string::npos && at != std::string::npos && at > scheme)
    value.replace(scheme + 3, at - scheme - 3, "***");
  return value;
}

}  // namespace

void add_variables(Report& report) {
  Json set = Json::array();
  for (const char* name : kTelling)
    if (const char* value = std::getenv(name)) {
      const std::string shown = *value == '\0' ? "" : is_secret(name) ? "***" : presentable(value);
      set.push_back(std::string(name) + "=" + shown);
    }
  report.push_back({"variables", "Environment variables", set});
}

}  // namespace lmf::env
