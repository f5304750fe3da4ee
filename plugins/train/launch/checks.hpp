#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "train/shared/inputs.hpp"

namespace lmf::train {

/// What is wrong between options that are each right: cheap, done before every run.
std::vector<config::Problem> option_problems(const config::Options& options);

/// What the options name and is not there, or cannot be used at first sight: cheap, done before workers are started.
/// They find the rest, each for itself.
std::vector<config::Problem> missing_inputs(const config::Options& options,
                                            const std::filesystem::path& share_directory);

/// What `train --check` looks at beyond the options: what read_inputs() does, every record of the data, tokenised, and
/// whether they leave anything to do. No weight is read, but for a head that lies beside the embedding it is tied to.
struct Inspection {
  std::vector<config::Problem> problems;
  std::size_t unlisted_problems = 0;  ///< of the data
  std::vector<std::string> lines;     ///< what a run would work on: "model  /models/tiny-llama (llama, 4 layers)"
  std::int64_t examples = 0;
};
Inspection inspect_inputs(const config::Options& options, const std::filesystem::path& share_directory, int ranks);

}  // namespace lmf::train
