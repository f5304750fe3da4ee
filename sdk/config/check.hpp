#pragma once

#include <optional>
#include <string>
#include <variant>

#include "config/node.hpp"
#include "config/options.hpp"

/// One written value against one option's description.
namespace lmf::config {

/// A value's text for a message: bounded, in quotes, control characters shown as '?'.
std::string in_quotes(std::string_view text);

/// The command line gives lists and maps as text, `[a, b]`: parsed; anything else as it is. Throws Error for a broken
/// one.
Node opened(const Node& node);

/// The value, or why the node cannot be one: "expected a whole number from 1 to 64".
struct Conversion {
  Options::Value value;
  std::string expected;  ///< "" when it could be converted
  std::string got;       ///< the value as written, for the message
};

/// Type, choices (and their synonyms) and range. Null gives a null value.
Conversion convert(const OptionDescription& option, const Node& node);

/// The default as a value; null without one. Throws Error(kExitInternal) when the table's default is no valid value.
Options::Value default_of(const OptionDescription& option);

/// Whether this version does what the value asks: see OptionDescription::State and `accepts`.
bool is_accepted(const OptionDescription& option, const Options::Value& value);

}  // namespace lmf::config
