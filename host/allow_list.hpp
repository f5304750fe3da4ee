#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lmf::host {

/// LMF_PLUGIN_ALLOW=lmf.*,acme.train: an operator's list of what may run. Vendors name themselves: it guards against
/// mistakes, while folders that nobody else can write guard against malice.
struct AllowList {
  std::string value;  ///< "": everything is allowed
  std::vector<std::string> entries;
  std::vector<std::string> notices;  ///< entries that allow nothing

  bool allows(std::string_view vendor, std::string_view name) const;
};

AllowList read_allow_list(const std::string& value);

}  // namespace lmf::host
