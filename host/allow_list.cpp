#include "host/allow_list.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/printable.hpp"
#include "base/split.hpp"
#include "base/trimmed.hpp"
#include "host/manifest.hpp"

namespace lmf::host {
namespace {

/// "*", "vendor.*" or "vendor.plugin".
bool can_allow(std::string_view entry) {
  const auto dot = entry.find('.');
  return entry == "*" || (dot != entry.npos && is_name(entry.substr(0, dot)) &&
                          (entry.substr(dot) == ".*" || is_name(entry.substr(dot + 1))));
}

}  // namespace

bool AllowList::allows(std::string_view vendor, std::string_view name) const {
  if (!value) return true;
  const auto matches = [&](const std::string& entry) {
    return entry == "*" || entry == fmt::format("{}.{}", vendor, name) || entry == fmt::format("{}.*", vendor);
  };
  return std::any_of(entries.begin(), entries.end(), matches);
}

std::string AllowList::why_not(std::string_view vendor, std::string_view name) const {
  const std::string remedy = fmt::format("'{0}.{1}' or '{0}.*'", vendor, name);
  if (trimmed(*value).empty())
    return fmt::format("{}.{} may not run: LMF_PLUGIN_ALLOW is set and empty. Unset it, or name {} there.", vendor,
                       name, remedy);
  return fmt::format("{}.{} is not among what LMF_PLUGIN_ALLOW allows: {}. Whoever set it can add {}.", vendor, name,
                     *value, remedy);
}

AllowList read_allow_list(const std::optional<std::string>& value) {
  AllowList list{value, {}, {}};
  if (!value) return list;
  if (trimmed(*value).empty()) {
    list.notices.emplace_back("LMF_PLUGIN_ALLOW is set and empty: no plugin may run. Unset it to allow all");
    return list;
  }
  for (const std::string& part : split(*value, ',')) {
    std::string entry(trimmed(part));
    if (can_allow(entry))
      list.entries.push_back(std::move(entry));
    else if (!entry.empty())
      list.notices.push_back(fmt::format(
          "LMF_PLUGIN_ALLOW: '{}' allows nothing: expected 'vendor.plugin', 'vendor.*' or '*'", shortened(entry)));
  }
  return list;
}

}  // namespace lmf::host
