#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/options.hpp"
#include "environment.hpp"
#include "infer/answer_options.hpp"

namespace lmf::api {

/// What `lmf api` was asked to do: the model, and what holds where a request says nothing, are options, the server's
/// are variables.
struct Settings : infer::AnswerOptions {
  Environment environment;
  std::string served_name;                 ///< what answers call the model
  std::vector<std::string> adapter_names;  ///< of the adapters that are kept apart: further models
};

/// A model that a request can name.
struct ModelId {
  std::string name;
  std::int32_t adapter = -1;  ///< of those that are kept apart; -1: none
};

/// All of them, the model itself first.
std::vector<ModelId> served_models(const Settings& settings);

/// Reads them from checked options and the environment. Throws Error(kExitUsage).
Settings read_settings(const config::Options& options);

}  // namespace lmf::api
