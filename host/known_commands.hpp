#pragma once

#include <span>
#include <string_view>

namespace lmf::host {

/// A command of lmf's own plugins, so that help and messages know it where its package is not installed;
/// `package` is empty while there is none yet.
struct KnownCommand {
  std::string_view name, summary, package;
};
std::span<const KnownCommand> known_commands();
const KnownCommand* find_known_command(std::string_view name);

/// What the host does itself, with what help says about it; also names that it keeps for itself.
struct HostCommand {
  std::string_view name, summary, usage;
};
std::span<const HostCommand> host_commands();
bool is_host_command(std::string_view name);
/// Names that only plugins of lmf itself may claim.
bool is_first_party_command(std::string_view name);

}  // namespace lmf::host
