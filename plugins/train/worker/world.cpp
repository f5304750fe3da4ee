#include "train/worker/world.hpp"

#include <charconv>
#include <cstdlib>
#include <string_view>

#include <unistd.h>

#include <fmt/format.h>

#include "base/host_name.hpp"
#include "lmf/error.hpp"
#include "train/shared/job.hpp"

namespace lmf::train {
namespace {

constexpr const char* kStartHint = "start the processes with `lmf train`, `lmf run` or torchrun, which set it";

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

int number(const char* name, int least, int most) {
  const std::string text = variable(name);
  if (text.empty())
    throw Error(fmt::format("environment: WORLD_SIZE says that there are several processes, but {} is not set", name),
                kStartHint, kExitUsage);
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least || value > most) {
    throw Error(fmt::format("environment: {} is '{}', expected a whole number from {} to {}", name, text, least, most),
                kStartHint, kExitUsage);
  }
  return value;
}

int number_or(const char* name, int otherwise, int least, int most) {
  return variable(name).empty() ? otherwise : number(name, least, most);
}

/// A worker of torchrun's is not told, and has to name the same as those of lmf's agents in a job of both.
std::string prefix() {
  if (const std::string given = variable("LMF_STORE_PREFIX"); !given.empty()) return given;
  const std::string attempt = variable("TORCHELASTIC_RESTART_COUNT");
  return attempt.empty() ? kFirstAttempt : "attempt-" + attempt;
}

}  // namespace

World World::from_environment() {
  constexpr int kMostRanks = 1 << 20;
  World world;
  world.size = number_or("WORLD_SIZE", 1, 1, kMostRanks);
  if (world.alone()) return {};
  world.rank = number("RANK", 0, world.size - 1);
  world.local_size = number_or("LOCAL_WORLD_SIZE", world.size, 1, world.size);
  world.local_rank = number_or("LOCAL_RANK", world.local_size == world.size ? world.rank : 0, 0, world.local_size - 1);
  world.master_address = variable("MASTER_ADDR");
  if (world.master_address.empty()) throw Error("environment: MASTER_ADDR is not set", kStartHint, kExitUsage);
  world.master_port = static_cast<std::uint16_t>(number("MASTER_PORT", 1, 65535));
  world.agent_store = variable("TORCHELASTIC_USE_AGENT_STORE") == "True";
  const std::string group = variable("GROUP_RANK");
  world.node = group.empty() ? host_name() : group;
  world.store_prefix = prefix();
  return world;
}

std::string process_name() { return fmt::format("{} (pid {})", host_name(), ::getpid()); }

}  // namespace lmf::train
