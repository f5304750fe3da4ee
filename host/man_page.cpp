#include "host/man_page.hpp"

#include <csignal>
#include <cstdio>

#include <unistd.h>

#include <fmt/format.h>

#include "host/command_line_help.hpp"
#include "host/command_options.hpp"
#include "host/option_words.hpp"
#include "host/output.hpp"
#include "lmf/error.hpp"

namespace lmf::host {
namespace {

using State = OptionEntry::State;

/// A text as roff prints it: no escape, a dash that can be copied, no request at the beginning of a line.
std::string roff(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '\\')
      result += "\\e";
    else if (c == '-')
      result += "\\-";
    else if (c == '\'')
      result += "\\(aq";
    else if (c == '^')
      result += "\\(ha";
    else if (c == '`')
      result += "\\(ga";
    else if (c == '~')
      result += "\\(ti";
    else
      result += c;
  }
  return (!result.empty() && result[0] == '.' ? "\\&" : "") + result;
}

/// An argument of a macro.
std::string argument(std::string_view text) {
  std::string result = "\"";
  for (const char c : roff(text)) result += c == '"' ? "\\(dq" : std::string(1, c);
  return result + "\"";
}

/// Options of one state under their headings, each with what it means.
std::string option_parts(const std::vector<OptionEntry>& options) {
  Sections sections;
  for (const OptionEntry& option : options)
    if (option.state == State::supported)
      sections[option_heading(option)].emplace_back(option_word(option), option_explanation(option));
  std::string text;
  for (const auto& [heading, rows] : sections.all()) {
    if (heading != "Options") text += fmt::format(".SS {}\n", argument(heading));
    for (const auto& [word, explanation] : rows) text += fmt::format(".TP\n.B {}\n{}\n", roff(word), roff(explanation));
  }
  return text;
}

/// What is not supported, each with its reason.
std::string reasons(State state, const std::vector<OptionEntry>& options, const std::string& heading) {
  std::string text;
  for (const OptionEntry& option : options)
    if (option.state == state)
      text += fmt::format(".TP\n.B {}\n{}\n", roff(option_name(option)), roff(option.reason + "."));
  return text.empty() ? text : fmt::format(".SH {}\n", argument(heading)) + text;
}

}  // namespace

std::string man_page(const Claim& claim) {
  const CommandEntry& command = *claim.command;
  const std::vector<OptionEntry> options = options_of(claim);
  const std::string name = "lmf-" + command.name;
  std::string page =
      fmt::format(".\\\" Made by 'lmf help {0} --man' from the manifest of the command.\n.TH {1} 1 \"\" {2} lmf\n",
                  command.name, argument(upper_case(name)),
                  argument(fmt::format("{} {}", claim.plugin->display_name(), claim.plugin->manifest.version)));
  page += fmt::format(".SH NAME\n{} \\- {}\n", roff(name), roff(command.summary));
  page += fmt::format(".SH SYNOPSIS\n{}\n", roff(usage_of(command, "lmf")));
  if (!claim.aliases.empty()) page += fmt::format(".PP\nAlso called: {}\n", roff(joined(claim.aliases)));
  page += ".SH OPTIONS\n" + option_parts(options);
  page += reasons(State::refused, options, "NOT IN THIS VERSION");
  page += reasons(State::noted, options, "ACCEPTED WITHOUT EFFECT");
  page += ".SH \"SEE ALSO\"\n.BR lmf (1),\n.BR lmf\\-plugins (7)\n";
  return page;
}

int show_page(const std::string& page, const std::string& instead) {
  if (::isatty(STDOUT_FILENO) != 1) return print(page);
  std::signal(SIGPIPE, SIG_IGN);  // the pager was left before the end
  std::FILE* man = ::popen("man -l -", "w");
  if (man != nullptr) std::fwrite(page.data(), 1, page.size(), man);
  if (man == nullptr || ::pclose(man) != 0)
    throw Error("cannot show the page: man(1) failed or is not installed", fmt::format("'{}' says the same", instead));
  return kExitDone;
}

}  // namespace lmf::host
