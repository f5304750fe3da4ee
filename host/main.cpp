// lmf: finds the plugin that owns the command argv[1], answers help and version itself, and runs that one plugin in
// this process. The rules are in sdk/plugin/include/lmf/abi.h and the README.
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
#include "host/arguments.hpp"
#include "host/catalogue.hpp"
#include "host/command_line_help.hpp"
#include "host/completion.hpp"
#include "host/external_commands.hpp"
#include "host/find_command.hpp"
#include "host/help_command.hpp"
#include "host/host_log.hpp"
#include "host/known_commands.hpp"
#include "host/output.hpp"
#include "host/plugin_command.hpp"
#include "host/run_command.hpp"
#include "lmf/abi.h"
#include "lmf/error.hpp"

namespace lmf::host {
namespace {

Error usage_error(const std::string& text, const std::string& program) {
  return Error(text, fmt::format("see '{} help'", program), kExitUsage);
}

/// The plugins and the user's question, together as every answer needs them.
class Session {
 public:
  Session(const Environment& environment, const Arguments& arguments)
      : environment_(environment), program_(environment.program_name), arguments_(arguments) {}

  int help(std::span<const char* const> words) const { return run_help(look(), environment_, words); }

  int plugin(std::span<const char* const> words) const { return run_plugin_command(look(), environment_, words); }

  int run() const {
    const std::string& word = *arguments_.command;
    const Catalogue& of_word = look(word);
    if (const auto external = find_external_command(environment_, of_word, word))
      run_external_command(*external, environment_, arguments_.rest);
    const bool is_known = of_word.find(word) != nullptr;
    return run(word, is_known ? of_word : look());  // what is near to an unknown word can be any
  }

 private:
  const Catalogue& look(std::string_view beginning = {}) const {
    return make_catalogue(environment_, arguments_.plugin_directories, {.beginning = beginning});
  }

  int run(const std::string& command, const Catalogue& catalogue) const {
    const Claim& claim = find_command(catalogue, environment_, command);
    for (const std::string_view word : arguments_.rest) {
      if (word == "--" || (claim.command->runs_program && !word.starts_with('-'))) break;
      if (is_help_option(word)) return print(command_help(with_owner(claim), program_, output_style(environment_)));
    }
    check_choices(command, claim, catalogue.choices());
    return run_command(claim, catalogue, environment_, arguments_.rest);
  }

  /// A plugins.toml of which nothing counts must not turn the command into another one; a worker's is settled.
  void check_choices(std::string_view word, const Claim& claim, const PluginChoices& choices) const {
    if (environment_.pin && library_of_pin(*environment_.pin) == claim.plugin->library) return;
    if (choices.might_decide({word, claim.command->name, claim.plugin->manifest.name}))
      throw Error(choices.problem,
                  fmt::format("it may say something about '{}': mend it, or go without it: {} --safe-mode {} ...",
                              claim.command->name, program_, claim.command->name),
                  kExitPluginUnusable);
  }

  const Environment& environment_;
  const std::string& program_;
  const Arguments& arguments_;
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
  if (command == "__complete") return print(completions(environment, arguments.rest));
  if (command == "completion" && !asks_help) return print_completion_script(environment, arguments.rest);
  const Session session(environment, arguments);
  if (!arguments.command) return session.help({});
  if (asks_help) {
    const char* word = command.c_str();
    return session.help({&word, 1});
  }
  if (command == "help") return session.help(arguments.rest);
  if (command == "plugin") return session.plugin(arguments.rest);
  return session.run();
}

/// A file that is opened later must not get the number of a standard input or output that whoever started us has
/// closed: what is printed would end up in it. Opened the wrong way round, so that using them fails as before.
void occupy_standard_files() {
  for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; ++descriptor)
    if (::fcntl(descriptor, F_GETFD) < 0) ::open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

int report(const std::string& program, const char* what, const std::string& hint, int status) {
  std::fprintf(stderr, "%s: %s\n", program.c_str(), printable_line(what).c_str());
  if (!hint.empty()) std::fprintf(stderr, "  %s\n", printable_line(hint).c_str());
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
