#include "train/shared/freeze.hpp"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/suggest.hpp"
#include "lmf/error.hpp"

namespace lmf::train {
namespace {

constexpr std::string_view kLayersPrefix = "model.layers.";

/// "self_attn" of "model.layers.0.self_attn.q_proj.weight"; "" for a name outside the layers.
std::string module_in_layer(const std::string& name) {
  if (!name.starts_with(kLayersPrefix)) return {};
  const std::size_t begin = name.find('.', kLayersPrefix.size()) + 1;
  return name.substr(begin, name.find('.', begin) - begin);
}

/// "embed_tokens" of "model.embed_tokens.weight".
std::string last_module(const std::string& name) {
  const std::size_t end = name.rfind('.');
  const std::size_t begin = name.rfind('.', end - 1);
  return begin == std::string::npos ? name.substr(0, end) : name.substr(begin + 1, end - begin - 1);
}

}  // namespace

FreezableModules FreezableModules::of(const std::vector<std::string>& names) {
  FreezableModules modules{{"all"}, {}};
  for (const std::string& name : names) {
    const std::string module = module_in_layer(name);
    if (module.empty())
      modules.outside.insert(last_module(name));
    else
      modules.in_layers.insert(module);
  }
  return modules;
}

void require_known(const std::vector<std::string>& asked, const std::set<std::string>& known) {
  const std::vector<std::string> choices(known.begin(), known.end());
  std::string unknown;
  for (const std::string& module : asked) {
    if (known.contains(module)) continue;
    unknown += fmt::format("{}this model has no module '{}'.{}", unknown.empty() ? "" : " ", module,
                           did_you_mean(module, choices));
  }
  if (!unknown.empty()) throw Error(unknown, fmt::format("choose from {}", fmt::join(choices, ", ")), kExitUsage);
}

std::vector<std::string> names_to_train(const std::vector<std::string>& names, std::int64_t layers, std::int64_t n,
                                        const std::vector<std::string>& modules,
                                        const std::vector<std::string>& extra_modules) {
  const std::int64_t first = n > 0 ? std::max<std::int64_t>(0, layers - n) : 0;
  const std::int64_t end = n > 0 ? layers : std::min(-n, layers);
  std::vector<std::string> parts = extra_modules;
  for (const std::string& module : modules) {
    for (std::int64_t i = first; i < end; ++i) parts.push_back(fmt::format(".{}.{}", i, module == "all" ? "" : module));
  }
  std::vector<std::string> chosen;
  std::copy_if(names.begin(), names.end(), std::back_inserter(chosen), [&](const std::string& name) {
    return std::any_of(parts.begin(), parts.end(),
                       [&](const auto& part) { return name.find(part) != std::string::npos; });
  });
  return chosen;
}

}  // namespace lmf::train
