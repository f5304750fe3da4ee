#include "protocol/ordered_member.hpp"

#include <utility>

#include <fmt/format.h>

#include "base/json.hpp"
#include "protocol/api_error.hpp"

namespace lmf::api {
namespace {

using Ordered = nlohmann::ordered_json;

// An ordered object is searched for every member that is added to it.
constexpr std::size_t kMostMembers = 1000, kMostValues = 20'000;

/// Keeps of a request nothing but one member, and refuses one that is too large to be read in order.
class MemberBuilder : public JsonBuilder<Ordered> {
 public:
  /// `whole`: all of it is read, `name` is what it is called.
  explicit MemberBuilder(const std::string& name, bool whole = false) : name_(name), whole_(whole) {}

 private:
  bool keeps(const Ordered& object, const std::string& key) override {
    if (depth() == 1 && !whole_) return key == name_;
    if (object.size() >= kMostMembers && !object.contains(key))
      throw ApiError::invalid(name_,
                              fmt::format("an object in {} has more than {} members, which is as many as one may "
                                          "have",
                                          name_, kMostMembers));
    return true;
  }
  void count() override {
    if (++values_ > kMostValues)
      throw ApiError::invalid(
          name_, fmt::format("{} has more than {} values, which is as many as it may have", name_, kMostValues));
  }

  const std::string& name_;
  const bool whole_;
  std::size_t values_ = 0;
};

}  // namespace

Ordered parse_ordered(std::string_view text, const std::string& name) {
  MemberBuilder builder(name, /*whole=*/true);
  auto value = builder.build(text);
  if (builder.too_deep())
    throw ApiError::invalid(name, fmt::format("{} is nested more than {} deep", name, kMaximumJsonDepth));
  return value ? std::move(*value) : Ordered(Ordered::value_t::discarded);
}

Ordered ordered_member(std::string_view bytes, const std::string& name, const std::string& place) {
  const Ordered whole = MemberBuilder(name).build(bytes).value();  // it is JSON: it was read before
  const Ordered::json_pointer pointer("/" + name + place);
  if (!whole.contains(pointer))  // of members of one name, the other reader keeps another
    throw ApiError::invalid(name, fmt::format("a member of the request stands there twice: {}", name));
  return whole.at(pointer);
}

}  // namespace lmf::api
