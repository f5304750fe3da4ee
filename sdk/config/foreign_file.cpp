#include "config/foreign_file.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "lmf/error.hpp"

namespace lmf::config {
namespace {

struct Kind {
  std::string_view what, hint;
};
constexpr Kind kAccelerate = {"of accelerate: it says how processes are started, not what is trained",
                              "name the training configuration itself"};
constexpr Kind kDeepSpeed = {"of DeepSpeed: it says how a run is spread over processes, not what is trained",
                             "name the training configuration itself"};
constexpr Kind kVersion1 = {"for LLaMA-Factory's interface v1, whose options are others and not in this version",
                            "write it with the usual options: model_name_or_path, dataset, finetuning_type..."};

constexpr std::array<std::pair<std::string_view, const Kind*>, 7> kMarks = {{{"compute_environment", &kAccelerate},
                                                                             {"zero_optimization", &kDeepSpeed},
                                                                             {"model_class", &kVersion1},
                                                                             {"train_dataset", &kVersion1},
                                                                             {"peft_config", &kVersion1},
                                                                             {"kernel_config", &kVersion1},
                                                                             {"dist_config", &kVersion1}}};

}  // namespace

void refuse_foreign_file(const std::vector<Entry>& entries) {
  for (const Entry& entry : entries) {
    const auto mark =
        std::find_if(kMarks.begin(), kMarks.end(), [&](const auto& known) { return known.first == entry.key; });
    if (mark != kMarks.end())
      throw Error(fmt::format("{}: {} makes this a configuration {}", entry.origin, entry.key, mark->second->what),
                  std::string(mark->second->hint), kExitUsage);
  }
}

}  // namespace lmf::config
