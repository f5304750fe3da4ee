#include "train/launch/plan.hpp"

#include <fmt/format.h>

#include "train/shared/step_plan.hpp"

namespace lmf::train {
namespace {

std::string method_of(const config::Options& options) {
  const std::string type = options.text("finetuning_type");
  if (type == "lora") {
    const std::int64_t rank = options.integer("lora_rank");
    return fmt::format("lora, rank {}, alpha {}, on {}", rank,
                       options.is_null("lora_alpha") ? 2 * rank : options.integer("lora_alpha"),
                       fmt::join(options.list("lora_target"), ", "));
  }
  if (type == "freeze")
    return fmt::format("freeze, {} layers, {}", options.integer("freeze_trainable_layers"),
                       fmt::join(options.list("freeze_trainable_modules"), ", "));
  return "full: every weight is trained";
}

}  // namespace

std::vector<std::string> plan_lines(const config::Options& options, std::int64_t examples, const Start& start,
                                    int ranks) {
  const std::string output = fmt::format("output    {}", options.text("output_dir"));
  if (!options.flag("do_train")) return {output};
  const auto plan = StepPlan::of(options, examples, ranks);
  const std::string each = ranks > 1 ? fmt::format(" on each of {} ranks", ranks) : "";
  std::vector<std::string> lines = {
      fmt::format("method    {}", method_of(options)),
      fmt::format("steps     {} of {} x {} examples{}, learning rate {} ({})", plan.total_steps, plan.accumulation,
                  plan.batch_size, each, options.number("learning_rate"), options.text("lr_scheduler_type")),
      output,
  };
  if (start.checkpoint)
    lines.push_back(fmt::format("start     from {} ({})", start.checkpoint->string(), start.why));
  else
    lines.push_back(fmt::format("start     at the first step ({})", start.why));
  return lines;
}

}  // namespace lmf::train
