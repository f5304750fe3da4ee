#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/trust.hpp"
#include "host/discovery.hpp"
#include "host/manifest.hpp"
#include "host/status.hpp"

namespace lmf::host {

/// By the beginning of its name.
bool is_libtorch(std::string_view library);

/// One manifest that was found, usable or not.
struct Plugin {
  std::filesystem::path manifest_path;
  std::filesystem::path library;  ///< resolved; empty when there is none
  SearchFolder folder;
  Manifest manifest;  ///< only `name` (from the file's name) when the manifest is unreadable
  Status status = Status::ok;
  std::string reason;  ///< whole sentences, when status is not ok: what is wrong, and the next step

  /// Then only its file tells a name, and nothing its vendor.
  bool is_unreadable() const { return manifest.vendor.empty(); }
  /// "acme.greet", or the bare name when the manifest is unreadable.
  std::string display_name() const;
  /// " Install the package 'acme-greet' again.", or what to do where the manifest names none.
  std::string install_again() const;
  /// The same for one of the libraries that came with it: libtorch, and what that brings, is a package of its own.
  std::string install_again(const std::filesystem::path& private_library) const;
  /// Those libraries, which it loads when it needs them, whether they are there or not.
  std::vector<std::filesystem::path> private_libraries() const;
  /// "cannot load acme.greet (/path/liblmf-greet.so): WHY. Install ..."
  std::string cannot_load(std::string_view why) const;
  /// The next step when libraries are not found, whose names, or a message, begin with the first one's: libtorch has a
  /// package of its own.
  std::string install_missing(std::string_view libraries) const;
};

/// Step 1 of the load sequence: what the manifest says, or the asked part of it.
Plugin read_plugin(std::filesystem::path manifest, const SearchFolder& folder, ManifestPart part);

/// Steps 2 to 4, for a manifest that could be read: its ABI numbers, its library, that nobody else can have written
/// them, and that library and option tables are there whole, as far as that is told without reading them. Nothing is
/// loaded.
void examine(Plugin& plugin, TrustedPlaces& places);

}  // namespace lmf::host
