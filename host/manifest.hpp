#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/stat.h>

#include "host/option_entry.hpp"
#include "host/status.hpp"

namespace lmf::host {

/// A variable that the command's libraries read when they are loaded, where it can no longer be said by the plugin.
struct EnvironmentEntry {
  std::string name, value;
  std::vector<std::string> unless;  ///< other variables by which the user may have chosen
};

struct CommandEntry {
  std::string name, group, summary, usage;
  std::string option_table;  ///< file beside the manifest with further options, or ""
  std::vector<std::string> aliases;
  std::vector<std::string> refused_aliases;  ///< names that are lmf's own: they do not count
  std::string complete;       ///< what its words may be besides options: "file", "file:*.yaml,*.toml", "folder", or ""
  bool runs_program = false;  ///< its first word without a dash is a program: what follows is that program's
  std::vector<OptionEntry> options;
  std::vector<OptionEntry> variables;         ///< of the environment, as help lists them
  std::vector<EnvironmentEntry> environment;  ///< set for the command, unless the user has set them
};

/// NAME.lmf-plugin.toml: all that listing, help and routing know of a plugin, without loading it.
struct Manifest {
  std::string text;  ///< the file's bytes: the library embeds the same
  std::string name, version, vendor, summary, license, url, library;
  int abi_major = 0, abi_minor = 0;
  std::string package;                 ///< what to install again when something is missing
  std::vector<std::string> libraries;  ///< what it needs; with a '/', seen from the manifest, it came with the plugin
  std::vector<CommandEntry> commands;
  std::vector<std::string> unknown_keys;   ///< tolerated: a later schema-1 writer may know more
  std::optional<struct stat> file_status;  ///< of the file that was read; none where it was reached by a link

  std::string qualified_name() const { return vendor + "." + name; }
};

/// Lower-case letters, digits and '-', at most 32, a letter first: vendors, plugins and commands.
bool is_name(std::string_view text);

/// Why a manifest cannot be used: Status::manifest or Status::schema.
struct ManifestProblem {
  Status status;
  std::string reason;
};

/// How much of a manifest is looked at. Options are most of it, and toml++ takes 20 ns for a byte: with `names`, where
/// only commands are asked for, they are passed over, whatever is wrong with them.
enum class ManifestPart { names, all };

/// Reads at most kManifestLimitBytes. On a problem, returns none and fills `problem`.
std::optional<Manifest> read_manifest(const std::filesystem::path& path, ManifestProblem& problem,
                                      ManifestPart part = ManifestPart::all);

inline constexpr std::uint64_t kManifestLimitBytes = 256 * 1024;
inline constexpr const char* kManifestSuffix = ".lmf-plugin.toml";

}  // namespace lmf::host
