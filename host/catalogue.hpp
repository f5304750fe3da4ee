#pragma once

#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "host/allow_list.hpp"
#include "host/plugin.hpp"
#include "host/plugin_choices.hpp"
#include "host/read_plugins.hpp"

namespace lmf::host {

/// A plugin's claim to one command. The status is the plugin's own when that is not ok.
struct Claim {
  const Plugin* plugin;
  const CommandEntry* command;
  Status status = Status::ok;
  std::string reason;
  std::vector<std::string> aliases = {};  ///< those of the command's that lead to it: others can be somebody else's
};

/// All plugins of the search folders and who owns which command; or only what is in a scope. Nothing is loaded.
class Catalogue {
 public:
  Catalogue(std::vector<SearchFolder> folders, std::vector<std::string> notices, PluginChoices choices = {},
            AllowList allowed = {}, PluginScope scope = {});
  Catalogue(const Catalogue&) = delete;
  Catalogue& operator=(const Catalogue&) = delete;

  const std::vector<SearchFolder>& folders() const { return folders_; }
  const std::vector<Plugin>& plugins() const { return plugins_; }
  /// In search order; also shadowed, reserved and conflicting ones. A plugin whose manifest is unreadable claims the
  /// command that its file is named for.
  const std::vector<Claim>& claims() const { return claims_; }
  const std::vector<std::string>& notices() const { return notices_; }
  const PluginChoices& choices() const { return choices_; }

  /// The claim that `word` (a command, an alias, or "vendor.command") leads to, which may be unusable; null for none.
  /// By its vendor a command is found whoever else has its name. A command's own name goes before any alias.
  const Claim* find(std::string_view word) const;
  /// The claim of the plugin that lies in `library`: a worker's command is its launcher's, however that was named.
  const Claim* find_in(const std::string& library, std::string_view command) const;
  /// A plugin whose manifest is unreadable and whose file is named for `word`; null for none.
  const Plugin* find_unreadable(std::string_view word) const;
  /// Why nobody has the command that plugins.toml gives away; null for no such command.
  const std::string* why_unmet(std::string_view command) const;
  /// The first plugin of that name, "acme.greet" or "greet"; null for none.
  const Plugin* find_plugin(std::string_view name) const;
  /// Why aliases of a plugin's commands do not lead to them, a sentence each.
  std::vector<std::string> alias_remarks(const Plugin& plugin) const;
  /// Every word that find() knows, for suggestions.
  std::vector<std::string> words() const;
  /// The same as "vendor.command", by which also those are found whose plain name is another's.
  std::vector<std::string> qualified_words() const;

 private:
  void apply_decisions();
  void mark_shadowed_plugins();
  void collect_claims();
  void settle_overrides();
  void settle_claims();
  void settle_aliases();
  void hide(Claim& claim, const Claim& winner) const;
  bool is_behind_unreadable(const Plugin& plugin) const;
  bool leads_by_vendor(const Claim& claim) const;
  const Claim* find_of_vendor(std::string_view vendor, std::string_view command) const;

  std::vector<SearchFolder> folders_;
  std::vector<Plugin> plugins_;
  std::vector<Claim> claims_;
  std::vector<Claim> own_claims_;     ///< the same before they were settled: each plugin's by itself
  std::deque<CommandEntry> guessed_;  ///< commands of unreadable manifests
  std::map<std::string, Claim, std::less<>> alias_ties_;  ///< by alias and "vendor.alias": nobody's
  std::vector<std::string> notices_;
  std::map<std::string, std::string, std::less<>> unmet_;  ///< by command
  PluginChoices choices_;
  AllowList allowed_;
};

/// What the user's environment and --plugin-dir lead to; the scope's beginning may be of "vendor.command", too. Throws
/// as search_folders() does. Lives until the process ends: taking the plugins apart would cost a twentieth of finding
/// them.
const Catalogue& make_catalogue(const Environment& environment, std::span<const std::string> plugin_directories,
                                PluginScope scope = {});

}  // namespace lmf::host
