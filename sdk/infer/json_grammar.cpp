#include "infer/json_grammar.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lmf/error.hpp"

namespace lmf::infer {
namespace {

using Json = nlohmann::ordered_json;
using Element = Grammar::Element;
using Sequence = Grammar::Sequence;

constexpr std::int64_t kMostRepeats = 2000;  // of a bounded length: each is a rule
constexpr std::size_t kMostProperties = 500, kLongestName = 500;
constexpr int kDeepest = 64;

constexpr std::array<std::string_view, 11> kNotes = {"title",    "description", "default",  "examples",
                                                     "$schema",  "$id",         "$comment", "deprecated",
                                                     "readOnly", "writeOnly",   "strict"};
constexpr std::array<std::string_view, 18> kUnderstood = {
    "type",      "properties",  "required", "additionalProperties",
    "items",     "prefixItems", "minItems", "maxItems",
    "minLength", "maxLength",   "enum",     "const",
    "anyOf",     "oneOf",       "allOf",    "$ref",
    "$defs",     "definitions"};

Sequence operator+(Sequence a, const Element& b) {
  a.push_back(b);
  return a;
}

Element one_of(Grammar::ByteSet bytes) {
  Element element;
  element.bytes = bytes;
  return element;
}

/// Builds the rules of a schema's parts.
class Builder {
 public:
  Builder(Grammar& grammar, const Json& root, Unknown unknown) : root_(root), unknown_(unknown), grammar_(grammar) {
    digit_ = one_of(Grammar::range('0', '9'));
    blank_ = grammar_.optional(Grammar::literal(" "));
    comma_ = grammar_.rule({{Grammar::byte_of(","), blank_}});
    colon_ = grammar_.rule({{Grammar::byte_of(":"), blank_}});
    define_character();
    string_ = grammar_.rule({Sequence{quote_, grammar_.repeated({character_}, 0), quote_}});
    const Element fraction = grammar_.optional(Sequence{Grammar::byte_of("."), grammar_.repeated({digit_}, 1, 15)});
    const Element exponent = grammar_.optional(Sequence{
        Grammar::byte_of("eE"), grammar_.optional({Grammar::byte_of("+-")}), digit_, grammar_.optional({digit_})});
    integer_ =
        grammar_.rule({Sequence{grammar_.optional(Grammar::literal("-")),
                                grammar_.rule({Grammar::literal("0"), Sequence{one_of(Grammar::range('1', '9')),
                                                                               grammar_.repeated({digit_}, 0, 14)}})}});
    number_ = grammar_.rule({{integer_, fraction, exponent}});
    define_value();
  }

  Element any_object() { return object_; }
  Element schema(const Json& part, const std::string& place, int depth = 0);

 private:
  void define_character();
  void define_value();
  void check_keys(const Json& part, const std::string& place) const;
  void refuse_beside(const Json& part, std::string_view alone, const std::string& place) const;
  Element reference(const Json& name, const std::string& place, int depth);
  Element of_type(const Json& part, const std::string& type, const std::string& place, int depth);
  Element object(const Json& part, const std::string& place, int depth);
  Element members(const std::vector<std::pair<Sequence, bool>>& fixed, const std::optional<Element>& others);
  Element other_key(const std::vector<std::string>& taken);
  Element array(const Json& part, const std::string& place, int depth);
  Element list(const Element& item, std::int64_t least, std::int64_t most);
  Element text(const Json& part, const std::string& place);
  std::pair<std::int64_t, std::int64_t> bounds(const Json& part, const char* least, const char* most,
                                               const std::string& place) const;

  const Json& root_;
  const Unknown unknown_;
  Grammar& grammar_;
  const Element quote_ = Grammar::byte_of("\"");
  Element digit_, blank_, comma_, colon_, character_, plain_character_, wide_character_, string_, integer_, number_,
      value_, object_, array_;
  std::map<std::string, Element> references_;
};

[[noreturn]] void refuse(const std::string& place, const std::string& what) {
  throw Error("schema " + (place.empty() ? std::string("#") : place) + ": " + what,
              "see the documentation for what of JSON Schema can be kept");
}

/// A string's characters: UTF-8 (RFC 3629, table in section 4), control characters and quotes escaped.
void Builder::define_character() {
  const auto range = [](unsigned first, unsigned last) { return one_of(Grammar::range(first, last)); };
  const Element tail = range(0x80, 0xBF);
  auto ascii = Grammar::range(0x20, 0x7F);
  ascii.reset('"').reset('\\');
  wide_character_ = grammar_.rule({{range(0xC2, 0xDF), tail},
                                   {range(0xE0, 0xE0), range(0xA0, 0xBF), tail},
                                   {range(0xE1, 0xEC), tail, tail},
                                   {range(0xED, 0xED), range(0x80, 0x9F), tail},
                                   {range(0xEE, 0xEF), tail, tail},
                                   {range(0xF0, 0xF0), range(0x90, 0xBF), tail, tail},
                                   {range(0xF1, 0xF3), tail, tail, tail},
                                   {range(0xF4, 0xF4), range(0x80, 0x8F), tail, tail}});
  plain_character_ = grammar_.rule({{one_of(ascii)}, {wide_character_}});
  const Element hex = one_of(Grammar::range('0', '9') | Grammar::range('a', 'f') | Grammar::range('A', 'F'));
  // \u of half a surrogate pair would be no character: D8-DF as the first byte are left out.
  const auto not_d = one_of(Grammar::range('0', '9') | Grammar::range('a', 'c') | Grammar::range('e', 'f') |
                            Grammar::range('A', 'C') | Grammar::range('E', 'F'));
  const Element escape = grammar_.rule({{Grammar::byte_of("\"\\/bfnrt")},
                                        {Grammar::byte_of("u"), not_d, hex, hex, hex},
                                        {Grammar::byte_of("u"), Grammar::byte_of("dD"), range('0', '7'), hex, hex}});
  character_ = grammar_.rule({{plain_character_}, {Grammar::byte_of("\\"), escape}});
}

void Builder::define_value() {
  value_ = grammar_.declare();
  const Sequence member = {string_, colon_, value_};
  object_ = grammar_.rule({Grammar::literal("{}"), Sequence{Grammar::byte_of("{")} + member +
                                                       grammar_.repeated(Sequence{comma_} + member, 0) +
                                                       Grammar::byte_of("}")});
  array_ = list(value_, 0, -1);
  grammar_.define(value_, {{object_},
                           {array_},
                           {string_},
                           {number_},
                           Grammar::literal("true"),
                           Grammar::literal("false"),
                           Grammar::literal("null")});
}

void Builder::check_keys(const Json& part, const std::string& place) const {
  if (unknown_ == Unknown::left_out) return;
  for (const auto& [key, unused] : part.items())
    if (std::ranges::find(kNotes, key) == kNotes.end() && std::ranges::find(kUnderstood, key) == kUnderstood.end())
      refuse(place, "'" + key + "' is not supported");
}

/// What stands beside a key that decides all by itself would be a further rule, which nothing would keep. A type beside
/// values is no more than a note.
void Builder::refuse_beside(const Json& part, std::string_view alone, const std::string& place) const {
  if (unknown_ == Unknown::left_out) return;
  for (const auto& [key, unused] : part.items()) {
    const bool note = std::ranges::find(kNotes, key) != kNotes.end() || key == "$defs" || key == "definitions" ||
                      (key == "type" && (alone == "const" || alone == "enum"));
    if (!note && key != alone) refuse(place, "'" + key + "' beside '" + std::string(alone) + "' is not supported");
  }
}

Element Builder::schema(const Json& part, const std::string& place, int depth) {
  if (depth > kDeepest) refuse(place, "is nested too deeply");
  if (part.is_boolean() && part.get<bool>()) return value_;
  if (!part.is_object()) refuse(place, "is no object");
  check_keys(part, place);
  for (const char* alone : {"$ref", "const", "enum", "anyOf", "oneOf", "allOf"})
    if (part.contains(alone)) refuse_beside(part, alone, place);
  if (part.contains("$ref")) return reference(part["$ref"], place, depth);
  if (part.contains("const")) return grammar_.rule({Grammar::literal(part["const"].dump())});
  if (part.contains("enum")) {
    if (!part["enum"].is_array() || part["enum"].empty()) refuse(place, "'enum' is no list of values");
    std::vector<Sequence> choices;
    for (const Json& value : part["enum"]) choices.push_back(Grammar::literal(value.dump()));
    return grammar_.rule(std::move(choices));
  }
  for (const char* key : {"anyOf", "oneOf", "allOf"}) {
    if (!part.contains(key)) continue;
    const Json& list = part[key];
    if (!list.is_array() || list.empty()) refuse(place, std::string("'") + key + "' is no list of schemas");
    if (std::string_view(key) == "allOf" && list.size() > 1)
      refuse(place, "'allOf' of several schemas is not supported");
    std::vector<Sequence> choices;
    for (std::size_t i = 0; i < list.size(); ++i)
      choices.push_back({schema(list[i], place + "/" + key + "/" + std::to_string(i), depth + 1)});
    return grammar_.rule(std::move(choices));
  }
  if (!part.contains("type")) {
    const auto any_of = [&](std::initializer_list<const char*> keys) {
      return std::ranges::any_of(keys, [&](const char* key) { return part.contains(key); });
    };
    if (any_of({"properties", "required", "additionalProperties"})) return object(part, place, depth);
    if (any_of({"items", "prefixItems", "minItems", "maxItems"})) return array(part, place, depth);
    if (any_of({"minLength", "maxLength"})) return text(part, place);
    return value_;
  }
  const Json& type = part["type"];
  if (type.is_string()) return of_type(part, type.get<std::string>(), place, depth);
  if (!type.is_array() || type.empty()) refuse(place, "'type' is neither a name nor a list of names");
  std::vector<Sequence> choices;
  for (const Json& name : type) {
    if (!name.is_string()) refuse(place, "'type' is neither a name nor a list of names");
    choices.push_back({of_type(part, name.get<std::string>(), place, depth)});
  }
  return grammar_.rule(std::move(choices));
}

Element Builder::reference(const Json& name, const std::string& place, int depth) {
  if (!name.is_string()) refuse(place, "'$ref' is no text");
  const auto target = name.get<std::string>();
  if (const auto known = references_.find(target); known != references_.end()) return known->second;
  if (!target.starts_with('#')) refuse(place, "'$ref' " + target + " is not within the schema");
  const Json* part = nullptr;
  try {
    part = &root_.at(Json::json_pointer(target.substr(1)));
  } catch (const Json::exception&) {
    refuse(place, "'$ref' " + target + " names nothing");
  }
  const Element rule = references_[target] = grammar_.declare();
  grammar_.define(rule, {{schema(*part, target, depth + 1)}});
  return rule;
}

Element Builder::of_type(const Json& part, const std::string& type, const std::string& place, int depth) {
  if (type == "object") return object(part, place, depth);
  if (type == "array") return array(part, place, depth);
  if (type == "string") return text(part, place);
  if (type == "integer") return integer_;
  if (type == "number") return number_;
  if (type == "boolean") return grammar_.rule({Grammar::literal("true"), Grammar::literal("false")});
  if (type == "null") return grammar_.rule({Grammar::literal("null")});
  refuse(place, "'type' is '" + type + "', which JSON Schema does not have");
}

std::pair<std::int64_t, std::int64_t> Builder::bounds(const Json& part, const char* least, const char* most,
                                                      const std::string& place) const {
  const auto bound = [&](const char* key, std::int64_t otherwise) {
    if (!part.contains(key)) return otherwise;
    if (!part[key].is_number_integer() || part[key].get<std::int64_t>() < 0 ||
        part[key].get<std::int64_t>() > kMostRepeats)
      refuse(place, std::string("'") + key + "' is no number from 0 to " + std::to_string(kMostRepeats));
    return part[key].get<std::int64_t>();
  };
  const std::int64_t low = bound(least, 0), high = bound(most, -1);
  if (high >= 0 && low > high) refuse(place, std::string("'") + least + "' is larger than '" + most + "'");
  return {low, high};
}

Element Builder::text(const Json& part, const std::string& place) {
  const auto [least, most] = bounds(part, "minLength", "maxLength", place);
  if (least == 0 && most < 0) return string_;
  return grammar_.rule({Sequence{quote_, grammar_.repeated({character_}, least, most), quote_}});
}

/// '[' items ']'.
Element Builder::list(const Element& item, std::int64_t least, std::int64_t most) {
  std::vector<Sequence> choices;
  if (least == 0) choices.push_back(Grammar::literal("[]"));
  if (most != 0)
    choices.push_back(
        {Grammar::byte_of("["), item,
         grammar_.repeated({comma_, item}, std::max<std::int64_t>(least - 1, 0), most < 0 ? -1 : most - 1),
         Grammar::byte_of("]")});
  return grammar_.rule(std::move(choices));
}

Element Builder::array(const Json& part, const std::string& place, int depth) {
  const auto [least, most] = bounds(part, "minItems", "maxItems", place);
  if (part.contains("prefixItems")) {
    const Json& items = part["prefixItems"];
    const bool closed = part.contains("items") && part["items"] == false;
    if (!items.is_array() || items.empty() || least > std::ssize(items) || (most >= 0 && most < std::ssize(items)) ||
        (part.contains("items") && !closed))
      refuse(place, "'prefixItems' is supported as the whole list only");
    Sequence all = Grammar::literal("[");
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (i > 0) all.push_back(comma_);
      all.push_back(schema(items[i], place + "/prefixItems/" + std::to_string(i), depth + 1));
    }
    return grammar_.rule({all + Grammar::literal("]")});
  }
  return list(part.contains("items") ? schema(part["items"], place + "/items", depth + 1) : value_, least, most);
}

Element Builder::object(const Json& part, const std::string& place, int depth) {
  const Json none = Json::object(), nothing = Json::array();
  const Json& properties = part.contains("properties") ? part["properties"] : none;
  const Json& required = part.contains("required") ? part["required"] : nothing;
  if (!properties.is_object()) refuse(place, "'properties' is no object");
  if (properties.size() > kMostProperties)
    refuse(place, "has more than " + std::to_string(kMostProperties) + " properties");
  if (!required.is_array()) refuse(place, "'required' is no list of names");
  std::set<std::string> needed;
  for (const Json& name : required) {
    if (!name.is_string()) refuse(place, "'required' is no list of names");
    needed.insert(name.get<std::string>());
  }
  std::vector<std::pair<Sequence, bool>> fixed;
  std::vector<std::string> taken;
  const auto add = [&](const std::string& name, const Element& value, bool must) {
    if (name.size() > kLongestName)
      refuse(place, "a property's name is longer than " + std::to_string(kLongestName) + " bytes");
    fixed.emplace_back(Grammar::literal(Json(name).dump()) + colon_ + value, must);
    taken.push_back(name);
  };
  for (const auto& [name, property] : properties.items())
    add(name, schema(property, place + "/properties/" + name, depth + 1), needed.erase(name) > 0);
  const bool unrestricted = !part.contains("properties") && !part.contains("additionalProperties");
  const Json& more = part.contains("additionalProperties") ? part["additionalProperties"] : Json(unrestricted);
  const bool closed = more.is_boolean() && !more.get<bool>();
  if (closed && !needed.empty()) {
    if (part.contains("additionalProperties"))
      refuse(place, "'required' names " + *needed.begin() + ", which is no property");
    for (const std::string& name : needed) add(name, value_, true);
    return members(fixed, std::nullopt);
  }
  const Element other = closed ? value_ : schema(more, place + "/additionalProperties", depth + 1);
  for (const std::string& name : needed) add(name, other, true);
  if (closed) return members(fixed, std::nullopt);
  return members(fixed, grammar_.rule({{other_key(taken), colon_, other}}));
}

/// The fixed members in their order, those that need not be there perhaps, then any number of others.
Element Builder::members(const std::vector<std::pair<Sequence, bool>>& fixed, const std::optional<Element>& others) {
  // What follows member i when something stands before it (1) or nothing does (0).
  std::array<Element, 2> rest;
  const Sequence close = Grammar::literal("}");
  rest[0] = others ? grammar_.rule({close, Sequence{*others, grammar_.repeated({comma_, *others}, 0)} + close})
                   : grammar_.rule({close});
  rest[1] = others ? grammar_.rule({Sequence{grammar_.repeated({comma_, *others}, 0)} + close}) : rest[0];
  for (std::size_t i = fixed.size(); i-- > 0;) {
    const auto& [member, must] = fixed[i];
    std::vector<Sequence> first{member + rest[1]}, later{Sequence{comma_} + member + rest[1]};
    if (!must) first.push_back({rest[0]}), later.push_back({rest[1]});
    rest = {grammar_.rule(std::move(first)), grammar_.rule(std::move(later))};
  }
  return grammar_.rule({{Grammar::byte_of("{"), rest[0]}});
}

/// A key that is none of those: without escapes, so that none of them can be spelt otherwise.
Element Builder::other_key(const std::vector<std::string>& taken) {
  const Element rest = grammar_.repeated({plain_character_}, 0);
  // A tree of the names' bytes. What branches off must not be half a character.
  struct Node {
    std::map<unsigned char, Node> next;
  } tree;
  for (const std::string& name : taken) {
    Node* node = &tree;
    for (const unsigned char byte : Json(name).dump()) {
      if (byte == '"' && node == &tree) continue;
      node = &node->next[byte];
    }
  }
  const auto build = [&](const auto& self, const Node& node, bool whole) -> Element {
    std::vector<Sequence> choices;
    bool ascii_only = whole;
    auto others = Grammar::range(0x20, 0x7F);
    others.reset('\\');
    for (const auto& [byte, next] : node.next) {
      others.reset(byte);
      ascii_only = ascii_only && byte < 0x80;
      if (byte != '"') choices.push_back({one_of(Grammar::range(byte, byte)), self(self, next, byte < 0x80)});
    }
    if (ascii_only) choices.push_back({wide_character_, rest, quote_});
    const bool may_end = others.test('"');
    others.reset('"');
    choices.push_back({one_of(others), rest, quote_});
    if (may_end) choices.push_back({quote_});
    return grammar_.rule(std::move(choices));
  };
  return grammar_.rule({{quote_, build(build, tree, true)}});
}

}  // namespace

Element json_object_rule(Grammar& grammar) {
  const Json nothing;
  return Builder(grammar, nothing, Unknown::refused).any_object();
}

Element json_schema_rule(Grammar& grammar, const Json& schema, Unknown unknown) {
  return Builder(grammar, schema, unknown).schema(schema, "");
}

}  // namespace lmf::infer
