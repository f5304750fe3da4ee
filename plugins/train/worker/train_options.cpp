#include "train/worker/train_options.hpp"

#include <cmath>

#include "model/decoder_spec.hpp"
#include "train/shared/step_plan.hpp"

namespace lmf::train {
namespace {

Method method(const std::string& name) {
  return name == "full" ? Method::full : name == "freeze" ? Method::freeze : Method::lora;
}

SaveStrategy save_strategy(const std::string& name) {
  return name == "no"      ? SaveStrategy::no
         : name == "epoch" ? SaveStrategy::epoch
         : name == "best"  ? SaveStrategy::best
                           : SaveStrategy::steps;
}

CountedTokens counted_tokens(const std::string& name) {
  return name == "all" ? CountedTokens::all : name == "non_padding" ? CountedTokens::non_padding : CountedTokens::no;
}

Checkpointing checkpointing_asked(const config::Options& options) {
  if (!options.given("disable_gradient_checkpointing")) return Checkpointing::automatic;
  return options.flag("disable_gradient_checkpointing") ? Checkpointing::never : Checkpointing::always;
}

void read_method(TrainOptions& to, const config::Options& from) {
  to.method = method(from.text("finetuning_type"));
  to.freeze_trainable_layers = from.integer("freeze_trainable_layers");
  to.freeze_trainable_modules = from.list("freeze_trainable_modules");
  to.freeze_extra_modules = from.list("freeze_extra_modules");
  to.lora_rank = from.integer("lora_rank");
  to.lora_alpha = static_cast<double>(from.is_null("lora_alpha") ? 2 * to.lora_rank : from.integer("lora_alpha"));
  to.lora_dropout = from.number("lora_dropout");
  to.rslora = from.flag("use_rslora");
  to.lora_targets = from.list("lora_target");
  to.additional_targets = from.list("additional_target");
}

void read_steps(TrainOptions& to, const config::Options& from) {
  to.batch_size = from.integer("per_device_train_batch_size");
  to.accumulation = from.integer("gradient_accumulation_steps");
  to.epochs = from.number("num_train_epochs");
  to.max_steps = from.integer("max_steps");
  to.learning_rate = from.number("learning_rate");
  to.schedule = from.text("lr_scheduler_type");
  to.warmup_ratio = from.is_null("warmup_ratio") ? 0.0 : from.number("warmup_ratio");
  to.warmup_steps = from.number("warmup_steps");
  to.adamw = {.beta1 = from.number("adam_beta1"),
              .beta2 = from.number("adam_beta2"),
              .epsilon = from.number("adam_epsilon"),
              .weight_decay = from.number("weight_decay")};
  to.max_grad_norm = from.number("max_grad_norm");
  to.seed = static_cast<std::uint64_t>(from.integer("seed"));
  to.data_seed = from.is_null("data_seed") ? to.seed : static_cast<std::uint64_t>(from.integer("data_seed"));
  to.shuffle = !from.flag("disable_shuffling");
  to.use_cpu = from.flag("use_cpu");
  to.rank_timeout_seconds = from.integer("ddp_timeout");
  if (!from.is_null("ddp_bucket_cap_mb")) to.bucket_bytes = from.integer("ddp_bucket_cap_mb") << 20;
}

void read_outputs(TrainOptions& to, const config::Options& from) {
  to.output_dir = from.text("output_dir");
  if (!from.is_null("resume_from_checkpoint")) to.resume_from = from.text("resume_from_checkpoint");
  to.overwrite_output_dir = from.flag("overwrite_output_dir");
  to.logging_steps = from.number("logging_steps");
  to.logging_first_step = from.flag("logging_first_step");
  to.save_steps = from.number("save_steps");
  to.save_strategy = save_strategy(from.text("save_strategy"));
  to.save_total_limit = from.is_null("save_total_limit") ? 0 : from.integer("save_total_limit");
  to.save_only_model = from.flag("save_only_model");
  to.plot_loss = from.flag("plot_loss");
  to.effective_tokens_per_second = from.flag("include_effective_tokens_per_second");
  to.print_param_status = from.flag("print_param_status");
  to.counted_tokens = counted_tokens(from.text("include_num_input_tokens_seen"));
}

}  // namespace

TrainOptions TrainOptions::from(const config::Options& options) {
  TrainOptions result;
  result.model_name_or_path = options.text("model_name_or_path");
  result.model_revision = options.text("model_revision");
  result.cache_dir = options.text("cache_dir");
  result.adapters = model::adapter_names(options.list("adapter_name_or_path"));
  result.create_new_adapter = options.flag("create_new_adapter");
  result.train_from_scratch = options.flag("train_from_scratch");
  result.checkpointing = checkpointing_asked(options);
  read_method(result, options);
  read_steps(result, options);
  read_outputs(result, options);
  result.evaluation = EvaluationOptions::from(options);
  return result;
}

std::int64_t warmup_steps(const TrainOptions& options, std::int64_t total) {
  if (options.warmup_ratio > 0.0)
    return static_cast<std::int64_t>(std::ceil(options.warmup_ratio * static_cast<double>(total)));
  return steps_or_share(options.warmup_steps, total);
}

const char* name(Method method) {
  return method == Method::full ? "full" : method == Method::freeze ? "freeze" : "lora";
}

}  // namespace lmf::train
