// The edge of liblmf-train-worker.so: one C function, and nothing thrown leaves it.
#include "train/worker_abi.h"

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <memory>
#include <string>

#include <c10/util/Logging.h>

#include "base/host.hpp"
#include "base/log.hpp"
#include "config/options.hpp"
#include "model/torch_guard.hpp"
#include "train/worker/rank_log.hpp"
#include "train/worker/run.hpp"
#include "train/worker/world.hpp"

namespace {

/// On the console rank 0 speaks for all: the others would only repeat it. How they fail is said by their errors, and by
/// the log when everything is wanted. A rank's own file has all of its words.
void set_log(const lmf_host_v1& host, bool leads, std::shared_ptr<lmf::train::RankLog> file) {
  using lmf::log::Level;
  const auto wanted = static_cast<Level>(host.log_level);
  const Level shown = leads || wanted != Level::info ? wanted : Level::error;
  lmf::log::set_sink(
      [&host, shown, file = std::move(file)](Level at, std::string_view text) {
        file->write(at, text);
        if (at >= shown) host.log(host.self, static_cast<int>(at), text.data(), text.size());
      },
      std::min(wanted, Level::info));
}

constexpr int kErrors = 2;  // of libtorch's severities

/// Its warnings are stack traces, one for each question that a lost store does not answer. Our errors say what is lost.
void quieten_libtorch(const lmf_host_v1& host) {
  if (std::getenv("TORCH_CPP_LOG_LEVEL") == nullptr && host.log_level > static_cast<int>(lmf::log::Level::debug))
    FLAGS_caffe2_log_level = std::max(FLAGS_caffe2_log_level, kErrors);
}

int run(const lmf_host_v1& host, const char* options_json) {
  quieten_libtorch(host);
  const auto options = lmf::config::Options::from_json(options_json);
  const auto world = lmf::train::World::from_environment();
  const auto file = std::make_shared<lmf::train::RankLog>(options.text("output_dir"), world);
  set_log(host, world.leads(), file);
  try {
    return lmf::train::run(options, host.share_directory, [&] {
      if (const auto problem = file->open())  // to the console, also of a rank that does not speak there
        host.log(host.self, static_cast<int>(lmf::log::Level::warn), problem->data(), problem->size());
    });
  } catch (const std::exception& problem) {
    file->write(lmf::log::Level::error, problem.what());
    throw;
  }
}

}  // namespace

extern "C" int lmf_train_worker_run_v1(const lmf_host_v1* host, const char* options_json, char* error,
                                       size_t error_capacity) {
  const auto work = [&] {
    lmf::adopt_host(*host);
    return run(*host, options_json);
  };
  return lmf::model::guarded(
      work,
      lmf::Error("out of memory",
                 "lower per_device_train_batch_size or cutoff_len, or set disable_gradient_checkpointing: "
                 "false"),
      error, error_capacity);
}
