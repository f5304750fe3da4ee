#include "train/shared/resume_checks.hpp"

#include <algorithm>
#include <set>
#include <string>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/printable.hpp"
#include "lmf/error.hpp"
#include "model/adapter_folder.hpp"
#include "model/config_file.hpp"
#include "model/decoder_shapes.hpp"
#include "train/shared/checkpoint_folders.hpp"

namespace lmf::train {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kOtherwise = "or start afresh with resume_from_checkpoint: false";

bool is_there(const fs::path& file) {
  std::error_code ignored;
  return fs::exists(file, ignored);
}

/// An empty object for a file that is not there or not one: whoever needs it says so.
json read_object(const fs::path& file) {
  try {
    if (is_there(file)) return model::ConfigObject::read_file(file);
  } catch (const Error&) {
  }
  return json::object();
}

/// A value as text, whole; names in a list have no order.
std::string text_of(const json& value) {
  if (value.is_null()) return "none";
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number()) return fmt::format("{}", value.get<double>());
  if (!value.is_array()) return value.dump();
  std::set<std::string> names;
  for (const json& name : value) names.insert(name.is_array() ? name.type_name() : text_of(name));
  return names.empty() ? "none" : fmt::format("{}", fmt::join(names, ","));
}

std::string said(const json& value) { return shortened(text_of(value), 300); }

class Comparison {
 public:
  Comparison(const config::Options& options, const fs::path& checkpoint)
      : options_(options), checkpoint_(checkpoint), settings_(read_object(checkpoint / "training_args.json")) {}

  void kind() {
    const std::string method = options_.text("finetuning_type");
    const bool adapter = is_there(checkpoint_ / model::kAdapterConfigFile);
    const bool model = is_there(checkpoint_ / "config.json");
    if (!adapter && !model)
      problems_.push_back(
          {fmt::format("{}: resume_from_checkpoint: {} holds neither a model (config.json) nor an adapter ({})",
                       options_.origin("resume_from_checkpoint"), checkpoint_.string(), model::kAdapterConfigFile),
           fmt::format("name a checkpoint-N folder of an earlier run, {}", kOtherwise)});
    else if (method == "lora" ? !adapter : !model)
      differ("finetuning_type", method, adapter ? "an adapter" : "a whole model");
    else
      compare_setting("finetuning_type", method);
  }

  void settings() {
    const std::string method = options_.text("finetuning_type");
    if (method == "lora") compare_adapter(read_object(checkpoint_ / model::kAdapterConfigFile));
    if (method != "freeze") return;
    compare_setting("freeze_trainable_layers", options_.integer("freeze_trainable_layers"));
    for (const char* name : {"freeze_trainable_modules", "freeze_extra_modules"})
      compare_setting(name, options_.list(name));
  }

  /// lmf notes its base beside an adapter; of one that another program wrote, only the tensors' shapes tell.
  void base(const model::DecoderSpec& spec) {
    const json saved = options_.text("finetuning_type") == "lora"
                           ? read_object(checkpoint_ / kRunStateFile).value("base_model", json())
                           : model::shape_facts(model::DecoderSpec::read(checkpoint_));
    const json own = model::shape_facts(spec);
    std::vector<std::string> now, then;
    for (const auto& [name, value] : own.items()) {
      if (!saved.is_object() || !saved.contains(name) || saved[name] == value) continue;
      now.push_back(fmt::format("{} {}", name, said(value)));
      then.push_back(fmt::format("{} {}", name, said(saved[name])));
    }
    if (now.empty()) return;
    problems_.push_back({fmt::format("{}: model_name_or_path: {} has {}, but the model of the checkpoint {} has {}",
                                     options_.origin("model_name_or_path"), options_.text("model_name_or_path"),
                                     fmt::join(now, ", "), checkpoint_.string(), fmt::join(then, ", ")),
                         fmt::format("name the model the run was started with, {}", kOtherwise)});
  }

  std::vector<config::Problem> take_problems() { return std::move(problems_); }

 private:
  /// The shape of a fresh adapter comes from the options, that of one that was named from its own file.
  void compare_adapter(const json& saved) {
    if (!options_.list("adapter_name_or_path").empty() && !options_.flag("create_new_adapter")) return;
    const std::int64_t rank = options_.integer("lora_rank");
    compare("lora_rank", rank, saved, "r");
    compare("lora_alpha", options_.is_null("lora_alpha") ? 2 * rank : options_.integer("lora_alpha"), saved,
            "lora_alpha");
    compare("use_rslora", options_.flag("use_rslora"), saved, "use_rslora");
    compare("additional_target", options_.list("additional_target"), saved, "modules_to_save");
    // The file lists what `all` stood for: that word is compared with the one the run was started with.
    const auto targets = options_.list("lora_target");
    if (std::find(targets.begin(), targets.end(), "all") != targets.end())
      compare_setting("lora_target", targets);
    else
      compare("lora_target", targets, saved, "target_modules");
  }

  /// With what lmf noted of its own options there; the original's notes are a pickle.
  void compare_setting(const char* name, const json& now) {
    if (settings_.contains(name) && settings_[name].is_object()) compare(name, now, settings_[name], "value");
  }

  void compare(const char* name, const json& now, const json& saved, const char* key) {
    if (saved.contains(key) && text_of(saved[key]) != text_of(now)) differ(name, said(now), said(saved[key]));
  }

  void differ(const char* name, const std::string& now, const std::string& saved) {
    problems_.push_back({fmt::format("{}: {} is {}, but the checkpoint {} has {}", options_.origin(name), name, now,
                                     checkpoint_.string(), saved),
                         fmt::format("set what the run was started with, {}", kOtherwise)});
  }

  const config::Options& options_;
  const fs::path& checkpoint_;
  const json settings_;
  std::vector<config::Problem> problems_;
};

}  // namespace

std::vector<config::Problem> kind_problems(const config::Options& options, const fs::path& checkpoint) {
  Comparison comparison(options, checkpoint);
  comparison.kind();
  return comparison.take_problems();
}

std::vector<config::Problem> setting_problems(const config::Options& options, const fs::path& checkpoint) {
  Comparison comparison(options, checkpoint);
  comparison.settings();
  return comparison.take_problems();
}

std::vector<config::Problem> base_problems(const config::Options& options, const fs::path& checkpoint,
                                           const model::DecoderSpec& spec) {
  Comparison comparison(options, checkpoint);
  comparison.base(spec);
  return comparison.take_problems();
}

std::vector<config::Problem> end_problems(const config::Options& options, const ResumePoint& point,
                                          std::int64_t examples, std::int64_t ranks) {
  const StepPlan plan = StepPlan::of(options, examples, ranks);
  RunState now{.shuffle = !options.flag("disable_shuffling"), .examples = examples};
  now.data_seed = static_cast<std::uint64_t>(options.integer(options.is_null("data_seed") ? "seed" : "data_seed"));
  try {
    point.continued(plan, point.position(now), options.number("num_train_epochs"), options.integer("max_steps"));
  } catch (const Error& problem) {
    return {{fmt::format("{}: resume_from_checkpoint: {}", options.origin("resume_from_checkpoint"), problem.what()),
             problem.hint()}};
  }
  return {};
}

}  // namespace lmf::train
