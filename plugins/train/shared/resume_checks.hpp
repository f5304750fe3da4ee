#pragma once

#include <filesystem>
#include <vector>

#include "config/options.hpp"
#include "model/decoder_spec.hpp"
#include "train/shared/resume_point.hpp"

namespace lmf::train {

/// What a run that goes on must have in common with the checkpoint it goes on from.

/// Another kind of training: an adapter where a whole model is needed or the reverse, or another finetuning_type. The
/// rest of the checkpoint is not worth comparing then.
std::vector<config::Problem> kind_problems(const config::Options& options, const std::filesystem::path& checkpoint);

/// Options that differ from what the checkpoint was trained with and decide the shape or the meaning of its weights: of
/// a fresh adapter lora_rank, lora_alpha, lora_target, additional_target and use_rslora; of freeze the freeze_* ones.
/// Others (lora_dropout, learning_rate...) may change on the way.
std::vector<config::Problem> setting_problems(const config::Options& options, const std::filesystem::path& checkpoint);

/// A model of another shape than the checkpoint's. The folder's name is not compared: models are moved. Throws Error
/// when the checkpoint is a whole model and its config.json cannot be used.
std::vector<config::Problem> base_problems(const config::Options& options, const std::filesystem::path& checkpoint,
                                           const model::DecoderSpec& spec);

/// A run of that many examples ends before the checkpoint.
std::vector<config::Problem> end_problems(const config::Options& options, const ResumePoint& point,
                                          std::int64_t examples, std::int64_t ranks);

}  // namespace lmf::train
