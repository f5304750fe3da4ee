#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "config/options.hpp"
#include "data/prepare.hpp"
#include "model/decoder_spec.hpp"
#include "text/chat_template.hpp"
#include "text/tokenizer.hpp"
#include "train/shared/resume_point.hpp"

namespace lmf::train {

/// What a run works on, but for data and weights. Absent: what could not be read.
struct Inputs {
  std::filesystem::path model_directory;
  std::optional<model::DecoderSpec> spec;
  std::optional<text::Tokenizer> tokenizer;  ///< with the template's repairs
  std::optional<text::ChatTemplate> chat_template;
  std::optional<ResumePoint> resumed;
  std::vector<std::string> notes;  ///< what is odd and stops nothing
};

/// Reads the inputs, and judges by the headers of the weights whether the run can begin; everything for which it cannot
/// is appended to `problems`. resume_from_checkpoint is decided: an absolute folder, or null.
Inputs read_inputs(const config::Options& options, const std::filesystem::path& share_directory,
                   std::vector<config::Problem>& problems);

/// Tokenises data as the run will, with a progress bar; writes nothing.
data::DatasetCheck check_data(const Inputs& inputs, const data::PrepareOptions& options);
/// What the run starts with: read_inputs(), and when that finds a problem check_data() too, all thrown as one Error. So
/// the run tells what `train --check` would, and looks at the data twice only when it is refused.
Inputs require_inputs(const config::Options& options, const std::filesystem::path& share_directory);

/// Which weights model_name_or_path may have: what is not trained may be quantised.
model::Quantized taken_weights(const config::Options& options);

data::PrepareOptions data_options(const config::Options& options);

}  // namespace lmf::train
