#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "config/options.hpp"
#include "gguf/file_kind.hpp"
#include "model/numbers.hpp"

namespace lmf::exporter {

/// A calibrated export.
struct Quantization {
  std::int64_t bits = 4;
  std::filesystem::path dataset;
  std::string origin;  ///< where it was named, for messages
  std::size_t samples = 128, longest = 1024;
  std::uint64_t seed = 42;
};

/// What `lmf export` was asked to do.
struct Request {
  std::string model, revision, cache_directory;
  std::vector<std::string> adapters;
  std::vector<double> adapter_weights;        ///< one for each adapter
  std::optional<std::string> chat_template;   ///< none: the one the model was trained with, as far as its folder tells
  std::optional<std::string> default_system;  ///< none: the template's
  std::optional<std::string> tool_format;     ///< none: the template's
  std::filesystem::path directory;
  std::uint64_t shard_bytes = 0;
  std::optional<model::Number> number;  ///< none: as the model is stored
  std::vector<FileKind> gguf;           ///< GGUF files to write beside the weights
  std::optional<Quantization> quantization;
  bool overwrite = false;
  bool any_base = false;  ///< an adapter's own base may be another model
  bool verify = false;
};

/// Reads it from checked options. Throws Error(kExitUsage) when something needed is missing.
Request read_request(const config::Options& options);

}  // namespace lmf::exporter
