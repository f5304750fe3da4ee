#include "host/catalogue.hpp"

#include <algorithm>
#include <iterator>
#include <unordered_map>

#include <fmt/format.h>

#include "host/known_commands.hpp"

namespace lmf::host {
namespace {

/// Commands that belong to lmf: `plugin` may take `name` only when it says it is lmf's and lies in a place that is not
/// the user's own data folder, where anything can be dropped unnoticed.
bool may_claim(const Plugin& plugin, const std::string& name) {
  if (is_host_command(name)) return false;
  if (!is_first_party_command(name)) return true;
  return (plugin.manifest.vendor == "lmf" || plugin.is_unreadable()) && plugin.folder.place != Place::user;
}

bool has_alias(const CommandEntry& command, std::string_view word) {
  return std::find(command.aliases.begin(), command.aliases.end(), word) != command.aliases.end();
}

bool answers_to(const CommandEntry& command, std::string_view word) {
  return command.name == word || has_alias(command, word);
}

bool is_same_folder(const Claim& one, const Claim& other) {
  return one.plugin->folder.path == other.plugin->folder.path;
}

/// Takes no part in who gets a command.
bool is_out_of_play(Status status) {
  return status == Status::reserved || status == Status::shadowed || status == Status::disabled ||
         status == Status::not_allowed;
}

/// "[override] work = "acme.a" in FILE".
std::string override_line(const std::string& command, const Plugin& plugin, const PluginChoices& choices) {
  return fmt::format("[override] {} = \"{}\" in {}", command, plugin.display_name(),
                     choices.file.empty() ? "plugins.toml" : choices.file.string());
}

std::string by_vendor(const Claim& claim) {
  return fmt::format("{}.{}", claim.plugin->manifest.vendor, claim.command->name);
}

/// How to choose between two of one folder; of one vendor, its name does not tell them apart.
std::string how_to_choose(const Claim& earlier, const Claim& later, const PluginChoices& choices) {
  const std::string line = override_line(earlier.command->name, *earlier.plugin, choices);
  if (earlier.plugin->manifest.vendor == later.plugin->manifest.vendor)
    return fmt::format("To choose, write {}.", line);
  return fmt::format("Say which: {} or {}; or for good: {}.", by_vendor(earlier), by_vendor(later), line);
}

}  // namespace

Catalogue::Catalogue(std::vector<SearchFolder> folders, std::vector<std::string> notices, PluginChoices choices,
                     AllowList allowed, PluginScope scope)
    : folders_(std::move(folders)),
      notices_(std::move(notices)),
      choices_(std::move(choices)),
      allowed_(std::move(allowed)) {
  if (!choices_.problem.empty()) notices_.push_back(choices_.problem);
  notices_.insert(notices_.end(), choices_.notices.begin(), choices_.notices.end());
  notices_.insert(notices_.end(), allowed_.notices.begin(), allowed_.notices.end());
  if (!choices_.overrides.empty()) scope.beginning = {};  // a command may be given to a plugin that does not have it
  plugins_ = read_plugins(folders_, scope, notices_);
  mark_shadowed_plugins();
  apply_decisions();
  collect_claims();
  settle_overrides();
  settle_claims();
  settle_aliases();
}

/// The first of a name wins also when it is broken: falling back would hide the fault, and let ranks run different
/// code. One that cannot be read may be of any vendor.
void Catalogue::mark_shadowed_plugins() {
  std::unordered_map<std::string, const Plugin*> winners;
  for (Plugin& plugin : plugins_) {
    auto winner = winners.find(plugin.display_name());
    if (winner == winners.end()) winner = winners.find(plugin.manifest.name);
    if (winner == winners.end()) {
      winners.emplace(plugin.display_name(), &plugin);
      continue;
    }
    const Plugin& first = *winner->second;
    plugin.status = Status::shadowed;
    plugin.reason = fmt::format("{} is hidden by {}, which is found first ({}){}", plugin.manifest_path.string(),
                                first.manifest_path.string(), description(first.folder.place),
                                first.is_unreadable() && !plugin.is_unreadable()
                                    ? " and cannot be read, so that its vendor is not known. Mend or remove that one."
                                    : ". Remove one of them.");
  }
}

/// What the user switched off and what the operator does not allow, broken or not; but a manifest that cannot be read
/// names no vendor to be allowed, and what is wrong with it is all that can be said.
void Catalogue::apply_decisions() {
  for (Plugin& plugin : plugins_) {
    if (plugin.status == Status::shadowed) continue;
    const std::string name = plugin.display_name();
    if (choices_.disables(plugin.manifest.vendor, plugin.manifest.name)) {
      plugin.status = Status::disabled;
      plugin.reason = fmt::format("{} is switched off by {}. 'lmf plugin enable {}' switches it on.", name,
                                  choices_.disabled_line, name);
    } else if (!plugin.manifest.vendor.empty() && !allowed_.allows(plugin.manifest.vendor, plugin.manifest.name)) {
      plugin.status = Status::not_allowed;
      plugin.reason = allowed_.why_not(plugin.manifest.vendor, plugin.manifest.name);
    }
  }
}

void Catalogue::collect_claims() {
  for (const Plugin& plugin : plugins_) {
    for (const CommandEntry& command : plugin.manifest.commands)
      own_claims_.push_back({&plugin, &command, plugin.status, plugin.reason});
    if (!plugin.is_unreadable() || is_out_of_play(plugin.status) || !may_claim(plugin, plugin.manifest.name)) continue;
    guessed_.emplace_back().name = plugin.manifest.name;
    own_claims_.push_back({&plugin, &guessed_.back(), plugin.status, plugin.reason});
  }
  claims_ = own_claims_;
  for (Claim& claim : claims_) {
    const std::string& command = claim.command->name;
    const auto chosen = choices_.overrides.find(command);
    if (chosen != choices_.overrides.end() && chosen->second.plugin == claim.plugin->display_name()) continue;
    if (may_claim(*claim.plugin, command)) continue;
    claim.status = Status::reserved;
    claim.reason = fmt::format("{} claims the command '{}', which is reserved for lmf. Run it as '{}'",
                               claim.plugin->manifest_path.string(), command, by_vendor(claim));
    claim.reason +=
        is_host_command(command) ? "." : ", or write " + override_line(command, *claim.plugin, choices_) + ".";
  }
}

/// A command that plugins.toml gives away is its plugin's alone, also while that one is broken or missing.
void Catalogue::settle_overrides() {
  for (const auto& entry : choices_.overrides) {
    const std::string& command = entry.first;  // no structured binding: clang before 16 captures none
    const PluginChoices::Override& chosen = entry.second;
    const auto of_command = [&](const Claim& claim) {
      return claim.command->name == command && claim.status != Status::shadowed;
    };
    const auto winner = std::find_if(claims_.begin(), claims_.end(), [&](const Claim& claim) {
      return of_command(claim) && claim.plugin->display_name() == chosen.plugin;
    });
    const Plugin* plugin = find_plugin(chosen.plugin);
    const std::string unmet = fmt::format("{} gives '{}' to {}, which {}", chosen.line, command, chosen.plugin,
                                          plugin == nullptr ? "is not installed. Install it, or remove that line."
                                          : is_behind_unreadable(*plugin) ? "does not count: " + plugin->reason
                                                                          : "has no such command. Remove that line.");
    if (winner == claims_.end()) notices_.push_back(unmet_[command] = unmet);
    for (auto claim = claims_.begin(); claim != claims_.end(); ++claim) {
      if (claim == winner || !of_command(*claim) || is_out_of_play(claim->status)) continue;
      claim->status = winner == claims_.end() ? Status::conflict : Status::shadowed;
      claim->reason =
          winner == claims_.end()
              ? unmet
              : fmt::format("'{}' of {} is hidden by {}, as {} says. {}", command,
                            claim->plugin->manifest_path.string(), winner->plugin->manifest_path.string(), chosen.line,
                            leads_by_vendor(*claim) ? fmt::format("Run it as '{}'.", by_vendor(*claim))
                                                    : "To have it instead, change that line.");
    }
  }
}

/// "vendor.command" is this claim, and not one that is found before it.
bool Catalogue::leads_by_vendor(const Claim& claim) const {
  return find_of_vendor(claim.plugin->manifest.vendor, claim.command->name) ==
         &own_claims_[static_cast<std::size_t>(&claim - claims_.data())];
}

void Catalogue::hide(Claim& claim, const Claim& winner) const {
  claim.status = Status::shadowed;
  if (claim.plugin->is_unreadable()) return;  // that is what there is to say of it
  const std::string line = override_line(claim.command->name, *claim.plugin, choices_);
  claim.reason =
      fmt::format("'{}' of {} is hidden by {}{}. {}", claim.command->name, claim.plugin->manifest_path.string(),
                  winner.plugin->manifest_path.string(), winner.plugin->is_unreadable() ? ", which cannot be read" : "",
                  leads_by_vendor(claim)
                      ? fmt::format("Run it as '{}', or write {}.", by_vendor(claim), line)
                      : fmt::format("To have it instead, write {}, or switch the other one off: lmf plugin disable {}.",
                                    line, winner.plugin->display_name()));
}

void Catalogue::settle_claims() {
  std::unordered_map<std::string, std::vector<Claim*>> claims_of;
  for (auto later = claims_.begin(); later != claims_.end(); ++later) {
    const std::string& command = later->command->name;
    if (choices_.overrides.contains(command)) continue;
    auto& rivals = claims_of[command];
    for (Claim* earlier : rivals) {
      if (earlier->plugin == later->plugin) continue;
      if (is_out_of_play(earlier->status) || is_out_of_play(later->status)) continue;
      const bool is_one_unreadable = earlier->plugin->is_unreadable() || later->plugin->is_unreadable();
      if (is_same_folder(*earlier, *later) && !is_one_unreadable) {
        const std::string reason =
            fmt::format("'{}' is claimed by {} and {}. {}", command, earlier->plugin->manifest_path.string(),
                        later->plugin->manifest_path.string(), how_to_choose(*earlier, *later, choices_));
        earlier->status = later->status = Status::conflict;
        earlier->reason = later->reason = reason;
      } else if (is_same_folder(*earlier, *later) && later->plugin->is_unreadable()) {
        hide(*earlier, *later);  // of one folder the broken one wins: nothing takes its place
      } else {
        hide(*later, *earlier);
      }
    }
    rivals.push_back(&*later);
  }
}

/// An alias is nobody's when two plugins of one folder have it, unless it is a command, or an earlier folder's. As
/// plain words are settled, "vendor.alias" is within the vendor.
void Catalogue::settle_aliases() {
  std::map<std::string, std::vector<const Claim*>> rivals_for;
  for (std::size_t i = 0; i < claims_.size(); ++i)
    for (const std::string& alias : claims_[i].command->aliases) {
      if (!is_out_of_play(claims_[i].status)) rivals_for[alias].push_back(&claims_[i]);
      if (!is_out_of_play(own_claims_[i].status))
        rivals_for[claims_[i].plugin->manifest.vendor + "." + alias].push_back(&own_claims_[i]);
    }
  for (const auto& [word, rivals] : rivals_for) {
    const Claim& first = *rivals[0];
    const auto rival = std::find_if(rivals.begin(), rivals.end(), [&](const Claim* other) {  // of another command
      return other->plugin != first.plugin && other->command->name != first.command->name &&
             is_same_folder(first, *other);
    });
    if (rival == rivals.end()) continue;
    alias_ties_[word] = {first.plugin, first.command, Status::conflict,
                         fmt::format("'{}' is an alias of {} in {} and of {} in {}. Say which: {} or {}.",
                                     std::string_view(word).substr(word.find('.') + 1),  // npos + 1 is 0
                                     first.command->name, first.plugin->manifest_path.string(), (*rival)->command->name,
                                     (*rival)->plugin->manifest_path.string(), by_vendor(first), by_vendor(**rival))};
  }
  for (std::size_t i = 0; i < claims_.size(); ++i) {
    Claim& claim = claims_[i];
    std::copy_if(claim.command->aliases.begin(), claim.command->aliases.end(), std::back_inserter(claim.aliases),
                 [&](const std::string& alias) { return find(alias) == &claim; });
    own_claims_[i].aliases = claim.aliases;
  }
}

const Claim* Catalogue::find_of_vendor(std::string_view vendor, std::string_view command) const {
  if (vendor.empty()) return nullptr;
  const Claim *off = nullptr, *hidden = nullptr;
  const auto search = [&](const auto& matches) -> const Claim* {
    const Claim* found = nullptr;
    for (std::size_t i = 0; i < own_claims_.size(); ++i) {
      const Claim& claim = own_claims_[i];
      if (claim.plugin->manifest.vendor != vendor || !matches(*claim.command)) continue;
      if (is_out_of_play(claim.status)) {
        const Claim*& last_resort = claim.status == Status::shadowed ? hidden : off;
        if (last_resort == nullptr) last_resort = &claim;
        continue;
      }
      // Two of one vendor: its name does not tell them apart.
      if (found != nullptr && is_same_folder(*found, claim)) return &claims_[i];
      if (found == nullptr) found = &claim;
    }
    return found != nullptr ? found : off;
  };
  if (const Claim* claim = search([&](const CommandEntry& entry) { return entry.name == command; })) return claim;
  if (const auto tie = alias_ties_.find(fmt::format("{}.{}", vendor, command)); tie != alias_ties_.end())
    return &tie->second;
  if (const Claim* claim = search([&](const CommandEntry& entry) { return has_alias(entry, command); })) return claim;
  return hidden;
}

const Claim* Catalogue::find(std::string_view word) const {
  if (const auto dot = word.find('.'); dot != std::string_view::npos)
    return find_of_vendor(word.substr(0, dot), word.substr(dot + 1));
  const Claim *off = nullptr, *reserved = nullptr, *hidden = nullptr;
  const auto search = [&](const auto& matches) -> const Claim* {
    for (const Claim& claim : claims_) {
      if (!matches(*claim.command)) continue;
      if (!is_out_of_play(claim.status)) return &claim;
      if (claim.status == Status::shadowed && !is_behind_unreadable(*claim.plugin)) continue;
      const Claim*& last_resort = claim.status == Status::reserved   ? reserved
                                  : claim.status == Status::shadowed ? hidden
                                                                     : off;
      if (last_resort == nullptr) last_resort = &claim;
    }
    return off;
  };
  if (const Claim* claim = search([&](const CommandEntry& command) { return command.name == word; })) return claim;
  if (const auto tie = alias_ties_.find(word); tie != alias_ties_.end()) return &tie->second;
  if (const Claim* claim = search([&](const CommandEntry& command) { return has_alias(command, word); })) return claim;
  return reserved != nullptr ? reserved : hidden;
}

/// Hidden by one that cannot be read, so that no claim of the winner's is known but one.
bool Catalogue::is_behind_unreadable(const Plugin& plugin) const {
  if (plugin.status != Status::shadowed || plugin.is_unreadable()) return false;
  return std::any_of(plugins_.begin(), plugins_.end(), [&](const Plugin& other) {
    return other.is_unreadable() && other.manifest.name == plugin.manifest.name;
  });
}

std::vector<std::string> Catalogue::alias_remarks(const Plugin& plugin) const {
  std::vector<std::string> remarks;
  for (const Claim& claim : claims_) {
    if (claim.plugin != &plugin || is_out_of_play(claim.status)) continue;
    for (const std::string& alias : claim.command->aliases) {
      const Claim* found = find(alias);
      if (found == nullptr || found == &claim) continue;
      if (const auto tie = alias_ties_.find(alias); tie != alias_ties_.end() && found == &tie->second)
        remarks.push_back(found->reason);
      else
        remarks.push_back(
            fmt::format("the alias '{}' of {} does not count: it is {} of {}", alias, claim.command->name,
                        found->command->name == alias ? "the command" : "an alias of " + found->command->name,
                        found->plugin->manifest_path.string()));
    }
  }
  return remarks;
}

const Claim* Catalogue::find_in(const std::string& library, std::string_view command) const {
  command.remove_prefix(command.find('.') + 1);  // npos + 1 is 0
  const auto found = std::find_if(own_claims_.begin(), own_claims_.end(), [&](const Claim& claim) {
    return claim.status == Status::ok && claim.plugin->library == library && answers_to(*claim.command, command);
  });
  return found == own_claims_.end() ? nullptr : &*found;
}

const std::string* Catalogue::why_unmet(std::string_view command) const {
  const auto found = unmet_.find(command);
  return found == unmet_.end() ? nullptr : &found->second;
}

const Plugin* Catalogue::find_plugin(std::string_view name) const {
  const auto found = std::find_if(plugins_.begin(), plugins_.end(), [&](const Plugin& plugin) {
    return plugin.display_name() == name || plugin.manifest.name == name;
  });
  return found == plugins_.end() ? nullptr : &*found;
}

const Plugin* Catalogue::find_unreadable(std::string_view word) const {
  for (const Plugin& plugin : plugins_)
    if (plugin.is_unreadable() && !is_out_of_play(plugin.status) && plugin.manifest.name == word) return &plugin;
  return nullptr;
}

std::vector<std::string> Catalogue::words() const {
  std::vector<std::string> words;
  for (const Claim& claim : claims_) {
    if (is_out_of_play(claim.status)) continue;
    words.push_back(claim.command->name);
    words.insert(words.end(), claim.command->aliases.begin(), claim.command->aliases.end());
  }
  return words;
}

std::vector<std::string> Catalogue::qualified_words() const {
  std::vector<std::string> words;
  for (const Claim& claim : own_claims_) {
    if (is_out_of_play(claim.status) || claim.plugin->is_unreadable()) continue;
    const std::string vendor = claim.plugin->manifest.vendor + ".";
    words.push_back(vendor + claim.command->name);
    for (const std::string& alias : claim.command->aliases) words.push_back(vendor + alias);
  }
  return words;
}

const Catalogue& make_catalogue(const Environment& environment, std::span<const std::string> plugin_directories,
                                PluginScope scope) {
  std::vector<std::string> notices;
  auto folders = search_folders(environment, plugin_directories, notices);
  static auto& kept = *new std::deque<Catalogue>;
  scope.beginning.remove_prefix(scope.beginning.find('.') + 1);  // npos + 1 is 0
  return kept.emplace_back(std::move(folders), std::move(notices), read_plugin_choices(environment.choices),
                           read_allow_list(environment.plugin_allow), scope);
}

}  // namespace lmf::host
