#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "merged_weights.hpp"
#include "model/decoder_spec.hpp"
#include "request.hpp"
#include "target_folder.hpp"
#include "text/chat_template.hpp"
#include "text/tokenizer.hpp"

namespace lmf::exporter {

/// What is exported, judged whole before anything is written.
struct Inputs {
  std::filesystem::path model_directory;
  model::DecoderSpec spec;     ///< as the adapters leave it
  model::WeightFiles weights;  ///< of the base
  std::vector<WeightedAdapter> adapters;
  text::Tokenizer tokenizer;                        ///< with the template's repairs
  std::optional<text::ChatTemplate> chat_template;  ///< none: the tokenizer keeps its own, which lmf does not know

  /// Throws Error naming what does not fit: weights that the configuration does not describe, an adapter of another
  /// model, a template whose tokens the model lacks.
  static Inputs read(const Request& request, const std::filesystem::path& share_directory);
  std::vector<SourceFolder> folders() const;
};

}  // namespace lmf::exporter
