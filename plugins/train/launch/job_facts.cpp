#include "train/launch/job_facts.hpp"

#include <algorithm>
#include <filesystem>
#include <type_traits>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <xxhash.h>

#include "base/files.hpp"
#include "train/launch/worker_library.hpp"

namespace lmf::train {
namespace {

constexpr std::size_t kLongestShown = 200;

/// What a node may have of its own without training anything else: where its downloads are and how its data
/// is made ready.
constexpr std::string_view kOwn[] = {"cache_dir", "preprocessing_num_workers", "overwrite_cache"};

std::string digest(const std::string& bytes) { return fmt::format("{:016x}", XXH3_64bits(bytes.data(), bytes.size())); }

/// A long one by its begin, told apart by its digest.
std::string short_form(std::string text) {
  if (text.size() <= kLongestShown) return text;
  return fmt::format("{}... ({})", text.substr(0, kLongestShown / 2), digest(text));
}

std::string shown(const config::Options::Value& value) {
  return std::visit(
      [](const auto& data) -> std::string {
        using Data = std::decay_t<decltype(data)>;
        if constexpr (std::is_same_v<Data, std::monostate>)
          return "null";
        else if constexpr (std::is_same_v<Data, config::Options::Json>)
          return data.text;
        else if constexpr (std::is_same_v<Data, std::vector<std::string>>)
          return fmt::format("{}", fmt::join(data, ","));
        else
          return fmt::format("{}", data);
      },
      value.data);
}

}  // namespace

std::map<std::string, std::string> option_facts(const config::Options& options, const config::OptionTable& table) {
  const config::Options defaults = config::read_options(table, {}).options;
  std::map<std::string, std::string> facts;
  for (const auto& [name, value] : options.values) {
    const auto usual = defaults.values.find(name);
    if (usual != defaults.values.end() && usual->second.data == value.data) continue;
    if (std::find(std::begin(kOwn), std::end(kOwn), name) == std::end(kOwn)) facts[name] = short_form(shown(value));
  }
  return facts;
}

std::map<std::string, std::string> job_facts(const lmf_host_v1& host) {
  return {{"version of lmf", host.version}, {"build of the launcher", digest(read_file(host.library))}};
}

std::map<std::string, std::string> job_facts(const lmf_host_v1& host, const config::Options& options) {
  auto facts = option_facts(options, config::OptionTable::of_plugin(host, "train"));
  facts.merge(job_facts(host));
  const std::filesystem::path trainer = worker_library(host);
  std::error_code ignored;
  // A missing one is the workers' to explain.
  if (std::filesystem::exists(trainer, ignored)) facts["build of the trainer"] = digest(read_file(trainer));
  return facts;
}

}  // namespace lmf::train
