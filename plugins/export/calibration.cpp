#include "calibration.hpp"

#include <algorithm>
#include <random>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "data/record_file.hpp"
#include "lmf/error.hpp"

namespace lmf::exporter {
namespace {

using Tokens = std::vector<std::int32_t>;

/// Uniform below `count`; std::uniform_int_distribution draws otherwise from one standard library to the next.
std::size_t below(std::size_t count, std::mt19937_64& random) { return static_cast<std::size_t>(random() % count); }

/// The texts of a file, parsed one at a time.
class TextFile {
 public:
  explicit TextFile(const std::filesystem::path& path) {
    if (path.extension() == ".txt")
      whole_ = read_file(path);
    else
      records_.emplace(path);
  }
  std::size_t size() const { return records_ ? records_->records().size() : 1; }
  std::string text(std::size_t index) const {
    if (!records_) return whole_;
    const data::Record& record = records_->records()[index];
    const auto refuse = [&](const std::string& why) {
      throw Error(fmt::format("{}: {}", records_->place(record, 0), why),
                  "export_quantization_dataset is a file of texts, or of records that have them under \"text\"",
                  kExitUsage);
    };
    const auto json = nlohmann::json::parse(record.text, nullptr, /*allow_exceptions=*/false);
    if (json.is_string()) return json.get<std::string>();
    if (json.is_discarded()) refuse("not JSON");
    const auto text = json.is_object() ? json.find("text") : json.end();
    if (text == json.end() || !text->is_string()) refuse("the record has no \"text\"");
    return text->get<std::string>();
  }

 private:
  std::string whole_;
  std::optional<data::RecordFile> records_;
};

/// Distinct texts of at least `longest` tokens in random order, until there are `most`.
std::vector<Tokens> long_texts(const Quantization& wanted, const text::Tokenizer& tokenizer, std::size_t most,
                               std::mt19937_64& random) {
  const TextFile file(wanted.dataset);
  std::vector<std::size_t> order(file.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::vector<Tokens> texts;
  std::size_t longest = 0;
  for (std::size_t i = 0; i < order.size() && texts.size() < most; ++i) {
    std::swap(order[i], order[i + below(order.size() - i, random)]);
    Tokens tokens = tokenizer.encode(file.text(order[i]));
    longest = std::max(longest, tokens.size());
    if (tokens.size() >= wanted.longest) texts.push_back(std::move(tokens));
  }
  if (texts.empty())
    throw Error(fmt::format("{}: none of the {} text{} in {} has the {} tokens of export_quantization_maxlen; the "
                            "longest has {}",
                            wanted.origin, file.size(), file.size() == 1 ? "" : "s", wanted.dataset.string(),
                            wanted.longest, longest),
                "name longer texts, or lower export_quantization_maxlen", kExitUsage);
  return texts;
}

Tokens part_of(const Tokens& text, std::size_t length, std::mt19937_64& random) {
  const auto begin = text.begin() + static_cast<std::ptrdiff_t>(below(text.size() - length + 1, random));
  return {begin, begin + static_cast<std::ptrdiff_t>(length)};
}

}  // namespace

CalibrationTexts draw_calibration_texts(const Quantization& wanted, const text::Tokenizer& tokenizer) {
  std::mt19937_64 random(wanted.seed);
  const std::size_t most_held = std::clamp<std::size_t>(wanted.samples / 8, 1, 16);
  std::vector<Tokens> texts = long_texts(wanted, tokenizer, wanted.samples + most_held, random);
  CalibrationTexts drawn;
  if (texts.size() == 1) {  // its last eighth is held out
    Tokens& text = texts.front();
    const std::size_t kept = text.size() - text.size() / 8;
    const Tokens end(text.begin() + static_cast<std::ptrdiff_t>(kept), text.end());
    text.resize(kept);
    if (kept < wanted.longest || end.size() < 2)
      throw Error(fmt::format("{}: {} has one text of {} tokens or more, and without its last eighth, which is held "
                              "out to measure with, it is shorter",
                              wanted.origin, wanted.dataset.string(), wanted.longest),
                  "name more texts, or lower export_quantization_maxlen", kExitUsage);
    for (std::size_t i = 0; i + 1 < end.size() && drawn.held_out.size() < most_held; i += wanted.longest)
      drawn.held_out.emplace_back(end.begin() + static_cast<std::ptrdiff_t>(i),
                                  end.begin() + static_cast<std::ptrdiff_t>(std::min(end.size(), i + wanted.longest)));
  } else {
    const std::size_t held = std::min(most_held, std::max<std::size_t>(1, texts.size() / 8));
    for (std::size_t i = 0; i < held; ++i) {
      drawn.held_out.push_back(part_of(texts.back(), wanted.longest, random));
      texts.pop_back();
    }
  }
  for (std::size_t i = 0; i < wanted.samples; ++i)
    drawn.calibration.push_back(part_of(texts[i % texts.size()], wanted.longest, random));
  return drawn;
}

}  // namespace lmf::exporter
