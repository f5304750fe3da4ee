#include "protocol/ordered_member.hpp"

#include <vector>

#include <fmt/format.h>

#include "base/json.hpp"
#include "protocol/api_error.hpp"

namespace lmf::api {
namespace {

// An ordered object is searched for every member that is added to it.
constexpr std::size_t kMostMembers = 1000, kMostValues = 50'000;

/// Keeps of a request nothing but one member, and refuses one that is too large to be read in order.
class MemberFilter {
 public:
  /// `whole`: all of it is read, `name` is what it is called.
  explicit MemberFilter(const std::string& name, bool whole = false) : name_(name), whole_(whole), inside_(whole) {}
  bool operator()(int depth, nlohmann::ordered_json::parse_event_t event, const nlohmann::ordered_json& value) {
    using Event = nlohmann::ordered_json::parse_event_t;
    const auto level = static_cast<std::size_t>(depth);
    if (whole_ && depth > kMaximumJsonDepth)  // a request that is too deep is none for Body::parse()
      throw ApiError::invalid(name_, fmt::format("{} is nested more than {} deep", name_, kMaximumJsonDepth));
    if (event == Event::key && depth == 1 && !whole_) inside_ = value == name_;
    if (!inside_) return event != Event::key;
    if (event == Event::object_start) {
      members_.resize(level + 2);
      members_[level + 1] = 0;
    }
    if (event == Event::key && depth > (whole_ ? 0 : 1) && ++members_[level] > kMostMembers)
      throw ApiError::invalid(name_,
                              fmt::format("an object in {} has more than {} members, which is as many as one may "
                                          "have",
                                          name_, kMostMembers));
    const bool begins = event == Event::value || event == Event::object_start || event == Event::array_start;
    if (begins && ++values_ > kMostValues)
      throw ApiError::invalid(
          name_, fmt::format("{} has more than {} values, which is as many as it may have", name_, kMostValues));
    return true;
  }

 private:
  const std::string& name_;
  const bool whole_;
  bool inside_;
  std::vector<std::size_t> members_;  // by depth, of the object that is open there
  std::size_t values_ = 0;
};

}  // namespace

nlohmann::ordered_json parse_ordered(std::string_view text, const std::string& name) {
  return nlohmann::ordered_json::parse(text, MemberFilter(name, /*whole=*/true), /*allow_exceptions=*/false);
}

nlohmann::ordered_json ordered_member(std::string_view bytes, const std::string& name, const std::string& place) {
  const auto whole = nlohmann::ordered_json::parse(bytes, MemberFilter(name));  // it is JSON: it was read before
  const nlohmann::ordered_json::json_pointer pointer("/" + name + place);
  if (!whole.contains(pointer))  // of members of one name, the other reader keeps another
    throw ApiError::invalid(name, fmt::format("a member of the request stands there twice: {}", name));
  return whole.at(pointer);
}

}  // namespace lmf::api
