#pragma once

#include <string>
#include <string_view>

namespace lmf::host {

/// What is known about a plugin, or about one command of it. One value for each step of the load sequence, so that a
/// status names the step that failed.
enum class Status {
  ok,
  manifest,         ///< the manifest cannot be read or is wrong
  schema,           ///< the manifest is of a later schema
  abi,              ///< the plugin needs another plugin ABI
  library_missing,  ///< no regular file of the manifest's name beside it
  options,          ///< a table of options that the manifest names is not there, or wrong
  unsafe,           ///< somebody else could have changed the file
  load,             ///< the system's loader refused it: not a library, truncated, an undefined symbol
  dependency,       ///< a library that it needs is not there, too old or cut off
  entry,            ///< no lmf_plugin_query_v1, or no usable answer from it
  mismatch,         ///< library and manifest are of different builds
  reserved,         ///< claims a command that belongs to the host or to lmf's own plugins
  shadowed,         ///< the same name is found earlier in the search order
  disabled,         ///< switched off in plugins.toml
  not_allowed,      ///< not among LMF_PLUGIN_ALLOW
  no_manifest,      ///< a library without a manifest: not known as a plugin
  crashed,          ///< ends the process while it is loaded
  timeout,          ///< does not come back while it is loaded
  untried,          ///< there was no process to load it in
  conflict,         ///< another plugin of the same folder claims the command
};

/// A status with its reason, in whole sentences; "" when it is ok.
struct Verdict {
  Status status = Status::ok;
  std::string reason;
};

/// The word users see: "library-missing".
std::string_view word(Status status);

/// Something is wrong, as opposed to what somebody decided: shadowed, disabled, not allowed.
bool is_fault(Status status);

}  // namespace lmf::host
