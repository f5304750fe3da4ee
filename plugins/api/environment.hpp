#pragma once

#include <optional>
#include <string>
#include <vector>

#include "http/server.hpp"

namespace lmf::api {

/// What the environment says about the server; the model and how it answers are options. Names are LLaMA-Factory's
/// where it has them.
struct Environment {
  std::string host;                        ///< API_HOST; else 127.0.0.1, or 0.0.0.0 when a key is set
  std::string host_reason;                 ///< why that one, for the log
  std::uint16_t port = 8000;               ///< API_PORT
  std::vector<std::string> keys;           ///< API_KEY, with commas; the lines of API_KEY_FILE. Empty: nobody needs one
  bool open_metrics = false;               ///< API_OPEN_METRICS: /metrics needs no key
  std::string model_name;                  ///< API_MODEL_NAME; "": the model folder's
  bool verbose = false;                    ///< API_VERBOSE: requests go to the log, bodies included
  bool strict_model = false;               ///< API_STRICT_MODEL: another model's name in a request is refused
  std::string root_path;                   ///< FASTAPI_ROOT_PATH
  std::optional<std::int64_t> concurrent;  ///< MAX_CONCURRENT: sequences that are answered at once
  std::int64_t queue = 256;                ///< API_MAX_QUEUE: requests that may wait
  std::int64_t drain_seconds = 30;  ///< API_DRAIN_SECONDS: for what is being answered when the server is told to stop
  std::vector<std::string> cors_origins;  ///< API_CORS_ORIGINS, with commas; "*": every page
  std::optional<http::TlsFiles> tls;      ///< API_TLS_CERT and API_TLS_KEY
  bool lf_compat = false;                 ///< LMF_LF_COMPAT: presence_penalty multiplies, as LLaMA-Factory has it
};

/// Throws Error(kExitUsage) naming the variable whose value is wrong.
Environment read_environment();

}  // namespace lmf::api
