// lmf: finds the plugin that owns the command argv[1], answers help and version itself, and runs that one plugin in
// this process. The rules are in sdk/plugin/include/lmf/abi.h and the README.
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <exception>
#include <string_view>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/host.hpp"
#include "base/log.hpp"
#include "base/printable.hpp"
#include "base/suggest.hpp"
#include "host/arguments.hpp"
#include "host/catalogue.hpp"
#include "host/command_line_help.hpp"
#include "host/external_commands.hpp"
#include "host/host_log.hpp"
#include "host/known_commands.hpp"
#include "host/output.hpp"
#include "host/plugin_command.hpp"
#include "host/run_command.hpp"
#include "lmf/abi.h"
#include "lmf/error.hpp"

namespace lmf::host {
namespace {

bool is_help_option(std::string_view word) { return word == "-h" || word == "--help"; }

Error usage_error(const std::string& text, const std::string& program) {
  return Error(text, fmt::format("see '{} help'", program), kExitUsage);
}

/// The plugins and the user's question, together as every answer needs them.
class Session {
 public:
  Session(const Environment& environment, const Arguments& arguments)
      : environment_(environment),
        program_(environment.program_name),
        catalogue_(make_catalogue(environment, arguments)) {}

  int help(std::span<const char* const> words) const {
    if (words.size() > 1)
      throw usage_error(fmt::format("help: '{}' is one word too many", shortened(words[1])), program_);
    if (words.empty()) {
      for (const std::string& notice : catalogue_.notices()) say(environment_, notice);
      if (const std::string notice = problem_notice(catalogue_, program_); !notice.empty()) say(environment_, notice);
      return print(overall_help(catalogue_, external_commands(environment_, catalogue_), program_));
    }
    const std::string_view word = words[0];
    if (word == "plugin") return print(plugin_help(program_));
    for (const HostCommand& command : host_commands())
      if (command.name == word) return print(host_command_help(command, program_));
    if (word.starts_with('-')) {
      const std::vector<std::string> known = {"--help"};
      throw usage_error(fmt::format("help: '{}' is not an option.{}", shortened(word), did_you_mean(word, known)),
                        program_);
    }
    if (const auto external = find_external_command(environment_, catalogue_, word)) {
      const char* const ask = "--help";
      run_external_command(*external, environment_, {&ask, 1});
    }
    return print(command_help(claim_of(word), program_));
  }

  int plugin(std::span<const char* const> words) const { return run_plugin_command(catalogue_, environment_, words); }

  int run(const Arguments& arguments) const {
    if (const auto external = find_external_command(environment_, catalogue_, *arguments.command))
      run_external_command(*external, environment_, arguments.rest);
    const Claim& claim = claim_of(*arguments.command);
    for (const std::string_view word : arguments.rest) {
      if (word == "--" || (claim.command->runs_program && !word.starts_with('-'))) break;
      if (is_help_option(word)) return print(command_help(claim, program_));
    }
    check_choices(*arguments.command, claim);
    return run_command(claim, catalogue_, environment_, arguments.rest);
  }

 private:
  static Catalogue make_catalogue(const Environment& environment, const Arguments& arguments) {
    std::vector<std::string> notices;
    auto folders = search_folders(environment, arguments.plugin_directories, notices);
    return Catalogue(std::move(folders), std::move(notices), read_plugin_choices(environment.choices),
                     read_allow_list(environment.plugin_allow));
  }

  /// A plugins.toml of which nothing counts must not turn the command into another one; a worker's is settled.
  void check_choices(std::string_view word, const Claim& claim) const {
    const PluginChoices& choices = catalogue_.choices();
    if (environment_.pin && library_of_pin(*environment_.pin) == claim.plugin->library) return;
    if (choices.might_decide({word, claim.command->name, claim.plugin->manifest.name}))
      throw Error(choices.problem,
                  fmt::format("it may say something about '{}': mend it, or go without it: {} --safe-mode {} ...",
                              claim.command->name, program_, claim.command->name),
                  kExitPluginUnusable);
  }

  const Claim& claim_of(std::string_view word) const {
    if (environment_.pin)
      if (const Claim* pinned = catalogue_.find_in(library_of_pin(*environment_.pin), word)) return *pinned;
    const Claim* claim = catalogue_.find(word);
    const Plugin* unreadable = catalogue_.find_unreadable(word);
    // A broken winner is not replaced by what it hides: plugins lie in the order of their folders.
    const bool chosen = claim && catalogue_.choices().overrides.contains(claim->command->name);
    if (unreadable && !chosen && (!claim || unreadable < claim->plugin))
      throw Error(unreadable->reason, "", kExitPluginUnusable);
    if (claim) return *claim;
    if (const std::string* unmet = catalogue_.why_unmet(word)) throw Error(*unmet, "", kExitPluginUnusable);
    const KnownCommand* known = find_known_command(word);
    if (known && !known->package.empty())
      throw Error(fmt::format("'{}' is not installed. It is in the package '{}'.", word, known->package), "",
                  kExitUnknownCommand);
    if (known || is_host_command(word) || is_first_party_command(word))  // written later, or a name kept for that
      throw Error(fmt::format("'{}' is not part of this version.", word), "", kExitUnknownCommand);
    std::vector<std::string> words = catalogue_.words();
    for (ExternalCommand& external : external_commands(environment_, catalogue_))
      words.push_back(std::move(external.name));
    for (const HostCommand& command : host_commands()) words.emplace_back(command.name);
    for (const KnownCommand& other : known_commands())
      if (std::find(words.begin(), words.end(), other.name) == words.end()) words.emplace_back(other.name);
    throw Error(fmt::format("'{}' is not a command.{}", shortened(word), did_you_mean(word, words)),
                fmt::format("'{} help' lists them", program_), kExitUnknownCommand);
  }

  const Environment& environment_;
  const std::string& program_;
  const Catalogue catalogue_;
};

int answer(Environment& environment, std::span<const char* const> argv) {
  const Arguments arguments = read_arguments(argv);
  if (arguments.safe_mode) enter_safe_mode(environment);
  std::string warning;
  start_log(choose_log_level(arguments.log_level ? &*arguments.log_level : nullptr, environment, warning),
            environment.rank);
  if (!warning.empty()) log::warn("{}", warning);

  const std::string command = arguments.command.value_or("");
  const bool asks_help =
      arguments.help || (is_host_command(command) && !arguments.rest.empty() && is_help_option(arguments.rest[0]));
  if ((arguments.version || command == "version") && !asks_help) {
    if (!arguments.rest.empty())
      throw usage_error(fmt::format("version: '{}' is one word too many", shortened(arguments.rest[0])),
                        environment.program_name);
    return print(fmt::format("lmf {} (plugin ABI {}.{})\n", LMF_VERSION, LMF_ABI_MAJOR, LMF_ABI_MINOR));
  }
  const Session session(environment, arguments);
  if (!arguments.command) return session.help({});
  if (asks_help) {
    const char* word = command.c_str();
    return session.help({&word, 1});
  }
  if (command == "help") return session.help(arguments.rest);
  if (command == "plugin") return session.plugin(arguments.rest);
  return session.run(arguments);
}

/// A file that is opened later must not get the number of a standard input or output that whoever started us has
/// closed: what is printed would end up in it. Opened the wrong way round, so that using them fails as before.
void occupy_standard_files() {
  for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; ++descriptor)
    if (::fcntl(descriptor, F_GETFD) < 0) ::open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

int report(const std::string& program, const char* what, const std::string& hint, int status) {
  std::fprintf(stderr, "%s: %s\n", program.c_str(), printable(what).c_str());
  if (!hint.empty()) std::fprintf(stderr, "  %s\n", printable(hint).c_str());
  return status;
}

}  // namespace
}  // namespace lmf::host

int main(int argc, char** argv) {
  using namespace lmf::host;
  occupy_standard_files();
  std::signal(SIGXFSZ, SIG_IGN);   // a limit on file sizes shall be a sentence, not a core dump
  static Environment environment;  // commands keep pointers into it until the process ends
  int status = lmf::kExitInternal;
  try {
    environment = read_environment(argc > 0 ? argv[0] : nullptr);
    const int words = argc > 1 ? argc - 1 : 0;
    status = answer(environment, {argv + (argc - words), static_cast<std::size_t>(words)});
  } catch (const lmf::Error& error) {
    status = report(environment.program_name, error.what(), error.hint(), error.exit_status());
  } catch (const std::bad_alloc&) {
    status = report(environment.program_name, "out of memory", "", lmf::kExitFailed);
  } catch (const std::exception& error) {
    status =
        report(environment.program_name, error.what(), "this is a fault of lmf: please report it", lmf::kExitInternal);
  }
  leave(status);
}
