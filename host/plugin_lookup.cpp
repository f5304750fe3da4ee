#include "host/plugin_lookup.hpp"

#include <fmt/format.h>

#include "base/printable.hpp"
#include "base/suggest.hpp"
#include "lmf/error.hpp"

namespace lmf::host {

const Plugin& plugin_named(const Catalogue& catalogue, const std::string& name) {
  const Plugin* found = nullptr;
  for (const Plugin& plugin : catalogue.plugins()) {
    if (plugin.display_name() == name) return plugin;
    if (plugin.manifest.name != name || plugin.status == Status::shadowed) continue;
    if (found != nullptr)
      throw Error(fmt::format("'{}' is {} or {}: say which", name, found->display_name(), plugin.display_name()), "",
                  kExitUsage);
    found = &plugin;
  }
  if (found != nullptr) return *found;
  if (const Claim* claim = catalogue.find(name)) return *claim->plugin;
  no_such_plugin(catalogue, name);
}

void no_such_plugin(const Catalogue& catalogue, const std::string& name, std::vector<std::string> names) {
  std::vector<std::string> short_names;
  for (const Plugin& plugin : catalogue.plugins()) {
    names.push_back(plugin.display_name());
    short_names.push_back(plugin.manifest.name);
  }
  std::string near = did_you_mean(name, names);
  if (near.empty()) near = did_you_mean(name, short_names);
  throw Error(fmt::format("'{}' is not a plugin.{}", shortened(name), near), "'lmf plugin list' lists them",
              kExitUsage);
}

}  // namespace lmf::host
