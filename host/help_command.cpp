#include "host/help_command.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "base/printable.hpp"
#include "base/suggest.hpp"
#include "host/command_line_help.hpp"
#include "host/command_options.hpp"
#include "host/external_commands.hpp"
#include "host/find_command.hpp"
#include "host/help_json.hpp"
#include "host/man_page.hpp"
#include "host/option_words.hpp"
#include "host/output.hpp"
#include "host/plugin_command.hpp"
#include "lmf/error.hpp"

namespace lmf::host {
namespace {

const std::vector<std::string>& help_options() {
  static const std::vector<std::string> options = {"--help", "--json", "--man"};
  return options;
}

struct Question {
  std::optional<std::string_view> command, option;
  bool json = false, man = false;
};

class Help {
 public:
  Help(const Catalogue& catalogue, const Environment& environment)
      : catalogue_(catalogue),
        environment_(environment),
        program_(environment.program_name),
        style_(output_style(environment)) {}

  int answer(std::span<const char* const> words) const {
    const Question question = read(words);
    if (!question.command) return overall(question);
    for (const HostCommand& command : host_commands())
      if (command.name == *question.command) return host_command(command, question);
    if (const auto external = find_external_command(environment_, catalogue_, *question.command))
      ask(*external, question);
    const Claim& claim = with_owner(find_command(catalogue_, environment_, *question.command));
    if (question.option) return option(claim, question);
    if (question.json) return print(command_help_json(claim));
    if (question.man) return show_page(man_page(claim), fmt::format("{} help {}", program_, claim.command->name));
    return print(command_help(claim, program_, style_));
  }

 private:
  Question read(std::span<const char* const> words) const {
    Question question;
    for (const std::string_view word : words) {
      if (word == "--json") {
        question.json = true;
      } else if (word == "--man") {
        question.man = true;
      } else if (!question.command && word.starts_with('-')) {
        throw usage_error(fmt::format("'{}' is not an option.{}", shortened(word), did_you_mean(word, help_options())));
      } else if (!question.command || !question.option) {
        (question.command ? question.option : question.command) = word;
      } else {
        throw usage_error(fmt::format("'{}' is one word too many", shortened(word)));
      }
    }
    if (question.man && (question.json || question.option || !question.command))
      throw usage_error("--man needs one command, and nothing else; the page of all of lmf is lmf(1)");
    return question;
  }

  int overall(const Question& question) const {
    for (const std::string& notice : catalogue_.notices()) say(environment_, notice);
    for (const std::string& notice : problem_notices(catalogue_, program_)) say(environment_, notice);
    const auto externals = external_commands(environment_, catalogue_);
    return print(question.json ? overall_help_json(catalogue_, externals)
                               : overall_help(catalogue_, externals, program_, style_));
  }

  int host_command(const HostCommand& command, const Question& question) const {
    if (question.json || question.man || question.option)
      throw usage_error(fmt::format("{} has neither options to explain nor a page of its own", command.name));
    return print(command.name == "plugin" ? plugin_help(program_, style_)
                                          : host_command_help(command, program_, style_));
  }

  /// A program on PATH knows itself what it does.
  [[noreturn]] void ask(const ExternalCommand& external, const Question& question) const {
    if (question.json || question.man || question.option)
      throw usage_error(
          fmt::format("{} is the program {}: only its own --help explains it", external.name, external.path.string()));
    const char* const word = "--help";
    run_external_command(external, environment_, {&word, 1});
  }

  int option(const Claim& claim, const Question& question) const {
    const std::vector<OptionEntry> options = options_of(claim);
    const OptionEntry* found = find_option(options, *question.option);
    if (found == nullptr) throw unknown_option(claim, options, *question.option);
    return print(question.json ? option_help_json(*found, claim) : option_help(*found, claim, program_, style_));
  }

  Error unknown_option(const Claim& claim, const std::vector<OptionEntry>& options, std::string_view word) const {
    std::string near = nearest_option(options, word);
    if (near.empty()) near = did_you_mean(word, help_options());
    return Error(fmt::format("'{}' is not an option of {}.{}", shortened(word), claim.command->name, near),
                 fmt::format("'{} help {}' lists them", program_, claim.command->name), kExitUsage);
  }

  Error usage_error(const std::string& text) const {
    return Error("help: " + text, fmt::format("see '{} help'", program_), kExitUsage);
  }

  const Catalogue& catalogue_;
  const Environment& environment_;
  const std::string& program_;
  const Style style_;
};

}  // namespace

int run_help(const Catalogue& catalogue, const Environment& environment, std::span<const char* const> words) {
  return Help(catalogue, environment).answer(words);
}

}  // namespace lmf::host
