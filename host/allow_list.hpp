#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lmf::host {

/// LMF_PLUGIN_ALLOW=lmf.*,acme.train: an operator's list of the plugins that may run, "*" for all. Set and empty it
/// allows none: a list that got lost on its way opens nothing. Vendors name themselves: it guards against mistakes,
/// while folders that nobody else can write guard against malice.
struct AllowList {
  std::optional<std::string> value;  ///< none: everything is allowed
  std::vector<std::string> entries;
  std::vector<std::string> notices;  ///< entries that allow nothing, and a list without any

  bool allows(std::string_view vendor, std::string_view name) const;
  /// Of a plugin that is not allowed: a whole sentence, and who can change it.
  std::string why_not(std::string_view vendor, std::string_view name) const;
};

AllowList read_allow_list(const std::optional<std::string>& value);

}  // namespace lmf::host
