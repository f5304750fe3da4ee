// From the options to a token store: which data sets, is there a store already, else read, align, tokenise by threads,
// write.
#include "data/prepare.hpp"

#include <algorithm>
#include <thread>

#include <fmt/format.h>

#include "base/log.hpp"
#include "data/blocks.hpp"
#include "data/cache_key.hpp"
#include "data/report.hpp"
#include "data/tally.hpp"
#include "lmf/error.hpp"

namespace lmf::data {

namespace {

constexpr std::size_t kShownProblems = 20;

std::size_t worker_count(const PrepareOptions& options) {
  return options.workers > 0 ? static_cast<std::size_t>(options.workers)
                             : std::max(1u, std::thread::hardware_concurrency());
}

/// Leaves the first ones. How many more there were.
std::size_t shorten(std::vector<std::string>& problems) {
  const std::size_t count = problems.size();
  problems.resize(std::min(count, kShownProblems));
  return count - problems.size();
}

void throw_if_any(std::vector<std::string> problems) {
  if (problems.empty()) return;
  if (const std::size_t more = shorten(problems)) problems.push_back(fmt::format("and {} more.", more));
  throw Error(fmt::format("{}", fmt::join(problems, "\n")), {}, kExitUsage);
}

std::vector<DatasetDescription> resolve(const PrepareOptions& options, std::vector<std::string>& problems) {
  if (options.datasets.empty())
    problems.push_back("No data set is named: set dataset to names in dataset_info.json or to .json/.jsonl files.");
  if (options.stage != "sft")
    problems.push_back(fmt::format("Data for stage '{}' are not supported yet, only sft.", options.stage));
  if (options.cutoff_len < 1)
    problems.push_back(fmt::format("cutoff_len is {}, expected at least 1.", options.cutoff_len));
  if (options.max_samples && *options.max_samples < 1)
    problems.push_back(fmt::format("max_samples is {}, expected at least 1.", *options.max_samples));
  if (options.train_on_prompt && options.mask_history)
    problems.push_back("train_on_prompt and mask_history exclude each other.");
  try {
    return resolve_datasets(options.datasets, options.dataset_directory, problems);
  } catch (const Error& error) {
    problems.emplace_back(error.what());
    return {};
  }
}

/// The report of a store that is there and sound; a damaged one is replaced, with a word.
std::optional<PrepareReport> find_store(const std::filesystem::path& path, const text::Tokenizer& tokenizer) {
  if (!std::filesystem::exists(path)) return std::nullopt;
  try {
    const TokenStore store = TokenStore::open(path);
    PrepareReport report = report_from_json(store.notes());
    if (store.vocab_size() != tokenizer.vocab_size() || store.size() != report.kept)
      throw Error(fmt::format("{} belongs to another tokenizer.", path.string()));
    report.from_cache = true;
    report.store = path;
    return report;
  } catch (const Error& error) {
    log::warn("{} The data are tokenised again.", error.what());
    return std::nullopt;
  }
}

/// Reads all rows and, with an encoder, tokenises them; each block goes to `consume` once it is counted.
template <class Consume>
Tally read_all(const RecordSet& set, const PrepareOptions& options, const Encoder* encoder,
               const PrepareProgress& progress, const Consume& consume) {
  Tally tally(set);
  std::int64_t done = 0;
  for_each_block(set, encoder, worker_count(options), [&](const Block& block) {
    tally.add(block);
    consume(block);
    done += std::ssize(block.kept) + std::ssize(block.dropped) + std::ssize(block.problems);
    if (progress) progress(done, std::ssize(set.rows));
  });
  if (!set.rows.empty()) tally.judge(options.cutoff_len, !options.for_prediction);
  return tally;
}

Encoder encoder_of(const PrepareOptions& options, const text::Tokenizer& tokenizer,
                   const text::ChatTemplate& chat_template) {
  return {tokenizer,
          chat_template,
          {options.cutoff_len, options.train_on_prompt, options.mask_history, options.for_prediction}};
}

}  // namespace

DatasetCheck check_datasets(const PrepareOptions& options, const text::Tokenizer* tokenizer,
                            const text::ChatTemplate* chat_template, const PrepareProgress& progress) {
  DatasetCheck check;
  const RecordSet set = read_records(resolve(options, check.problems), options, check.problems);
  std::optional<Encoder> encoder;
  if (tokenizer && chat_template && options.cutoff_len > 0)
    encoder.emplace(encoder_of(options, *tokenizer, *chat_template));
  Tally tally = read_all(set, options, encoder ? &*encoder : nullptr, progress, [](const Block&) {});
  check.problems.insert(check.problems.end(), tally.problems.begin(), tally.problems.end());
  check.unlisted = shorten(check.problems);
  check.report = std::move(tally.report);
  return check;
}

PrepareReport prepare(const PrepareOptions& options, const text::Tokenizer& tokenizer,
                      const text::ChatTemplate& chat_template, const PrepareProgress& progress) {
  std::vector<std::string> problems;
  auto datasets = resolve(options, problems);
  throw_if_any(problems);
  const auto path = cache_folder(options) / (cache_key(datasets, options, tokenizer, chat_template) + ".tokens");
  if (!options.overwrite_cache) {
    if (auto report = find_store(path, tokenizer)) return *report;
  }

  const RecordSet set = read_records(std::move(datasets), options, problems);
  throw_if_any(problems);
  const Encoder encoder = encoder_of(options, tokenizer, chat_template);
  std::vector<std::string> names;
  for (const auto& file : set.files) names.push_back(file->path().filename().string());
  TokenStoreWriter writer(path, tokenizer.vocab_size(), std::move(names));
  Tally tally = read_all(set, options, &encoder, progress, [&writer](const Block& block) {
    for (const auto& kept : block.kept)
      writer.add({kept.example.ids, kept.example.labels}, kept.row->file, kept.row->record->line,
                 kept.row->record->number);
  });
  throw_if_any(tally.problems);
  tally.report.store = path;
  writer.finish(to_json(tally.report));
  return tally.report;
}

}  // namespace lmf::data
