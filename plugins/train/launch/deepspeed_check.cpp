#include "train/launch/deepspeed_check.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "base/json.hpp"

namespace lmf::train {
namespace {

using config::Options;
using config::Problem;
using nlohmann::json;

constexpr const char* kLeaveOut = "leave deepspeed out: lmf trains data parallel by itself, as ZeRO stage 0 does";
constexpr std::uint64_t kLargestFile = 1 << 20;

class Check {
 public:
  Check(const Options& options, const json& settings, const std::string& place)
      : options_(options), settings_(settings), place_(place) {}

  std::optional<Problem> run() const {
    if (!settings_.is_object()) return problem("is no DeepSpeed configuration: expected an object", kLeaveOut);
    const json zero = part("zero_optimization");
    const json stage = zero.is_object() ? zero.value("stage", json(0)) : json(0);
    if (stage != 0)
      return problem(fmt::format("asks for ZeRO stage {}: sharding is not in this version", stage.dump()),
                     "use a configuration with stage 0, or " + std::string(kLeaveOut));
    for (const char* type : {"fp16", "bf16"}) {
      const json precision = part(type);
      if (precision.is_object() && precision.value("enabled", json()) == json(true))
        return problem(fmt::format("turns {} on: this version trains in float32", type), "set its enabled to \"auto\"");
    }
    for (const char* own : {"optimizer", "scheduler", "compression_training", "sparse_attention", "tensor_parallel"}) {
      if (settings_.contains(own)) return problem(fmt::format("brings its own {}", own), kLeaveOut);
    }
    for (const auto& [key, option] : {std::pair{"train_micro_batch_size_per_gpu", "per_device_train_batch_size"},
                                      std::pair{"gradient_accumulation_steps", "gradient_accumulation_steps"},
                                      std::pair{"gradient_clipping", "max_grad_norm"}}) {
      const json value = part(key);
      if (!value.is_number() || value.get<double>() == given(option)) continue;
      return problem(fmt::format("sets {} to {}, and {} is {}", key, value.dump(), option, given(option)),
                     "set it to \"auto\"");
    }
    return std::nullopt;
  }

 private:
  json part(const char* key) const { return settings_.value(key, json()); }
  double given(const std::string& option) const {
    return option == "max_grad_norm" ? options_.number(option) : static_cast<double>(options_.integer(option));
  }
  Problem problem(const std::string& sentence, std::string hint) const {
    return {fmt::format("{}: deepspeed{} {}", options_.origin("deepspeed"), place_, sentence), std::move(hint)};
  }

  const Options& options_;
  const json& settings_;
  const std::string& place_;
};

}  // namespace

std::optional<Problem> deepspeed_problem(const Options& options) {
  if (options.is_null("deepspeed")) return std::nullopt;
  json settings = options.json("deepspeed");
  std::string place;
  if (settings.is_string()) {
    const auto file = settings.get<std::string>();
    place = " " + file;
    try {
      settings = parse_json(read_file(file, kLargestFile), file);
    } catch (const Error& failure) {
      return Problem{fmt::format("{}: deepspeed: {}", options.origin("deepspeed"), failure.what()), kLeaveOut};
    }
  }
  return Check(options, settings, place).run();
}

}  // namespace lmf::train
