#include "text/normalizer.hpp"

#include <fmt/format.h>
#include <utf8proc.h>

#include "text/bpe.hpp"
#include "text/canonical_form.hpp"
#include "text/unicode.hpp"

namespace lmf::text {
namespace {

constexpr std::size_t kLargestText = std::size_t{1} << 30;  // bytes, after replacing

/// NFC, NFD, NFKC, NFKD.
class ToCanonicalForm : public NormalizerStep {
 public:
  explicit ToCanonicalForm(CanonicalForm form) : form_(form) {}
  void apply(std::string& text, RegexWorkspace&) const override { to_canonical_form(text, form_); }

 private:
  CanonicalForm form_;
};

class StripBlanks : public NormalizerStep {
 public:
  StripBlanks(bool left, bool right) : left_(left), right_(right) {}
  void apply(std::string& text, RegexWorkspace&) const override {
    std::size_t begin = 0, end = text.size();
    while (left_ && begin < end) {
      const auto [code, bytes] = unicode::decode(text, begin);
      if (!unicode::is_space(code)) break;
      begin += bytes;
    }
    while (right_ && end > begin) {
      const std::size_t bytes = unicode::bytes_before(text, end);
      if (!unicode::is_space(unicode::decode(text, end - bytes).code)) break;
      end -= bytes;
    }
    text = text.substr(begin, end - begin);
  }

 private:
  bool left_, right_;
};

class PutInFront : public NormalizerStep {
 public:
  explicit PutInFront(std::string prefix) : prefix_(std::move(prefix)) {}
  void apply(std::string& text, RegexWorkspace&) const override {
    if (!text.empty()) text.insert(0, prefix_);
  }

 private:
  std::string prefix_;
};

class Replace : public NormalizerStep {
 public:
  explicit Replace(const JsonObject& object) : replacement_(object) {}
  void apply(std::string& text, RegexWorkspace& work) const override { replacement_.apply(text, work); }

 private:
  Replacement replacement_;
};

/// One character becomes some text.
class EachCharacter : public NormalizerStep {
 public:
  using Map = void (*)(char32_t code, std::string& out);
  explicit EachCharacter(Map map) : map_(map) {}
  void apply(std::string& text, RegexWorkspace&) const override {
    std::string mapped;
    mapped.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
      const auto [code, bytes] = unicode::decode(text, at);
      map_(code, mapped);
      at += bytes;
    }
    text.swap(mapped);
  }

 private:
  Map map_;
};

/// Small forms of the letters that Unicode 16 and 17 added, which utf8proc does not know.
char32_t newer_lower(char32_t code) {
  if (code >= 0x10D50 && code <= 0x10D65) return code + 0x20;
  if (code >= 0x16EA0 && code <= 0x16EB8) return code + 0x1B;
  switch (code) {
    case 0x1C89:
    case 0xA7CC:
    case 0xA7CE:
    case 0xA7D2:
    case 0xA7D4:
    case 0xA7DA:
      return code + 1;
    case 0xA7CB:
      return 0x264;
    case 0xA7DC:
      return 0x19B;
    default:
      return code;
  }
}

void lower(char32_t code, std::string& out) {
  if (code == 0x130) {  // the only character whose small form is two: i and a dot above
    out += "i\xCC\x87";
    return;
  }
  const auto small = static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(code)));
  unicode::append(out, small == code ? newer_lower(code) : small);
}

void without_marks(char32_t code, std::string& out) {
  if (!unicode::is_mark(code)) unicode::append(out, code);
}

/// The clean-up of NMT models: controls vanish, odd blanks become spaces.
void nmt(char32_t code, std::string& out) {
  const bool control = (code >= 1 && code <= 8) || code == 0xB || (code >= 0xE && code <= 0x1F) || code == 0x7F ||
                       code == 0x8F || code == 0x9F;
  if (control) return;
  const bool blank = code == 9 || code == 0xA || code == 0xC || code == 0xD || code == 0x1680 ||
                     (code >= 0x200B && code <= 0x200F) || code == 0x2028 || code == 0x2029 || code == 0x2581 ||
                     code == 0xFEFF || code == 0xFFFD;
  unicode::append(out, blank ? U' ' : code);
}

class NormalizeBytes : public NormalizerStep {
 public:
  void apply(std::string& text, RegexWorkspace&) const override {
    std::string mapped;
    append_mapped(mapped, text);
    text.swap(mapped);
  }
};

void read_into(Normalizer& result, const JsonObject& object, int depth) {
  const auto add = [&](std::unique_ptr<NormalizerStep> step) { result.steps.push_back(std::move(step)); };
  const std::string type = object.text("type");
  if (type == "Sequence") {
    const Json& members = object.at("normalizers");
    if (!members.is_array() || depth > 16) object.refuse("\"normalizers\" is not a list, or nested deeper than 16");
    for (std::size_t i = 0; i < members.size(); ++i)
      read_into(result, {members[i], fmt::format("{}.normalizers[{}]", object.place(), i)}, depth + 1);
    return;
  }
  if (type == "NFC") return add(std::make_unique<ToCanonicalForm>(CanonicalForm::nfc));
  if (type == "NFD") return add(std::make_unique<ToCanonicalForm>(CanonicalForm::nfd));
  if (type == "NFKC") return add(std::make_unique<ToCanonicalForm>(CanonicalForm::nfkc));
  if (type == "NFKD") return add(std::make_unique<ToCanonicalForm>(CanonicalForm::nfkd));
  if (type == "Strip")
    return add(std::make_unique<StripBlanks>(object.flag("strip_left", true), object.flag("strip_right", true)));
  if (type == "Prepend") return add(std::make_unique<PutInFront>(object.text("prepend")));
  if (type == "Replace") return add(std::make_unique<Replace>(object));
  if (type == "Lowercase") return add(std::make_unique<EachCharacter>(lower));
  if (type == "StripAccents") return add(std::make_unique<EachCharacter>(without_marks));
  if (type == "Nmt") return add(std::make_unique<EachCharacter>(nmt));
  if (type == "ByteLevel") return add(std::make_unique<NormalizeBytes>());
  object.refuse(fmt::format("the normalizer \"{}\" is not supported", type));
}

}  // namespace

Replacement::Replacement(const JsonObject& object) : place_(object.place()), content_(object.text("content")) {
  const JsonObject pattern = object.object("pattern");
  if (pattern.find("String"))
    literal_ = pattern.text("String");
  else
    regex_ = std::make_unique<Regex>(pattern.text("Regex"), pattern.place());
}

void Replacement::apply(std::string& text, RegexWorkspace& work) const {
  if (!regex_ && (literal_.empty() || text.find(literal_) == std::string::npos)) return;
  std::string result;
  result.reserve(text.size());
  if (regex_) {
    regex_->partition(text, work, [&](std::size_t begin, std::size_t end, bool is_match) {
      result.append(is_match ? content_ : std::string_view(text).substr(begin, end - begin));
      check_growth(result.size());
    });
  } else {
    std::size_t begin = 0;
    for (std::size_t at; (at = text.find(literal_, begin)) != std::string::npos; begin = at + literal_.size())
      check_growth(result.append(text, begin, at - begin).append(content_).size());
    result.append(text, begin);
  }
  text.swap(result);
}

void Replacement::check_growth(std::size_t bytes) const {
  if (bytes > kLargestText)
    throw Error(fmt::format("{}: the replacement makes a text of more than {} bytes", place_, kLargestText));
}

Normalizer read_normalizer(const Json* value, const std::string& place) {
  Normalizer result;
  if (value && !value->is_null()) read_into(result, {*value, place}, 0);
  return result;
}

}  // namespace lmf::text
