#include "train/launch/worker_library.hpp"

#include "base/private_library.hpp"

namespace lmf::train {
namespace {

constexpr PrivateLibrary kTrainer = {LMF_TRAIN_WORKER_LIBRARY, LMF_TRAIN_WORKER_RUN, "the trainer", "lmf-train"};

}  // namespace

std::filesystem::path worker_library(const lmf_host_v1& host) { return private_library(host, kTrainer); }

lmf_train_worker_run_function* load_worker(const std::filesystem::path& library) {
  return reinterpret_cast<lmf_train_worker_run_function*>(load_private_library(library, kTrainer));
}

}  // namespace lmf::train
