#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "host/discovery.hpp"
#include "host/plugin.hpp"

namespace lmf::host {

/// The plugins of `folders`, examined, in search order. With a `beginning` those are left out that have no say in whose
/// the commands and aliases are that begin so: most manifests need no parsing then, and that is most of the time that
/// hundreds of them take.
std::vector<Plugin> read_plugins(const std::vector<SearchFolder>& folders, std::string_view beginning,
                                 std::vector<std::string>& notices);

}  // namespace lmf::host
