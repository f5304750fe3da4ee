#include <algorithm>
#include <mutex>
#include <optional>

#include <fmt/format.h>

#include "base/files.hpp"
#include "text/bpe.hpp"
#include "text/json_reader.hpp"
#include "text/normalizer.hpp"
#include "text/pre_tokenizer.hpp"
#include "text/token_decoder.hpp"
#include "text/tokenizer_json.hpp"
#include "text/tokenizer_model.hpp"

namespace lmf::text {
namespace {

/// Everything one call works with.
struct Workspace {
  BpeWorkspace bpe;
  RegexWorkspace regex;
  Pieces pieces;
  std::string normalized;
  std::vector<AddedTokens::Part> raw_parts, normalized_parts;
};

/// Workspaces that calls borrow, so that every thread finds a warm one and none is made twice.
class WorkspacePool {
 public:
  class Loan {
   public:
    explicit Loan(WorkspacePool& pool) : pool_(pool), workspace_(pool.take()) {}
    ~Loan() { pool_.give_back(std::move(workspace_)); }
    Loan(const Loan&) = delete;
    Loan& operator=(const Loan&) = delete;
    Workspace& operator*() const { return *workspace_; }
    Workspace* operator->() const { return workspace_.get(); }

   private:
    WorkspacePool& pool_;
    std::unique_ptr<Workspace> workspace_;
  };

 private:
  std::unique_ptr<Workspace> take() {
    {
      const std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        auto workspace = std::move(idle_.back());
        idle_.pop_back();
        return workspace;
      }
    }
    return std::make_unique<Workspace>();
  }
  void give_back(std::unique_ptr<Workspace> workspace) {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(workspace));
  }
  std::mutex mutex_;
  std::vector<std::unique_ptr<Workspace>> idle_;
};

class JsonTokenizer : public TokenizerModel {
 public:
  JsonTokenizer(std::string json, const std::string& origin)
      : source_(std::move(json)), file_(read_tokenizer_json(source_, origin)) {
    bpe_.emplace(file_.vocabulary, std::move(file_.merges), file_.bpe, file_.pre_tokenizer.maps_bytes);
    add(file_.added_tokens);
    added_later_ = false;
  }

  void encode(std::string_view text, bool split_special_tokens, std::vector<std::int32_t>& ids) const override {
    const WorkspacePool::Loan work(pool_);
    work->raw_parts.clear();
    added_.split(text, AddedTokens::Which::raw, split_special_tokens, work->raw_parts);
    for (const AddedTokens::Part& part : work->raw_parts) {
      if (part.id >= 0)
        ids.push_back(part.id);
      else
        encode_stretch(text.substr(part.begin, part.end - part.begin), part.begin == 0, split_special_tokens, *work,
                       ids);
    }
  }

  std::string decode(std::span<const std::int32_t> ids, bool skip_special_tokens) const override {
    const auto skipped = [&](std::int32_t id) { return skip_special_tokens && is_special(id); };
    if (file_.decoder.only_byte_level) {
      std::string bytes;
      for (const std::int32_t id : ids)
        if (!skipped(id)) append_bytes(id, bytes);
      return unicode::valid_prefix(bytes) == bytes.size() ? bytes : unicode::replace_invalid(bytes);
    }
    std::vector<std::string> tokens;
    for (const std::int32_t id : ids)
      if (!skipped(id) && knows(id)) tokens.push_back(token(id));
    const WorkspacePool::Loan work(pool_);
    return file_.decoder.decode(std::move(tokens), work->regex);
  }

  Streaming streaming() const override { return file_.decoder.streaming; }

  void append_bytes(std::int32_t id, std::string& bytes) const override {
    const auto added = added_.by_id().find(id);
    if (added != added_.by_id().end())
      bytes += unmapped(added->second.content).value_or(added->second.content);
    else if (const auto raw = bpe_->raw(id))
      bytes += *raw;
    else
      bytes += file_.vocabulary.token(id);
  }

  bool is_byte_token(std::int32_t id) const override {
    const std::string text = token(id);
    return text.size() == 6 && text.starts_with("<0x") && text.back() == '>';
  }

  std::int64_t vocab_size() const override {
    const std::int32_t last_added = added_.by_id().empty() ? -1 : added_.by_id().rbegin()->first;
    return std::max(file_.vocabulary.id_bound(), last_added + 1);
  }
  std::int32_t find(std::string_view token) const override {
    const std::int32_t added = added_.find(token);
    return added >= 0 ? added : file_.vocabulary.find(token);
  }
  std::string token(std::int32_t id) const override {
    const auto added = added_.by_id().find(id);
    return added != added_.by_id().end() ? added->second.content : std::string(file_.vocabulary.token(id));
  }
  const AddedTokens& added_tokens() const override { return added_; }
  std::optional<PostProcessor> post_processor() const override { return file_.post_processor; }

  void add(std::span<const AddedToken> tokens) override {
    const auto vocabulary_size = static_cast<std::int32_t>(file_.vocabulary.size());
    std::int32_t next = vocabulary_size;
    if (!added_.by_id().empty()) {
      const std::int32_t last = added_.by_id().rbegin()->first;
      if (last >= vocabulary_size || vocabulary_size == 0) next = last + 1;
    }
    for (const AddedToken& token : tokens) {
      if (token.content.empty()) continue;
      const std::int32_t known = find(token.content);
      added_.put(token, known >= 0 ? known : next++);
    }
    const WorkspacePool::Loan work(pool_);
    added_.build([&](std::string content) {
      file_.normalizer.apply(content, work->regex);
      return content;
    });
    added_later_ = true;
  }

  void save(const std::filesystem::path& directory) const override {
    const auto file = directory / "tokenizer.json";
    write_file_atomically(file, added_later_ ? with_added_tokens(source_, added_) : source_);
  }
  std::string_view source() const override { return source_; }

 private:
  bool knows(std::int32_t id) const { return added_.by_id().contains(id) || file_.vocabulary.contains(id); }
  bool is_special(std::int32_t id) const {
    const auto added = added_.by_id().find(id);
    return added != added_.by_id().end() && added_.is_special(added->second.content);
  }

  /// Text between added tokens: normalise, cut, join. `starts`: it begins where the whole text does.
  void encode_stretch(std::string_view text, bool starts, bool split_special_tokens, Workspace& work,
                      std::vector<std::int32_t>& ids) const {
    if (!file_.normalizer.steps.empty()) {
      work.normalized.assign(text);
      file_.normalizer.apply(work.normalized, work.regex);
      text = work.normalized;
    }
    if (!added_.any(AddedTokens::Which::normalized)) return encode_words(text, starts, work, ids);
    work.normalized_parts.clear();
    added_.split(text, AddedTokens::Which::normalized, split_special_tokens, work.normalized_parts);
    for (const AddedTokens::Part& part : work.normalized_parts) {
      if (part.id >= 0)
        ids.push_back(part.id);
      else
        encode_words(text.substr(part.begin, part.end - part.begin), starts && part.begin == 0, work, ids);
    }
  }

  void encode_words(std::string_view text, bool starts, Workspace& work, std::vector<std::int32_t>& ids) const {
    work.pieces.reset(text, starts);
    file_.pre_tokenizer.apply(work.pieces, work.regex);
    for (const Pieces::Piece& piece : work.pieces.list()) bpe_->tokenize(work.pieces.view(piece), work.bpe, ids);
  }

  std::string source_;
  TokenizerJson file_;
  std::optional<Bpe> bpe_;
  AddedTokens added_;
  bool added_later_ = false;
  mutable WorkspacePool pool_;
};

}  // namespace

std::unique_ptr<TokenizerModel> parse_tokenizer_json(std::string json, const std::string& origin) {
  return std::make_unique<JsonTokenizer>(std::move(json), origin);
}

std::unique_ptr<TokenizerModel> load_tokenizer_json(const std::filesystem::path& file) {
  return parse_tokenizer_json(read_file(file, kLargestTokenizerFile), file.string());
}

}  // namespace lmf::text
