#include "train/worker/prepare_on_node.hpp"

#include <optional>

#include "base/progress.hpp"

namespace lmf::train {

data::PrepareReport prepare_on_node(const data::PrepareOptions& options, const std::string& what,
                                    const text::Tokenizer& tokenizer, const text::ChatTemplate& chat_template,
                                    ProcessGroup& group) {
  data::PrepareReport report;
  group.first_then_others("tokenising " + what, [&](bool first) {
    auto with = options;
    with.overwrite_cache = with.overwrite_cache && first;
    std::optional<Progress> progress;
    report = data::prepare(with, tokenizer, chat_template, [&](std::int64_t done, std::int64_t total) {
      group.alive();
      if (!group.leads()) return;
      if (!progress) progress.emplace("tokenising", total);
      progress->update(done);
    });
  });
  return report;
}

}  // namespace lmf::train
