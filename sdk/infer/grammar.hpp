#pragma once

#include <bitset>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace lmf::infer {

/// A context-free grammar over bytes, without left recursion (Recogniser refuses it). A rule is a choice between
/// sequences of elements.
class Grammar {
 public:
  using ByteSet = std::bitset<256>;
  struct Element {
    std::int32_t rule = -1;  ///< of that rule; negative: one byte of `bytes`
    ByteSet bytes{};
  };
  using Sequence = std::vector<Element>;

  /// A rule that is defined later, for what contains itself.
  Element declare();
  void define(const Element& rule, std::vector<Sequence> choices);
  Element rule(std::vector<Sequence> choices);

  static Element byte_of(std::string_view bytes);
  static ByteSet range(unsigned first, unsigned last);
  static Sequence literal(std::string_view text);  ///< throws Error for one that no answer could hold
  Element optional(const Sequence& sequence) { return rule({sequence, {}}); }
  /// Between `least` and `most` times; most < 0: any number.
  Element repeated(const Sequence& sequence, std::int64_t least, std::int64_t most = -1);

  const std::vector<std::vector<Sequence>>& rules() const { return rules_; }

 private:
  std::vector<std::vector<Sequence>> rules_;
  std::size_t elements_ = 0;
};

/// One after the other.
inline Grammar::Sequence operator+(Grammar::Sequence a, const Grammar::Sequence& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// Says byte by byte whether a text may still become a sentence of the grammar. States are numbered as they are met and
/// where each byte leads is remembered, so that a state which comes again costs a look into a table.
class Recogniser {
 public:
  using State = std::int32_t;
  static constexpr State kNone = -1;  ///< no sentence begins so

  Recogniser(Grammar grammar, const Grammar::Element& start);

  State start() const { return start_; }
  State next(State state, unsigned char byte);
  bool complete(State state) const;  ///< the text so far is a sentence
  std::size_t states() const { return states_.size(); }
  /// Forgets all states but one, whose new number is returned: what is remembered stays bounded however long a text is.
  State forget_all_but(State state);

 private:
  // A place in a sequence, and the one to go on with after its end: a stack whose lower part many stacks share.
  struct Place {
    std::int32_t rule, choice, position, parent;
    bool operator==(const Place&) const = default;
  };
  using Places = std::vector<std::int32_t>;  // numbers of places before a byte; kEnd: the sentence is complete
  static constexpr std::int32_t kEnd = 0, kUnknown = -2;
  struct Hash {
    std::size_t operator()(const Place& place) const;
    std::size_t operator()(const Places& places) const;
  };

  State reach(std::vector<Place> pending);
  void refuse_left_recursion() const;
  std::int32_t number(const Place& place);
  State intern(Places places);

  std::shared_ptr<const Grammar> grammar_;  // copies of a Recogniser share it
  std::vector<Place> places_;
  std::unordered_map<Place, std::int32_t, Hash> place_numbers_;
  std::vector<Places> states_;
  std::unordered_map<Places, State, Hash> state_numbers_;
  std::vector<std::vector<State>> transitions_;  // [state][byte]
  State start_ = kNone;
};

}  // namespace lmf::infer
