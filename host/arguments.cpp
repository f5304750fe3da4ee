#include "host/arguments.hpp"

#include <fmt/format.h>

#include "base/printable.hpp"
#include "base/suggest.hpp"
#include "lmf/error.hpp"

namespace lmf::host {
namespace {

const std::vector<std::string>& option_names() {
  static const std::vector<std::string> names = {"--plugin-dir", "--safe-mode", "--log-level", "--help", "--version"};
  return names;
}

}  // namespace

bool is_help_option(std::string_view word) { return word == "-h" || word == "--help"; }

Arguments read_arguments(std::span<const char* const> argv) {
  Arguments arguments;
  std::size_t next = 0;
  for (; next < argv.size() && argv[next][0] == '-'; ++next) {
    const std::string_view word = argv[next];
    const auto equals = word.find('=');
    const std::string_view name = word.substr(0, equals);
    const auto value = [&]() -> std::string {
      if (equals != std::string_view::npos) return std::string(word.substr(equals + 1));
      if (next + 1 >= argv.size()) throw Error(fmt::format("{} needs a value", name), "", kExitUsage);
      return argv[++next];
    };
    if (name == "--plugin-dir") {
      arguments.plugin_directories.push_back(value());
    } else if (name == "--log-level") {
      arguments.log_level = value();
    } else if (word == "--safe-mode") {
      arguments.safe_mode = true;
    } else if (is_help_option(word)) {
      arguments.help = true;
    } else if (word == "-V" || word == "--version") {
      arguments.version = true;
    } else {
      const std::string near = did_you_mean(name, option_names());
      throw Error(fmt::format("'{}' is not an option.{}", shortened(word), near), near.empty() ? "see 'lmf help'" : "",
                  kExitUsage);
    }
  }
  if (next < argv.size()) arguments.command = argv[next++];
  arguments.rest.assign(argv.begin() + static_cast<std::ptrdiff_t>(std::min(next, argv.size())), argv.end());
  return arguments;
}

}  // namespace lmf::host
