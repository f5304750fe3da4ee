#include "host/catalogue.hpp"

#include <algorithm>
#include <deque>
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
  return plugin.manifest.vendor == "lmf" && plugin.folder.place != Place::user;
}

bool answers_to(const CommandEntry& command, std::string_view word) {
  return command.name == word ||
         std::find(command.aliases.begin(), command.aliases.end(), word) != command.aliases.end();
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
  notices_.insert(notices_.end(), allowed_.notices.begin(), allowed_.notices.end());
  if (!choices_.overrides.empty()) scope.beginning = {};  // a command may be given to a plugin that does not have it
  plugins_ = read_plugins(folders_, scope, notices_);
  mark_shadowed_plugins();
  apply_decisions();
  collect_claims();
  settle_overrides();
  settle_claims();
}

/// The first of a name wins also when it is broken: falling back would hide the fault, and let ranks run different
/// code.
void Catalogue::mark_shadowed_plugins() {
  std::unordered_map<std::string, const Plugin*> winners;
  for (Plugin& plugin : plugins_) {
    const auto [winner, is_first] = winners.emplace(plugin.display_name(), &plugin);
    if (is_first) continue;
    plugin.status = Status::shadowed;
    plugin.reason =
        fmt::format("{} is hidden by {}, which is found first ({}). Remove one of them.", plugin.manifest_path.string(),
                    winner->second->manifest_path.string(), description(winner->second->folder.place));
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
  for (const Plugin& plugin : plugins_)
    for (const CommandEntry& command : plugin.manifest.commands)
      own_claims_.push_back({&plugin, &command, plugin.status, plugin.reason});
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
    const std::string unmet =
        fmt::format("{} gives '{}' to {}, which {}", chosen.line, command, chosen.plugin,
                    find_plugin(chosen.plugin) ? "has no such command. Remove that line."
                                               : "is not installed. Install it, or remove that line.");
    if (winner == claims_.end()) notices_.push_back(unmet_[command] = unmet);
    for (auto claim = claims_.begin(); claim != claims_.end(); ++claim) {
      if (claim == winner || !of_command(*claim) || is_out_of_play(claim->status)) continue;
      claim->status = winner == claims_.end() ? Status::conflict : Status::shadowed;
      claim->reason = winner == claims_.end()
                          ? unmet
                          : fmt::format("'{}' of {} is hidden by {}, as {} says. Run it as '{}'.", command,
                                        claim->plugin->manifest_path.string(), winner->plugin->manifest_path.string(),
                                        chosen.line, by_vendor(*claim));
    }
  }
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
      if (earlier->plugin->folder.path == later->plugin->folder.path) {
        const std::string reason =
            fmt::format("'{}' is claimed by {} and {}. {}", command, earlier->plugin->manifest_path.string(),
                        later->plugin->manifest_path.string(), how_to_choose(*earlier, *later, choices_));
        earlier->status = later->status = Status::conflict;
        earlier->reason = later->reason = reason;
      } else {
        later->status = Status::shadowed;
        later->reason = fmt::format("'{}' of {} is hidden by {}. Run it as '{}', or write {}.", command,
                                    later->plugin->manifest_path.string(), earlier->plugin->manifest_path.string(),
                                    by_vendor(*later), override_line(command, *later->plugin, choices_));
      }
    }
    rivals.push_back(&*later);
  }
}

const Claim* Catalogue::find_of_vendor(std::string_view vendor, std::string_view command) const {
  const Claim *found = nullptr, *off = nullptr;
  for (std::size_t i = 0; i < own_claims_.size(); ++i) {
    const Claim& claim = own_claims_[i];
    if (claim.plugin->manifest.vendor != vendor || !answers_to(*claim.command, command)) continue;
    if (claim.status == Status::shadowed) continue;
    if (is_out_of_play(claim.status)) {
      if (off == nullptr) off = &claim;
      continue;
    }
    // Two of one vendor: its name does not tell them apart.
    if (found != nullptr && found->plugin->folder.path == claim.plugin->folder.path) return &claims_[i];
    if (found == nullptr) found = &claim;
  }
  return found != nullptr ? found : off;
}

const Claim* Catalogue::find(std::string_view word) const {
  if (const auto dot = word.find('.'); dot != std::string_view::npos)
    return find_of_vendor(word.substr(0, dot), word.substr(dot + 1));
  const Claim *off = nullptr, *reserved = nullptr;
  const auto search = [&](const auto& matches) -> const Claim* {
    for (const Claim& claim : claims_) {
      if (!matches(*claim.command)) continue;
      if (!is_out_of_play(claim.status)) return &claim;
      const Claim*& last_resort = claim.status == Status::reserved ? reserved : off;
      if (last_resort == nullptr && claim.status != Status::shadowed) last_resort = &claim;
    }
    return off;
  };
  if (const Claim* claim = search([&](const CommandEntry& command) { return command.name == word; })) return claim;
  if (const Claim* claim = search([&](const CommandEntry& command) { return answers_to(command, word); })) return claim;
  return reserved;
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
    if ((plugin.status == Status::manifest || plugin.status == Status::schema) && plugin.manifest.name == word)
      return &plugin;
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
    if (is_out_of_play(claim.status)) continue;
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
