#include "host/find_command.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/host.hpp"
#include "base/printable.hpp"
#include "base/shell_word.hpp"
#include "base/suggest.hpp"
#include "host/external_commands.hpp"
#include "host/known_commands.hpp"
#include "lmf/error.hpp"

namespace lmf::host {
namespace {

/// " Did you mean 'train'? It is in the package 'lmf-train', which is not installed." Whoever follows a suggestion must
/// not meet the next obstacle.
std::string suggestion(const Catalogue& catalogue, const Environment& environment, std::string_view word) {
  std::vector<std::string> words = catalogue.words();
  for (ExternalCommand& external : external_commands(environment, catalogue)) words.push_back(std::move(external.name));
  for (const HostCommand& command : host_commands()) words.emplace_back(command.name);
  for (const KnownCommand& known : known_commands())
    if (std::find(words.begin(), words.end(), known.name) == words.end()) words.emplace_back(known.name);
  if (word.find('.') != word.npos)
    for (std::string& qualified : catalogue.qualified_words()) words.push_back(std::move(qualified));
  const std::vector<std::string> near = suggest(word, words);
  std::string text = did_you_mean(near);
  for (const std::string& name : near) {
    const KnownCommand* known = find_known_command(name);
    if (known == nullptr || catalogue.find(name) != nullptr) continue;
    const std::string subject = near.size() == 1 ? "It" : "'" + name + "'";
    text += known->package.empty()
                ? fmt::format(" {} is not part of this version.", subject)
                : fmt::format(" {} is in the package '{}', which is not installed.", subject, known->package);
  }
  return text;
}

}  // namespace

const Claim& find_command(const Catalogue& catalogue, const Environment& environment, std::string_view word) {
  if (environment.pin)
    if (const Claim* pinned = catalogue.find_in(library_of_pin(*environment.pin), word)) return *pinned;
  if (const Claim* claim = catalogue.find(word)) return *claim;
  // By a vendor's name, too: whose the unreadable one is nobody knows.
  if (const Plugin* unreadable = catalogue.find_unreadable(word.substr(word.find('.') + 1)))  // npos + 1 is 0
    throw Error(unreadable->reason, "", kExitPluginUnusable);
  if (const std::string* unmet = catalogue.why_unmet(word)) throw Error(*unmet, "", kExitPluginUnusable);
  const KnownCommand* known = find_known_command(word);
  if (known && !known->package.empty())
    throw Error(fmt::format("'{}' is not installed. It is in the package '{}'.", word, known->package), "",
                kExitUnknownCommand);
  if (known || is_host_command(word) || is_first_party_command(word))  // written later, or a name kept for that
    throw Error(fmt::format("'{}' is not part of this version.", word), "", kExitUnknownCommand);
  if (const auto program = find_unexecutable(environment, word))
    throw Error(fmt::format("'{}' is not a command: {} cannot be executed.", word, program->string()),
                "to make it one: chmod +x " + shell_word(program->native()), kExitUnknownCommand);
  throw Error(fmt::format("'{}' is not a command.{}", shortened(word), suggestion(catalogue, environment, word)),
              fmt::format("'{} help' lists them", environment.program_name), kExitUnknownCommand);
}

const Claim& with_owner(const Claim& claim) {
  const bool is_nobodys = claim.status == Status::conflict || claim.status == Status::reserved ||
                          claim.status == Status::shadowed || claim.plugin->is_unreadable();
  if (is_nobodys) throw Error(claim.reason, "", kExitPluginUnusable);
  return claim;
}

}  // namespace lmf::host
