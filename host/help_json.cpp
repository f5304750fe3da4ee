#include "host/help_json.hpp"

#include "host/command_options.hpp"
#include "host/json_text.hpp"
#include "host/known_commands.hpp"
#include "host/option_words.hpp"

namespace lmf::host {
namespace {

using Json = nlohmann::ordered_json;
constexpr int kFormat = 1;

Json or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }
Json or_null(const std::optional<double>& number) { return number ? Json(*number) : Json(); }

const char* word(OptionEntry::Form form) {
  return form == OptionEntry::Form::key ? "key" : form == OptionEntry::Form::variable ? "variable" : "option";
}

const char* word(OptionEntry::State state) {
  return state == OptionEntry::State::refused ? "refused" : state == OptionEntry::State::noted ? "noted" : "supported";
}

Json option_json(const OptionEntry& option) {
  return {{"name", option.name},
          {"form", word(option.form)},
          {"short", or_null(option.short_name)},
          {"aliases", option.aliases},
          {"group", option_heading(option)},
          {"type", or_null(option.type)},
          {"value", or_null(option.value)},
          {"default", or_null(option.default_value)},
          {"min", or_null(option.minimum)},
          {"max", or_null(option.maximum)},
          {"choices", option.choices},
          {"state", word(option.state)},
          {"accepts", option.allowed()},
          {"reason", or_null(option.reason)},
          {"help", option.help}};
}

Json command_json(const Claim& claim) {
  const CommandEntry& command = *claim.command;
  return {{"name", command.name},
          {"aliases", claim.aliases},
          {"group", command.group.empty() ? "Commands" : command.group},
          {"summary", command.summary},
          {"usage", or_null(command.usage)},
          {"plugin", claim.plugin->display_name()},
          {"status", word(claim.status)}};
}

}  // namespace

std::string overall_help_json(const Catalogue& catalogue, const std::vector<ExternalCommand>& externals) {
  Json commands = Json::array(), own = Json::array(), missing = Json::array(), programs = Json::array();
  for (const Claim& claim : catalogue.claims()) commands.push_back(command_json(claim));
  for (const HostCommand& command : host_commands())
    own.push_back({{"name", command.name}, {"summary", command.summary}, {"usage", command.usage}});
  for (const KnownCommand& known : known_commands())
    if (catalogue.find(known.name) == nullptr && catalogue.find_unreadable(known.name) == nullptr)
      missing.push_back(
          {{"name", known.name}, {"summary", known.summary}, {"package", or_null(std::string(known.package))}});
  for (const ExternalCommand& external : externals)
    programs.push_back({{"name", external.name}, {"path", external.path.string()}});
  return json_text({{"format", kFormat},
                    {"version", LMF_VERSION},
                    {"commands", commands},
                    {"host_commands", own},
                    {"programs", programs},
                    {"not_installed", missing}});
}

std::string command_help_json(const Claim& claim) {
  Json options = Json::array();
  for (const OptionEntry& option : options_of(claim)) options.push_back(option_json(option));
  Json command = command_json(claim);
  command["options"] = options;
  return json_text({{"format", kFormat}, {"version", LMF_VERSION}, {"command", command}});
}

std::string option_help_json(const OptionEntry& option, const Claim& claim) {
  return json_text({{"format", kFormat},
                    {"version", LMF_VERSION},
                    {"command", claim.command->name},
                    {"option", option_json(option)}});
}

}  // namespace lmf::host
