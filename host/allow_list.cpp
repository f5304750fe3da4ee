#include "host/allow_list.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/split.hpp"
#include "host/manifest.hpp"

namespace lmf::host {

bool AllowList::allows(std::string_view vendor, std::string_view name) const {
  if (value.empty()) return true;
  const auto matches = [&](const std::string& entry) {
    return entry == fmt::format("{}.{}", vendor, name) || entry == fmt::format("{}.*", vendor);
  };
  return std::any_of(entries.begin(), entries.end(), matches);
}

AllowList read_allow_list(const std::string& value) {
  AllowList list{value, {}, {}};
  if (value.empty()) return list;
  for (const std::string& entry : split(value, ',')) {
    const auto dot = entry.find('.');
    const bool known = dot != entry.npos && is_name(entry.substr(0, dot)) &&
                       (entry.substr(dot) == ".*" || is_name(entry.substr(dot + 1)));
    if (known)
      list.entries.push_back(entry);
    else
      list.notices.push_back(
          fmt::format("LMF_PLUGIN_ALLOW: '{}' allows nothing: expected 'vendor.*' or 'vendor.plugin'", entry));
  }
  return list;
}

}  // namespace lmf::host
