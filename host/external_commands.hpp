#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "host/catalogue.hpp"
#include "host/environment.hpp"

namespace lmf::host {

/// An executable `lmf-NAME` on PATH is the command NAME, after everything that lmf and its plugins know: it never takes
/// a name of theirs, also while that plugin is broken, switched off or not installed. PATH is the user's own decision,
/// as for any program; relative and empty entries of it are passed over. In safe mode and with LMF_PLUGIN_ALLOW there
/// are none.
struct ExternalCommand {
  std::string name;  ///< "hello" of lmf-hello
  std::filesystem::path path;
  std::string hidden_by;  ///< what has its name: "the command of acme.greet"; "" when it can be run
};

/// All that can be run, sorted by name.
std::vector<ExternalCommand> external_commands(const Environment& environment, const Catalogue& catalogue);
/// These and the hidden ones.
std::vector<ExternalCommand> all_external_commands(const Environment& environment, const Catalogue& catalogue);
/// The program for one word, without listing folders.
std::optional<ExternalCommand> find_external_command(const Environment& environment, const Catalogue& catalogue,
                                                     std::string_view word);

/// A file `lmf-WORD` on PATH that would be the program if it could be executed.
std::optional<std::filesystem::path> find_unexecutable(const Environment& environment, std::string_view word);

/// Becomes the program, with LMF=the host in its environment so that it can call back. Throws Error (exit 126) when the
/// system cannot run it.
[[noreturn]] void run_external_command(const ExternalCommand& command, const Environment& environment,
                                       std::span<const char* const> words);

}  // namespace lmf::host
