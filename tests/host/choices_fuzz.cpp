// plugins.toml: reading it, and switching a plugin off and on again in it.
#include <algorithm>
#include <cstdint>
#include <string>

#include "host/choices_edit.hpp"
#include "host/plugin_choices.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto choices = lmf::host::parse_plugin_choices(text, "plugins.toml");
  if (!choices.problem.empty()) {
    if (!choices.problem.starts_with("plugins.toml:")) __builtin_trap();
    return 0;
  }
  // An edit may fail to be what it should (its caller looks), but neither crashes nor grows beyond the entry.
  const std::string with = lmf::host::with_disabled(text, "acme.fuzz");
  if (with.size() > text.size() + 64) __builtin_trap();
  for (const std::string& entry : choices.disabled)
    if (lmf::host::without_disabled(text, entry).size() > text.size()) __builtin_trap();
  return 0;
}
