#include "infer/grammar.hpp"

#include <algorithm>
#include <unordered_set>

#include "lmf/error.hpp"

namespace lmf::infer {
namespace {

// What a hostile schema, or an answer nested ever deeper, may make us remember.
constexpr std::size_t kMostRules = 100'000, kMostElements = 1'000'000, kLongestLiteral = 100'000,
                      kMostPlaces = 1'000'000, kMostStates = 20'000;

std::size_t mix(std::size_t hash, std::size_t value) { return (hash ^ value) * 0x9E3779B97F4A7C15 + (hash >> 29); }

}  // namespace

Grammar::Element Grammar::declare() {
  if (rules_.size() >= kMostRules) throw Error("the schema is too large", "shorten it, or bound fewer lengths");
  rules_.emplace_back();
  return {static_cast<std::int32_t>(rules_.size() - 1), {}};
}

void Grammar::define(const Element& rule, std::vector<Sequence> choices) {
  for (const Sequence& choice : choices) elements_ += choice.size() + 1;
  if (elements_ > kMostElements) throw Error("the schema is too large", "shorten it, or bound fewer lengths");
  rules_.at(static_cast<std::size_t>(rule.rule)) = std::move(choices);
}

Grammar::Element Grammar::rule(std::vector<Sequence> choices) {
  const Element element = declare();
  define(element, std::move(choices));
  return element;
}

Grammar::Element Grammar::byte_of(std::string_view bytes) {
  Element element;
  for (const unsigned char byte : bytes) element.bytes.set(byte);
  return element;
}

Grammar::ByteSet Grammar::range(unsigned first, unsigned last) {
  ByteSet set;
  for (unsigned byte = first; byte <= last; ++byte) set.set(byte);
  return set;
}

Grammar::Sequence Grammar::literal(std::string_view text) {
  if (text.size() > kLongestLiteral) throw Error("a value of the schema is too long", "shorten it");
  Sequence sequence;
  for (std::size_t i = 0; i < text.size(); ++i) sequence.push_back(byte_of(text.substr(i, 1)));
  return sequence;
}

Grammar::Element Grammar::repeated(const Sequence& sequence, std::int64_t least, std::int64_t most) {
  Element rest;
  if (most < 0) {
    rest = declare();
    Sequence again = sequence;
    again.push_back(rest);
    define(rest, {std::move(again), {}});
  } else {
    rest = rule({{}});
    for (std::int64_t i = least; i < most; ++i) {
      Sequence once = sequence;
      once.push_back(rest);
      rest = rule({std::move(once), {}});
    }
  }
  for (std::int64_t i = 0; i < least; ++i) {
    Sequence once = sequence;
    once.push_back(rest);
    rest = rule({std::move(once)});
  }
  return rest;
}

std::size_t Recogniser::Hash::operator()(const Place& place) const {
  std::size_t hash = 0;
  for (const std::int32_t part : {place.rule, place.choice, place.position, place.parent})
    hash = mix(hash, static_cast<std::uint32_t>(part));
  return hash;
}

std::size_t Recogniser::Hash::operator()(const Places& places) const {
  std::size_t hash = places.size();
  for (const std::int32_t place : places) hash = mix(hash, static_cast<std::uint32_t>(place));
  return hash;
}

Recogniser::Recogniser(Grammar grammar, const Grammar::Element& start)
    : grammar_(std::make_shared<const Grammar>(std::move(grammar))) {
  refuse_left_recursion();
  places_.push_back({-1, -1, -1, -1});  // kEnd
  std::vector<Place> pending;
  const auto choices = grammar_->rules()[static_cast<std::size_t>(start.rule)].size();
  for (std::size_t choice = 0; choice < choices; ++choice)
    pending.push_back({start.rule, static_cast<std::int32_t>(choice), 0, kEnd});
  start_ = reach(std::move(pending));
}

/// A rule that begins with itself would be entered for ever.
void Recogniser::refuse_left_recursion() const {
  const auto& rules = grammar_->rules();
  std::vector<char> empty(rules.size(), 0);  // whether the rule may be no byte at all
  const auto is_empty = [&](const Grammar::Element& element) {
    return element.rule >= 0 && empty[static_cast<std::size_t>(element.rule)];
  };
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t i = rules.size(); i-- > 0;) {
      if (empty[i]) continue;
      empty[i] = std::ranges::any_of(
          rules[i], [&](const Grammar::Sequence& choice) { return std::ranges::all_of(choice, is_empty); });
      changed = changed || empty[i];
    }
  }
  // Rules that a rule may begin with; they are counted down from those that begin with none (Kahn 1962).
  std::vector<std::vector<std::size_t>> begun_by(rules.size());
  std::vector<std::size_t> begins_with(rules.size(), 0), free;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    for (const Grammar::Sequence& choice : rules[i])
      for (const Grammar::Element& element : choice) {
        if (element.rule >= 0) begun_by[static_cast<std::size_t>(element.rule)].push_back(i), ++begins_with[i];
        if (!is_empty(element)) break;
      }
    if (begins_with[i] == 0) free.push_back(i);
  }
  std::size_t counted = 0;
  for (; !free.empty(); ++counted) {
    const std::size_t rule = free.back();
    free.pop_back();
    for (const std::size_t other : begun_by[rule])
      if (--begins_with[other] == 0) free.push_back(other);
  }
  if (counted < rules.size()) throw Error("the schema refers to itself without a value in between");
}

std::int32_t Recogniser::number(const Place& place) {
  const auto [found, added] = place_numbers_.try_emplace(place, static_cast<std::int32_t>(places_.size()));
  if (added) {
    if (places_.size() >= kMostPlaces) throw Error("the answer is nested too deeply for its schema");
    places_.push_back(place);
  }
  return found->second;
}

/// The places before a byte that the pending ones lead to. Each rule is entered once for what follows it, each place is
/// gone on with once: a schema may name the same part in many ways.
Recogniser::State Recogniser::reach(std::vector<Place> pending) {
  std::unordered_set<std::uint64_t> entered;
  std::unordered_set<std::int32_t> continued, found;
  Places reached;
  const auto add = [&](std::int32_t place) {
    if (found.insert(place).second) reached.push_back(place);
  };
  while (!pending.empty()) {
    const Place place = pending.back();
    pending.pop_back();
    const auto& sequence =
        grammar_->rules()[static_cast<std::size_t>(place.rule)][static_cast<std::size_t>(place.choice)];
    if (static_cast<std::size_t>(place.position) == sequence.size()) {
      if (place.parent == kEnd)
        add(kEnd);
      else if (continued.insert(place.parent).second)
        pending.push_back(places_[static_cast<std::size_t>(place.parent)]);
      continue;
    }
    const Grammar::Element& element = sequence[static_cast<std::size_t>(place.position)];
    if (element.rule < 0) {
      add(number(place));
      continue;
    }
    // After a sequence's last element its parent is gone on with: a rule that ends with itself does not grow a stack.
    const bool last = static_cast<std::size_t>(place.position) + 1 == sequence.size();
    const std::int32_t after =
        last ? place.parent : number({place.rule, place.choice, place.position + 1, place.parent});
    if (!entered
             .insert(std::uint64_t{static_cast<std::uint32_t>(element.rule)} << 32 | static_cast<std::uint32_t>(after))
             .second)
      continue;
    const auto choices = grammar_->rules()[static_cast<std::size_t>(element.rule)].size();
    for (std::size_t choice = 0; choice < choices; ++choice)
      pending.push_back({element.rule, static_cast<std::int32_t>(choice), 0, after});
  }
  return intern(std::move(reached));
}

Recogniser::State Recogniser::intern(Places places) {
  if (places.empty()) return kNone;
  std::ranges::sort(places);
  const auto [found, added] = state_numbers_.try_emplace(places, static_cast<State>(states_.size()));
  if (added) {
    if (states_.size() >= kMostStates) throw Error("the answer has too many forms for its schema");
    states_.push_back(std::move(places));
    transitions_.emplace_back();
  }
  return found->second;
}

Recogniser::State Recogniser::next(State state, unsigned char byte) {
  if (state == kNone) return kNone;
  auto& known = transitions_[static_cast<std::size_t>(state)];
  if (known.empty()) known.assign(256, kUnknown);
  if (known[byte] != kUnknown) return known[byte];
  std::vector<Place> pending;
  for (const std::int32_t number_of : states_[static_cast<std::size_t>(state)]) {
    if (number_of == kEnd) continue;
    Place place = places_[static_cast<std::size_t>(number_of)];
    const auto& sequence =
        grammar_->rules()[static_cast<std::size_t>(place.rule)][static_cast<std::size_t>(place.choice)];
    if (!sequence[static_cast<std::size_t>(place.position)].bytes.test(byte)) continue;
    ++place.position;
    pending.push_back(place);
  }
  const State target = reach(std::move(pending));
  return transitions_[static_cast<std::size_t>(state)][byte] = target;
}

Recogniser::State Recogniser::forget_all_but(State state) {
  if (state == kNone) return kNone;
  Places kept = std::move(states_[static_cast<std::size_t>(state)]);
  states_.clear();
  state_numbers_.clear();
  transitions_.clear();
  return intern(std::move(kept));
}

bool Recogniser::complete(State state) const {
  return state != kNone && std::ranges::binary_search(states_[static_cast<std::size_t>(state)], kEnd);
}

}  // namespace lmf::infer
