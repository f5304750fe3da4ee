#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "host/discovery.hpp"
#include "host/manifest.hpp"
#include "host/status.hpp"

namespace lmf::host {

/// One manifest that was found, usable or not.
struct Plugin {
  std::filesystem::path manifest_path;
  std::filesystem::path library;  ///< resolved; empty when there is none
  SearchFolder folder;
  Manifest manifest;  ///< only `name` (from the file's name) when the manifest is unreadable
  Status status = Status::ok;
  std::string reason;  ///< a whole sentence, when status is not ok

  /// "acme.greet", or the bare name when the manifest is unreadable.
  std::string display_name() const;
};

/// A plugin's claim to one command. The status is the plugin's own when that is not ok.
struct Claim {
  const Plugin* plugin;
  const CommandEntry* command;
  Status status = Status::ok;
  std::string reason;
};

/// All plugins of the search folders and who owns which command: steps 1 to 4 of the load sequence. Nothing is loaded.
class Catalogue {
 public:
  Catalogue(std::vector<SearchFolder> folders, std::vector<std::string> notices);
  Catalogue(const Catalogue&) = delete;
  Catalogue& operator=(const Catalogue&) = delete;

  const std::vector<SearchFolder>& folders() const { return folders_; }
  const std::vector<Plugin>& plugins() const { return plugins_; }
  /// In search order; also shadowed, reserved and conflicting ones.
  const std::vector<Claim>& claims() const { return claims_; }
  const std::vector<std::string>& notices() const { return notices_; }

  /// The claim that `word` (a command, an alias, or "vendor.command") leads to, which may be unusable; null for none.
  const Claim* find(std::string_view word) const;
  /// A plugin whose manifest is unreadable and whose file is named for `word`; null for none.
  const Plugin* find_unreadable(std::string_view word) const;
  /// Every word that find() knows, for suggestions.
  std::vector<std::string> words() const;

 private:
  void read_folder(const SearchFolder& folder);
  void mark_shadowed_plugins();
  void collect_claims();
  void settle_claims();

  std::vector<SearchFolder> folders_;
  std::vector<Plugin> plugins_;
  std::vector<Claim> claims_;
  std::vector<std::string> notices_;
};

}  // namespace lmf::host
