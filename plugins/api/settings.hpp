#pragma once

#include "config/options.hpp"
#include "environment.hpp"
#include "infer/answer_options.hpp"

namespace lmf::api {

/// What `lmf api` was asked to do: the model, and what holds where a request says nothing, are options, the server's
/// are variables.
struct Settings : infer::AnswerOptions {
  Environment environment;
  std::string served_name;  ///< what answers call the model
};

/// Reads them from checked options and the environment. Throws Error(kExitUsage).
Settings read_settings(const config::Options& options);

}  // namespace lmf::api
