#pragma once

#include <string>

namespace lmf::host {

/// The text of a plugins.toml with `plugin` ("acme.greet") added to `[disable] plugins`. Whatever else is in it stays
/// as it is, comments too. The text must parse.
std::string with_disabled(const std::string& text, const std::string& plugin);

/// The same without the entry `plugin`.
std::string without_disabled(const std::string& text, const std::string& plugin);

}  // namespace lmf::host
