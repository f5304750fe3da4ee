#include "text/tokenizer.hpp"

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

#include "lmf/error.hpp"
#include "text/tokenizer_config.hpp"
#include "text/tokenizer_model.hpp"
#include "text/unicode.hpp"

namespace lmf::text {
namespace {

AddedToken special_token(const std::string& content) { return {.content = content, .special = true}; }

std::optional<std::int32_t> id_of(const TokenizerModel& model, const std::optional<std::string>& token) {
  const std::int32_t id = token ? model.find(*token) : -1;
  return id >= 0 ? std::optional(id) : std::nullopt;
}

/// FNV-1a, 64 bits.
struct Hash {
  std::uint64_t value = 0xCBF29CE484222325u;
  void add(std::string_view bytes) {
    for (const char byte : bytes) value = (value ^ static_cast<unsigned char>(byte)) * 0x100000001B3u;
    value = (value ^ bytes.size()) * 0x100000001B3u;
  }
};

}  // namespace

Tokenizer::Tokenizer(std::unique_ptr<TokenizerModel> model, std::unique_ptr<TokenizerConfig> config)
    : model_(std::move(model)), config_(std::move(config)) {
  config_->fill_special(model_->default_special_tokens());
  std::vector<AddedToken> tokens = config_->added_tokens;
  const auto wanted = [&](const std::string& content) {
    const auto same = [&](const AddedToken& token) { return token.content == content; };
    if (model_->added_tokens().find(content) < 0 && std::none_of(tokens.begin(), tokens.end(), same))
      tokens.push_back(special_token(content));
  };
  for (const auto* token : {&config_->special.bos, &config_->special.eos, &config_->special.unk, &config_->special.pad})
    if (*token && !(*token)->empty()) wanted(**token);
  for (const std::string& token : config_->special.additional) wanted(token);
  const auto known = [&](const AddedToken& token) {
    const auto& by_id = model_->added_tokens().by_id();
    const auto found = by_id.find(model_->added_tokens().find(token.content));
    return found != by_id.end() && found->second == token;
  };
  std::erase_if(tokens, known);
  if (!tokens.empty()) model_->add(tokens);
  choose_post_processor();
}

Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Tokenizer Tokenizer::load(const std::filesystem::path& directory) {
  auto config = std::make_unique<TokenizerConfig>(TokenizerConfig::load(directory));
  const auto json = directory / "tokenizer.json", model = directory / "tokenizer.model";
  if (std::filesystem::exists(json)) return {load_tokenizer_json(json), std::move(config)};
  if (std::filesystem::exists(model)) return {load_tokenizer_model(model, config->legacy), std::move(config)};
  throw Error(fmt::format("{} holds no tokenizer: neither tokenizer.json nor tokenizer.model", directory.string()),
              "model_name_or_path must be a model's folder with its tokenizer");
}

/// add_bos_token and add_eos_token, where they are said, replace what tokenizer.json's post-processor adds.
void Tokenizer::choose_post_processor() {
  PostProcessor chosen;
  if (const auto inside = model_->post_processor(); inside && !config_->add_bos && !config_->add_eos) {
    chosen = *inside;
  } else {
    if (const auto bos = bos_id(); bos && config_->add_bos.value_or(model_->adds_bos_by_default()))
      chosen.prefix = {*bos};
    if (const auto eos = eos_id(); eos && config_->add_eos.value_or(false)) chosen.suffix = {*eos};
  }
  prefix_ = std::move(chosen.prefix);
  suffix_ = std::move(chosen.suffix);
}

std::vector<std::int32_t> Tokenizer::encode(std::string_view text, bool add_special_tokens,
                                            bool split_special_tokens) const {
  std::vector<std::int32_t> ids;
  if (add_special_tokens) ids = prefix_;
  if (unicode::valid_prefix(text) == text.size())
    model_->encode(text, split_special_tokens, ids);
  else
    model_->encode(unicode::replace_invalid(text), split_special_tokens, ids);
  if (add_special_tokens) ids.insert(ids.end(), suffix_.begin(), suffix_.end());
  return ids;
}

std::string Tokenizer::decode(std::span<const std::int32_t> ids, bool skip_special_tokens) const {
  return model_->decode(ids, skip_special_tokens);
}

std::int64_t Tokenizer::vocab_size() const { return model_->vocab_size(); }

std::optional<std::int32_t> Tokenizer::token_id(std::string_view token) const {
  const std::int32_t id = model_->find(token);
  return id >= 0 ? std::optional(id) : std::nullopt;
}

std::string Tokenizer::token(std::int32_t id) const { return model_->token(id); }

std::string Tokenizer::token_bytes(std::int32_t id) const {
  const std::string literal = token(id);
  std::string bytes;
  if (literal.empty()) return bytes;
  if (model_->streaming() == Streaming::bytes) {
    model_->append_bytes(id, bytes);
    return bytes;
  }
  unsigned byte = 0;
  if (model_->is_byte_token(id) && std::sscanf(literal.c_str(), "<0x%2X>", &byte) == 1)
    return {static_cast<char>(byte)};
  // After another token: a text's first one may lose its leading blank.
  const std::int32_t twice[] = {id, id};
  const std::string once = decode({twice, 1}), both = decode(twice);
  return both.size() > once.size() ? both.substr(once.size()) : once;
}

bool Tokenizer::is_special(std::int32_t id) const {
  const auto& added = model_->added_tokens();
  const auto found = added.by_id().find(id);
  return found != added.by_id().end() && added.is_special(found->second.content);
}

const SpecialTokens& Tokenizer::special() const { return config_->special; }
std::optional<std::int32_t> Tokenizer::bos_id() const { return id_of(*model_, config_->special.bos); }
std::optional<std::int32_t> Tokenizer::eos_id() const { return id_of(*model_, config_->special.eos); }
std::optional<std::int32_t> Tokenizer::pad_id() const { return id_of(*model_, config_->special.pad); }

bool Tokenizer::adds_bos() const { return !prefix_.empty() && prefix_[0] == bos_id(); }
std::string Tokenizer::chat_template() const { return config_->chat_template; }
void Tokenizer::set_chat_template(std::string jinja) { config_->chat_template = std::move(jinja); }

/// True when `token` is new to the vocabulary.
bool Tokenizer::add(const std::string& token) {
  if (token.empty()) throw Error("an empty text cannot be a special token");
  const bool is_new = model_->find(token) < 0;
  const AddedToken wanted[] = {special_token(token)};
  if (is_new || !model_->added_tokens().is_special(token)) model_->add(wanted);
  return is_new;
}

bool Tokenizer::set_eos(const std::string& token) {
  const bool is_new = add(token);
  config_->special.eos = token;
  choose_post_processor();
  return is_new;
}

bool Tokenizer::set_pad(const std::string& token) {
  const bool is_new = add(token);
  config_->special.pad = token;
  return is_new;
}

bool Tokenizer::add_special_token(const std::string& token) {
  const bool is_new = add(token);
  auto& additional = config_->special.additional;
  if (std::find(additional.begin(), additional.end(), token) == additional.end()) additional.push_back(token);
  return is_new;
}

void Tokenizer::save(const std::filesystem::path& directory) const {
  std::filesystem::create_directories(directory);
  model_->save(directory);
  config_->save(directory, model_->added_tokens());
}

std::string Tokenizer::fingerprint() const {
  Hash hash;
  hash.add(model_->source());
  for (const auto& [id, token] : model_->added_tokens().by_id())
    hash.add(fmt::format("{} {} {:d}{:d}{:d}{:d}{:d}", id, token.content, token.single_word, token.lstrip, token.rstrip,
                         token.normalized, token.special));
  hash.add(fmt::format("{} {} {}", fmt::join(prefix_, " "), fmt::join(suffix_, " "), config_->legacy));
  return fmt::format("{:016x}", hash.value);
}

}  // namespace lmf::text
