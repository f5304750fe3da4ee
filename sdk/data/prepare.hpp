#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "data/token_store.hpp"
#include "text/chat_template.hpp"
#include "text/tokenizer.hpp"

namespace lmf::data {

/// One side of the records, divided at random: those held out for evaluation, or the others, which are trained on.
struct Part {
  double held_out = 0.0;  ///< val_size: below 1 a share of the records, else their number
  bool is_held_out = false;
};

struct PrepareOptions {
  std::string stage = "sft";
  std::vector<std::string> datasets;  ///< names in dataset_info.json, or paths of .json/.jsonl files
  std::filesystem::path dataset_directory = "data";
  std::int64_t cutoff_len = 2048;
  std::optional<std::int64_t> max_samples;  ///< of each data set
  bool train_on_prompt = false;  ///< not with a template that has efficient_eos: it learns eos in the prompt's place
  bool mask_history = false;
  bool for_prediction = false;  ///< examples as encode_prediction() makes them
  bool overwrite_cache = false;
  std::uint32_t seed = 42;                ///< draws the records of data sets with num_samples, and divides the records
  std::optional<Part> part = {};          ///< none: all records
  int workers = 0;                        ///< threads; 0: all cores
  std::filesystem::path cache_directory;  ///< where stores are kept; empty: the user's cache folder
  std::filesystem::path fallback_directory;  ///< where they are kept when that cannot be written; empty: an error
};

/// What happened to the records, shown before training.
struct PrepareReport {
  struct Dropped {
    std::string reason;       ///< "output is missing"
    std::string first_place;  ///< "identity.json:12"
    std::int64_t count = 0;
  };
  std::int64_t read = 0, kept = 0;
  std::vector<Dropped> dropped;
  std::vector<std::string> notes;   ///< what is odd and stops nothing
  std::int64_t tokens = 0;          ///< kept
  std::int64_t truncated = 0;       ///< examples longer than cutoff_len
  std::int64_t tokens_cut = 0;      ///< by truncation, of all examples together
  std::int64_t without_labels = 0;  ///< examples in which nothing is left to learn
  bool from_cache = false;
  std::filesystem::path store;
};

using PrepareProgress = std::function<void(std::int64_t done, std::int64_t total)>;  ///< from the calling thread

struct DatasetCheck {
  std::vector<std::string> problems;  ///< each with its place; none: prepare() will succeed
  std::size_t unlisted = 0;           ///< how many more there are: a broken file has one for each line
  PrepareReport report;
};
/// What prepare() would find, with nothing written: dataset_info.json, missing files, broken JSON, data sets without
/// one usable record. With a tokenizer and its template the records are tokenised too, so that those that cannot be,
/// and a cutoff_len that leaves nothing to learn, are found.
DatasetCheck check_datasets(const PrepareOptions& options, const text::Tokenizer* tokenizer,
                            const text::ChatTemplate* chat_template, const PrepareProgress& progress = {});
/// Reads, aligns, tokenises (by threads) into a store keyed by content, tokenizer, template and options; or finds it
/// there. Throws one Error (kExitUsage) that lists all problems.
PrepareReport prepare(const PrepareOptions& options, const text::Tokenizer& tokenizer,
                      const text::ChatTemplate& chat_template, const PrepareProgress& progress = {});

/// What was left out, with the reason and the first place, what was cut, and what is odd: no line when all is well.
std::vector<std::string> remarks(const PrepareReport& report);
/// The lines shown before training: records read and kept, and the remarks. `name` begins the first one.
std::vector<std::string> summary(const PrepareReport& report, const std::string& name = "Data");
/// One example as the trainer logs it: ids, their text, label ids, the text of what is learned.
std::string describe(const Example& example, const text::Tokenizer& tokenizer);

}  // namespace lmf::data
