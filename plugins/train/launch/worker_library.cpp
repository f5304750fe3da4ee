#include "train/launch/worker_library.hpp"

#include <fmt/format.h>

#include "base/dynamic_library.hpp"
#include "lmf/error.hpp"

namespace lmf::train {
namespace {

namespace fs = std::filesystem;

constexpr const char* kReinstall = "reinstall the package lmf-train";

[[noreturn]] void unusable(const std::string& what, const std::string& hint) {
  throw Error(what, hint, kExitPluginUnusable);
}

[[noreturn]] void explain(const LoadRefusal& refusal, const fs::path& library) {
  if (!refusal.missing.empty())
    unusable(
        fmt::format("the trainer {} needs {}, which this machine does not find", library.string(), refusal.missing),
        fmt::format("install libtorch, or add the folder of {} to LD_LIBRARY_PATH; `lmf env` says what is found",
                    refusal.missing));
  if (refusal.cause == LoadRefusal::Cause::function)
    unusable(fmt::format("{} has no function {}: it belongs to another version of lmf", library.string(),
                         LMF_TRAIN_WORKER_RUN),
             kReinstall);
  unusable(fmt::format("the trainer {} cannot be loaded: {}", library.string(), refusal.text), kReinstall);
}

}  // namespace

fs::path worker_library(const lmf_host_v1& host) {
  return fs::path(host.library).parent_path().parent_path() / "private" / LMF_TRAIN_WORKER_LIBRARY;
}

lmf_train_worker_run_function* load_worker(const fs::path& library) {
  std::error_code ignored;
  if (!fs::exists(library, ignored)) unusable(fmt::format("the trainer {} is missing", library.string()), kReinstall);
  const auto loaded = load_library(library, LMF_TRAIN_WORKER_RUN);
  if (const auto* refusal = std::get_if<LoadRefusal>(&loaded)) explain(*refusal, library);
  return reinterpret_cast<lmf_train_worker_run_function*>(std::get<AnyFunction*>(loaded));
}

}  // namespace lmf::train
