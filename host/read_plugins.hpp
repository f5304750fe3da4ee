#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "host/discovery.hpp"
#include "host/plugin.hpp"

namespace lmf::host {

/// What of the plugins a question depends on; by default everything. Parsing is most of the time that hundreds of
/// manifests take.
struct PluginScope {
  /// Those are left out that have no say in whose the commands and aliases are that begin so.
  std::string_view beginning = {};
  ManifestPart part = ManifestPart::all;
};

/// The plugins of `folders`, examined, in search order.
std::vector<Plugin> read_plugins(const std::vector<SearchFolder>& folders, const PluginScope& scope,
                                 std::vector<std::string>& notices);

}  // namespace lmf::host
