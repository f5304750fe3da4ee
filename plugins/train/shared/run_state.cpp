#include "train/shared/run_state.hpp"

#include <limits>

#include "lmf/error.hpp"
#include "model/config_file.hpp"

namespace lmf::train {
namespace {

using nlohmann::json;

}  // namespace

std::string RunState::to_text() const {
  const json text = {{"format", 1},
                     {"run", run},
                     {"job", job},
                     {"base_model", base_model},
                     {"best_by", best_by},
                     {"loss_since_log", loss_since_log},
                     {"loss_of_run", loss_of_run},
                     {"last_logged_step", last_logged_step},
                     {"seed", seed},
                     {"data_seed", data_seed},
                     {"shuffle", shuffle},
                     {"examples", examples},
                     {"next_epoch", position.value_or(Position{}).epoch},
                     {"next_example", position.value_or(Position{}).example}};
  return text.dump(2) + "\n";
}

RunState RunState::read(const std::filesystem::path& file) try {
  constexpr std::int64_t kMost = std::int64_t{1} << 60, kAny = std::numeric_limits<std::int64_t>::max();
  const json parsed = model::ConfigObject::read_file(file);
  const model::ConfigObject text(parsed, file.string());
  text.require({"format", "run", "loss_since_log", "loss_of_run", "last_logged_step", "seed", "data_seed", "shuffle",
                "examples"});
  if (text.at("format") != 1) text.refuse("format is not 1, which this version knows");
  RunState state;
  state.run = text.integer("run", 1, 0, kMost);
  state.job = text.text("job", "");
  state.best_by = text.text("best_by", "");
  state.loss_since_log = text.number("loss_since_log", 0.0);
  state.loss_of_run = text.number("loss_of_run", 0.0);
  state.last_logged_step = text.integer("last_logged_step", 0, 0, kMost);
  state.seed = static_cast<std::uint64_t>(text.integer("seed", 0, 0, kAny));
  state.data_seed = static_cast<std::uint64_t>(text.integer("data_seed", 0, 0, kAny));
  state.shuffle = text.flag("shuffle", false);
  state.examples = text.integer("examples", 0, 0, kMost);
  const Position next{text.integer("next_epoch", -1, -1), text.integer("next_example", -1, -1, kMost)};
  if (next.epoch >= 0 && next.example >= 0 && next.example < state.examples) state.position = next;
  return state;
} catch (const Error& problem) {
  throw Error(problem.what(), "resume from another checkpoint");
}

}  // namespace lmf::train
