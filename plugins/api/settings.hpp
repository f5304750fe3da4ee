#pragma once

#include "config/options.hpp"
#include "environment.hpp"
#include "infer/loaded_model.hpp"
#include "infer/sampler.hpp"

namespace lmf::api {

/// What `lmf api` was asked to do: the model and its defaults are options, the server's are variables.
struct Settings {
  infer::ModelChoice model;
  infer::Sampling sampling;         ///< where a request says nothing
  std::int64_t max_new_tokens = 0;  ///< the same; 0: max_length decides
  std::int64_t max_length = 0;
  bool skip_special_tokens = true;
  Environment environment;
  std::string served_name;  ///< what answers call the model
};

/// Reads them from checked options and the environment. Throws Error(kExitUsage).
Settings read_settings(const config::Options& options);

}  // namespace lmf::api
