#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "lmf/error.hpp"

namespace lmf {

/// The first place where a text is no JSON, and what was expected there.
struct JsonFault {
  std::size_t offset;  ///< in bytes
  std::string what;    ///< "expected ',' or '}', found a text"
};
std::optional<JsonFault> find_json_fault(std::string_view text);

/// "FILE:3:7: not well-formed JSON: expected ',' or '}', found a text": what to say of a text that a reader refused.
/// `otherwise`: its own reason, where it is stricter than JSON.
std::string explain_json(std::string_view text, const std::string& file, std::string_view otherwise = {});

/// What is nested deeper is refused: values are written and compared by functions that call themselves.
constexpr std::size_t kMaximumJsonDepth = 64;

/// Makes a value of a text in one pass, in time that grows with its length: nlohmann's parser, given a callback, goes
/// through all of an object or a list again behind each object or list within it. Whoever derives from it may leave
/// members out, and count.
template <class Json = nlohmann::json>
class JsonBuilder : public nlohmann::json_sax<Json> {
 public:
  /// nullopt for what is no JSON, or too_deep().
  std::optional<Json> build(std::string_view text) {
    nlohmann::json_sax<Json>* const events = this;
    if (!Json::sax_parse(text, events)) return std::nullopt;
    return std::move(root_);
  }
  bool too_deep() const { return too_deep_; }
  /// Of the outermost object's members, the one that was read last.
  const std::string& outermost_member() const { return outermost_member_; }

 protected:
  /// Of the objects and lists that are open.
  std::size_t depth() const { return open_.size(); }
  virtual bool keeps(const Json& object, const std::string& key) {
    (void)object, (void)key;
    return true;
  }
  /// Before each value that is kept.
  virtual void count() {}

 private:
  bool null() override { return put(nullptr); }
  bool boolean(bool value) override { return put(value); }
  bool number_integer(std::int64_t value) override { return put(value); }
  bool number_unsigned(std::uint64_t value) override { return put(value); }
  bool number_float(double value, const std::string&) override { return put(value); }
  bool string(std::string& value) override { return put(std::move(value)); }
  bool binary(typename Json::binary_t&) override { return false; }  // JSON has none
  bool start_object(std::size_t) override { return open(Json::value_t::object); }
  bool start_array(std::size_t) override { return open(Json::value_t::array); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(std::string& name) override {
    if (depth() == 1) outermost_member_ = name;
    Json* const object = open_.back();
    member_ = object != nullptr && keeps(*object, name) ? &(*object)[name] : nullptr;
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception&) override { return false; }

  bool put(Json value) {
    place(std::move(value));
    return !too_deep_;
  }
  bool open(typename Json::value_t type) {
    open_.push_back(place(Json(type)));
    return !too_deep_;
  }
  bool close() {
    open_.pop_back();
    return true;
  }
  /// Where the value lies now; null when it is left out.
  Json* place(Json value) {
    too_deep_ = depth() > kMaximumJsonDepth;
    Json* const around = open_.empty() ? nullptr : open_.back();
    const bool in_list = around != nullptr && around->is_array();
    if (!open_.empty() && !in_list && (around == nullptr || member_ == nullptr)) return nullptr;
    count();
    if (in_list) {
      around->push_back(std::move(value));
      return &around->back();
    }
    Json* const own = around == nullptr ? &root_ : member_;
    *own = std::move(value);
    return own;
  }

  Json root_;
  std::vector<Json*> open_;  // null: left out. What they point to stays: nothing is added beside what is open
  Json* member_ = nullptr;   // of the innermost object, which the next value is for; null: left out
  bool too_deep_ = false;
  std::string outermost_member_;
};

/// The whole text as JSON, nested at most 64 deep. Throws Error with explain_json() and the hint.
template <class Json = nlohmann::json>
Json parse_json(std::string_view text, const std::string& file, const std::string& hint = {}) {
  JsonBuilder<Json> builder;
  std::optional<Json> parsed = builder.build(text);
  if (builder.too_deep()) throw Error(file + ": values are nested too deeply", hint);
  if (!parsed) throw Error(explain_json(text, file), hint);
  return std::move(*parsed);
}

}  // namespace lmf
