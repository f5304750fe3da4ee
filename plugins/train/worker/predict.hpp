#pragma once

#include <filesystem>

#include "config/options.hpp"
#include "train/worker/process_group.hpp"

namespace lmf::train {

/// do_predict: lets the trained model, or without do_train the named one, answer the evaluation data.
/// generated_predictions.jsonl, predict_results.json and all_results.json in output_dir. Every rank answers its share.
/// Returns the exit status.
int predict(const config::Options& options, const std::filesystem::path& share_directory, ProcessGroup& group);

}  // namespace lmf::train
