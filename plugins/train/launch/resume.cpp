#include "train/launch/resume.hpp"

#include <fmt/format.h>

#include "train/shared/checkpoint_folders.hpp"
#include "train/shared/trainer_state.hpp"

namespace lmf::train {
namespace {

namespace fs = std::filesystem;

/// The file of a trained model in the folder, "" when there is none.
std::string finished_model(const fs::path& output_directory) {
  for (const char* name : {"adapter_model.safetensors", "adapter_model.bin", "model.safetensors",
                           "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json"}) {
    std::error_code ignored;
    if (fs::exists(output_directory / name, ignored)) return name;
  }
  return {};
}

Start problem(std::string text, std::string hint) {
  return {{}, {}, config::Problem{std::move(text), std::move(hint)}};
}

Start named_checkpoint(const config::Options& options, const fs::path& output_directory) {
  const std::string named = options.text("resume_from_checkpoint");
  const std::string origin = options.origin("resume_from_checkpoint");
  if (named == "false") return {{}, "resume_from_checkpoint is false", {}};
  if (named == "true") {
    if (const auto newest = newest_checkpoint(output_directory))
      return {fs::absolute(newest->path), fmt::format("the newest checkpoint in {}", output_directory.string()), {}};
    if (const auto earlier = checkpoints_in(output_directory); !earlier.empty())
      return problem(fmt::format("{}: resume_from_checkpoint is true, but the last run in {} left no checkpoint",
                                 origin, output_directory.string()),
                     fmt::format("leave it out to start afresh, or go back to an earlier run: "
                                 "resume_from_checkpoint: {}",
                                 earlier.back().path.string()));
    return problem(
        fmt::format("{}: resume_from_checkpoint is true, but {} has no checkpoint", origin, output_directory.string()),
        "leave resume_from_checkpoint out to start afresh");
  }
  std::error_code ignored;
  if (!fs::is_directory(named, ignored))
    return problem(fmt::format("{}: resume_from_checkpoint: there is no folder {}", origin, named),
                   "name a checkpoint-N folder, or true for the newest in output_dir");
  if (!fs::exists(fs::path(named) / kTrainerStateFile, ignored))
    return problem(
        fmt::format("{}: resume_from_checkpoint: {} has no trainer_state.json, so it is no checkpoint", origin, named),
        "to start from its weights, name it in model_name_or_path or adapter_name_or_path");
  fs::path folder = fs::absolute(named);
  if (!folder.has_filename()) folder = folder.parent_path();  // "out/": a slash that completion adds
  return {folder, "resume_from_checkpoint", {}};
}

}  // namespace

Start decide_start(const config::Options& options, const std::string& restarted_job) {
  const fs::path output_directory = options.text("output_dir");
  if (!options.flag("do_train")) return {{}, "nothing is trained", {}};
  if (!restarted_job.empty()) {
    const auto newest = newest_checkpoint(output_directory);
    if (newest && newest->job == restarted_job) return {fs::absolute(newest->path), "the job was started again", {}};
  }
  if (options.given("resume_from_checkpoint")) return named_checkpoint(options, output_directory);
  if (options.flag("overwrite_output_dir")) return {{}, "overwrite_output_dir is true", {}};
  if (const auto newest = newest_checkpoint(output_directory))
    return {fs::absolute(newest->path),
            fmt::format("the newest checkpoint in {}; overwrite_output_dir: true would start afresh",
                        output_directory.string()),
            {}};
  if (const std::string file = finished_model(output_directory); !file.empty())
    return problem(
        fmt::format("{}: output_dir {} already holds a trained model ({}) and no checkpoint to continue from",
                    options.origin("output_dir"), output_directory.string(), file),
        "choose another output_dir, or set overwrite_output_dir: true");
  const bool empty = checkpoints_in(output_directory).empty();
  return {{}, empty ? "output_dir has no checkpoint" : "the last run in output_dir left no checkpoint", {}};
}

}  // namespace lmf::train
